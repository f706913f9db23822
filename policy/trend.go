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

	last, before int64     // the last two looks, in bytes
	at           time.Time // of the last
	rise         float64   // bytes a second from look to look, smoothed; not robust

	crest int64         // the most that two looks in a row have had since the last fall
	falls int           // times that memory fell by itself
	fell  int64         // the most that it has fallen from
	fallT time.Duration // when it last fell but one
	lastT time.Duration // and when last
}

// A level holds its points in a ring. Each stands for a stretch of time: where it
// began, and the least and the most of it. The least is what counts, since a
// garbage collector's saw has floors that do not rise.
type level struct {
	points [trendPoints]point
	n      int // points ever closed
	open   point
	some   bool // open holds something
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

// add notes a look. width is the stretch of the finest level's points.
func (t *trend) add(now time.Time, bytes int64, width time.Duration) {
	if !t.at.IsZero() {
		if d := now.Sub(t.at).Seconds(); d > 0 {
			t.rise += (max(0, float64(bytes-t.last)/d) - t.rise) / 2
		}
	} else {
		t.last = bytes
	}
	t.before, t.last, t.at = t.last, bytes, now
	at := now.Sub(t.began)
	t.noteFall(at)
	t.feed(0, point{at, bytes, bytes}, max(width, time.Millisecond))
}

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

// noteFall notes that memory came down by itself. One look alone that was high
// does not count: it may have been a spike.
func (t *trend) noteFall(at time.Duration) {
	sure := min(t.last, t.before)
	if t.crest-max(t.last, t.before) > max(t.crest/fallShare, leastFall) {
		t.falls++
		t.fell = max(t.fell, t.crest)
		t.fallT, t.lastT = t.lastT, at
		t.crest = sure
		return
	}
	t.crest = max(t.crest, sure)
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
	}
	t.last, t.before, t.crest = t.last+bytes, t.before+bytes, t.crest+bytes
}

// outlook is steady growth, as one level shows it.
type outlook struct {
	now     float64 // bytes by now
	rate    float64 // bytes a second
	keeps   float64 // the part of rate that is left a quarter later: 1 if it does not slow down
	quarter float64 // seconds
	window  time.Duration
	floors  bool // the stretch has seen memory fall and rise again, so that its floors rise
}

const (
	// Growth is steady if at least half of all the movement up and down was growth.
	leastGain = 0.5
	// Growth that is left to this part from a quarter of the stretch to the one
	// after next is taken not to slow down: load varies as much.
	slowing = 0.64
)

// read finds steady growth in a level: it rises from each quarter of its stretch
// to the next. false if there is none, or too little to tell.
func (l *level) read(t *trend, now time.Time) (outlook, bool) {
	size := min(l.n, trendPoints) / 4
	if size*4 < leastPoints {
		return outlook{}, false
	}
	at := func(i int) point { return l.points[(l.n-4*size+i)%trendPoints] }
	var lows [4]float64
	var times [4]float64
	for q := range lows {
		var values [trendPoints / 4]int64
		for i := range size {
			values[i] = at(q*size + i).low
			times[q] += at(q*size+i).at.Seconds() / float64(size)
		}
		lows[q] = median(values[:size])
	}
	first, last := at(0), at(4*size-1)
	var moved float64
	for i := range 4*size - 1 {
		moved += math.Abs(float64(at(i+1).low - at(i).low))
	}
	gain := float64(last.low - first.low)
	if moved == 0 || gain < leastGain*moved || lows[1] <= lows[0] || lows[2] <= lows[1] || lows[3] <= lows[2] {
		return outlook{}, false
	}
	early := (lows[1] - lows[0]) / (times[1] - times[0])
	late := (lows[3] - lows[2]) / (times[3] - times[2])
	o := outlook{
		rate: late, keeps: 1, quarter: (times[3] - times[0]) / 3, window: last.at - first.at,
		floors: t.falls > 1 && t.fallT >= first.at,
	}
	if part := late / early; part < slowing {
		o.keeps = math.Sqrt(part)
	}
	var highs [trendPoints / 4]int64
	for i := range size {
		highs[i] = at(3*size + i).high
	}
	age := now.Sub(t.began).Seconds()
	o.now = median(highs[:size]) + o.grown(age-times[3])
	return o, true
}

// grown is how much is gained in so many seconds.
func (o outlook) grown(seconds float64) float64 {
	if o.keeps == 1 {
		return o.rate * seconds
	}
	// The sum of a geometric row, for any number of quarters.
	return o.rate * o.quarter / -math.Log(o.keeps) * (1 - math.Pow(o.keeps, seconds/o.quarter))
}

// reach is how long it takes to grow to limit; false for never.
func (o outlook) reach(limit float64) (time.Duration, bool) {
	missing := max(0, limit-o.now)
	seconds := missing / o.rate
	if o.keeps < 1 {
		left := 1 - missing*-math.Log(o.keeps)/(o.rate*o.quarter)
		if left <= 0 {
			return 0, false
		}
		seconds = o.quarter * math.Log(left) / math.Log(o.keeps)
	}
	if seconds > longest.Seconds() {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// longest is as far as anything is foreseen.
const longest = 30 * 24 * time.Hour

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
