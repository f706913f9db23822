package policy

import (
	"math"
	"slices"
	"time"
)

// A trend keeps the past of a worker's memory at several resolutions, each with
// the same few points: the last seconds finely, the whole life coarsely. What is
// to be expected within some time can so be read from a stretch of the past that
// is about as long, for a leak of megabytes a second as for one of megabytes a
// day, at a cost that does not depend on either.
type trend struct {
	began  time.Time
	levels []level

	looks looks
	span  time.Duration // how long something must last not to be a spike
	last  int64         // the last look, in bytes
	at    time.Time     // when it was
	rise  float64       // bytes a second from look to look, smoothed; not robust

	crest  int64         // the most that lasted since the last fall
	trough int64         // the least since the last fall
	falls  int           // times that memory fell by itself
	fell   int64         // the most that it has fallen from
	fallT  time.Duration // when it last fell but one
	lastT  time.Duration // and when last
}

// A level holds its points in a ring. Each stands for a stretch of time: where it
// began, and the least and the most of it. The least is what counts, since a
// garbage collector's saw has floors that do not rise.
type level struct {
	points [trendPoints]point
	n      int // points ever closed
	open   point
	some   bool // open holds something

	fitted int // n when fit was made: a level changes seldom, and the wider the less
	fit    fit
}

type point struct {
	at        time.Duration // since the trend began
	low, high int64
}

const (
	// trendPoints is a multiple of the four quarters that growth is read from.
	trendPoints = 16
	// trendLevels of doubling width reach from a few samples to some weeks.
	trendLevels = 20
	// leastPoints are two for each quarter.
	leastPoints = 8
)

func newTrend(now time.Time) *trend { return &trend{began: now} }

func (t *trend) clone() *trend {
	if t == nil {
		return nil
	}
	u := *t
	u.levels = slices.Clone(t.levels)
	return &u
}

// add notes a look. every is the time between two looks that was asked for; there
// may be up to fineness times as many.
func (t *trend) add(now time.Time, bytes int64, every time.Duration) {
	if d := now.Sub(t.at).Seconds(); !t.at.IsZero() && d > 0 {
		t.rise += (max(0, float64(bytes-t.last)/d) - t.rise) / 2
	}
	t.span, t.last, t.at = every, bytes, now
	t.looks.add(bytes, now)
	// What lasts is what counts: a spike that is shorter than that never gets in.
	at := now.Sub(t.began)
	low, high := t.looks.bounds(now, every)
	t.noteFall(low, high, at)
	// It is of the time when it was so. By the clock of the looks, growth would
	// seem to stop whenever there are fewer of them, and to be made up for after.
	t.looks.each(now, every, func(v int64, ago time.Duration) {
		if v == low {
			at = min(at, now.Sub(t.began)-ago)
		}
	})
	t.feed(0, point{at, low, low}, max(every/fineness, time.Millisecond))
}

// age is how long there have been looks.
func (t *trend) age() time.Duration { return t.at.Sub(t.began) }

// feed adds a point to a level; what a level closes goes on to the next.
func (t *trend) feed(k int, p point, width time.Duration) {
	for ; k < trendLevels; k++ {
		if k == len(t.levels) {
			t.levels = append(t.levels, level{})
		}
		l := &t.levels[k]
		if !l.some {
			l.open, l.some = p, true
			return
		}
		if p.at-l.open.at < width<<k {
			l.open.low, l.open.high = min(l.open.low, p.low), max(l.open.high, p.high)
			return
		}
		l.points[l.n%trendPoints] = l.open
		l.n++
		l.open, p = p, l.open
	}
}

// A fall is a loss of more than a fiftieth, and of more than an allocator's
// usual back and forth.
const (
	fallShare = 50
	leastFall = 1 << 20
)

// noteFall notes that memory came down by itself, and stayed there.
func (t *trend) noteFall(low, high int64, at time.Duration) {
	if t.crest-high > max(t.crest/fallShare, leastFall) {
		t.falls++
		t.fell = max(t.fell, t.crest)
		t.fallT, t.lastT = t.lastT, at
		t.crest, t.trough = low, low
		return
	}
	t.crest, t.trough = max(t.crest, low), min(t.trough, low)
}

// shift moves the whole past by what an exact look has found to be counted
// wrongly: that is no growth and no fall.
func (t *trend) shift(bytes int64) {
	for i := range t.levels {
		l := &t.levels[i]
		for j := range l.points {
			l.points[j].low += bytes
			l.points[j].high += bytes
		}
		l.open.low += bytes
		l.open.high += bytes
		l.fit.high += float64(bytes)
	}
	t.last, t.crest, t.fell, t.trough = t.last+bytes, t.crest+bytes, t.fell+bytes, t.trough+bytes
	t.looks.shift(bytes)
}

// average is the growth in bytes a second over the last stretch of at least so
// long, steady or not; without end if there is none.
func (t *trend) average(atLeast time.Duration) float64 {
	for i := range t.levels {
		l := &t.levels[i]
		if l.n < leastPoints {
			break
		}
		if span := l.span(); span >= atLeast {
			n := min(l.n, trendPoints)
			return float64(l.points[(l.n-1)%trendPoints].low-l.points[(l.n-n)%trendPoints].low) / span.Seconds()
		}
	}
	return math.Inf(1)
}

// jumped tells whether most of what was gained since the beginning, or as long ago
// as there are points, came in one step.
func (t *trend) jumped() bool {
	for i := len(t.levels) - 1; i >= 0; i-- {
		l := &t.levels[i]
		if l.n < leastPoints && i > 0 || l.n == 0 {
			continue
		}
		n := min(l.n, trendPoints)
		first, before, jump := l.points[(l.n-n)%trendPoints].low, t.last, int64(0)
		for j := range n {
			low := l.points[(l.n-1-j)%trendPoints].low
			jump, before = max(jump, before-low), low
		}
		return float64(jump) > oneStep*float64(t.last-first)
	}
	return false
}

// oneStep is the part of all growth that is most of it: two equal steps are not one.
const oneStep = 0.6

// span is the time from the first point of a level to its last.
func (l *level) span() time.Duration {
	n := min(l.n, trendPoints)
	return l.points[(l.n-1)%trendPoints].at - l.points[(l.n-n)%trendPoints].at
}

// median of a few values, which it sorts; the mean of the two in the middle if
// their number is even.
func median(values []int64) float64 {
	slices.Sort(values)
	n := len(values)
	return (float64(values[(n-1)/2]) + float64(values[n/2])) / 2
}
