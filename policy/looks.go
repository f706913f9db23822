package policy

import "time"

// looks are the last few looks at something, for telling what lasts from what was
// there for a moment: samples come faster when memory jumps, so that a spike is
// seen by several in a row.
type looks struct {
	values [16]int64
	times  [16]time.Time
	n      int
}

func (l *looks) add(v int64, now time.Time) {
	l.values[l.n%len(l.values)], l.times[l.n%len(l.times)] = v, now
	l.n++
}

// last is when the last of them was; the zero time before.
func (l *looks) last() time.Time {
	if l.n == 0 {
		return time.Time{}
	}
	return l.times[(l.n-1)%len(l.times)]
}

// each calls do for all looks of the last span and one that is as old, newest
// first: with its value and how long ago it was.
func (l *looks) each(now time.Time, span time.Duration, do func(v int64, ago time.Duration)) {
	for i := range min(l.n, len(l.values)) {
		k := (l.n - 1 - i) % len(l.values)
		ago := now.Sub(l.times[k])
		do(l.values[k], ago)
		if ago >= span {
			return
		}
	}
}

// bounds are the least and the most of them.
func (l *looks) bounds(now time.Time, span time.Duration) (low, high int64) {
	first := true
	l.each(now, span, func(v int64, _ time.Duration) {
		if first {
			low, high, first = v, v, false
		}
		low, high = min(low, v), max(high, v)
	})
	return low, high
}

func (l *looks) shift(bytes int64) {
	for i := range l.values {
		l.values[i] += bytes
	}
}
