package policy

import (
	"math"
	"time"
)

// outlook is steady growth, as one level shows it.
type outlook struct {
	now     float64 // bytes by now
	rate    float64 // bytes a second by now
	keeps   float64 // the part of rate that is left a quarter later: 1 if it does not slow down
	doubt   float64 // the least that keeps may be, with what the noise allows
	part    float64 // of the rate that was left from the second quarter of the stretch to the last, at most 1
	quarter float64 // seconds
	window  time.Duration
	floors  bool // the stretch has seen memory fall and rise again, so that its floors rise
}

const (
	// Growth is steady if at least half of all the movement up and down was growth,
	// and if less than so much of it came in one jump: a step has no slope.
	leastGain = 0.5
	mostJump  = 0.4
	// Growth that is left to this part from a quarter of the stretch to the one
	// after next is taken not to slow down: load varies as much.
	slowing = 0.64
	// leastDoubt is what that part may be wrong by without any noise.
	leastDoubt = 0.1
	// mostDoubt: below it, noise may as well be all that there is.
	mostDoubt = 0.5
)

// fit is what the closed points of a level say by themselves.
type fit struct {
	steady  bool    // it grows from each quarter of its stretch to the next
	high    float64 // bytes at the middle of the last quarter, at the most
	at      float64 // that middle, in seconds since the trend began
	rate    float64 // bytes a second, half a quarter before that
	keeps   float64 // the part of it that is left a quarter later
	doubt   float64 // the least that this may be
	part    float64
	quarter float64 // seconds
	noise   float64 // bytes by which a few looks may differ from what is steady
	from    time.Duration
	window  time.Duration
}

// read finds steady growth in a level; false if there is none, or too little to tell.
func (l *level) read(t *trend, now time.Time) (outlook, bool) {
	if l.fitted != l.n {
		l.fitted, l.fit = l.n, l.refit()
	}
	f := l.fit
	if !f.steady {
		return outlook{}, false
	}
	o := outlook{keeps: f.keeps, doubt: f.doubt, part: f.part, quarter: f.quarter, window: f.window, floors: t.falls > 1 && t.fallT >= f.from}
	since := now.Sub(t.began).Seconds() - f.at
	o.rate = f.rate
	if f.keeps < 1 {
		o.rate *= math.Sqrt(f.keeps)
	}
	foreseen := f.high + o.grown(since)
	if f.keeps < 1 {
		o.rate *= math.Pow(f.keeps, since/f.quarter)
	}
	if o.floors {
		o.now = min(foreseen, float64(max(t.fell, t.crest)))
		return o, true
	}
	// The points end some time ago, and what was to be seen since must have come.
	// Of the last looks the least counts, each with what came since: the others may
	// be a spike. What is no more than the noise need not be seen.
	o.now = math.Inf(1)
	t.looks.each(now, t.span, func(v int64, ago time.Duration) {
		o.now = min(o.now, float64(v)+o.rate*ago.Seconds())
	})
	if o.now < f.high || foreseen-f.high > f.noise && o.now < f.high+(foreseen-f.high)/2 {
		return outlook{}, false
	}
	return o, true
}

func (l *level) refit() fit {
	size := min(l.n, trendPoints) / 4
	if size*4 < leastPoints {
		return fit{}
	}
	at := func(i int) point { return l.points[(l.n-4*size+i)%trendPoints] }
	var lows, times [4]float64
	var highs [trendPoints / 4]int64
	for q := range lows {
		var values [trendPoints / 4]int64
		for i := range size {
			p := at(q*size + i)
			values[i], highs[i] = p.low, p.high
			times[q] += p.at.Seconds() / float64(size)
		}
		lows[q] = median(values[:size])
	}
	var moved, jump float64
	for i := range 4*size - 1 {
		step := float64(at(i+1).low - at(i).low)
		moved, jump = moved+math.Abs(step), max(jump, step)
	}
	first, last := at(0), at(4*size-1)
	gain := float64(last.low - first.low)
	if moved == 0 || gain < leastGain*moved || jump > mostJump*gain || lows[1] <= lows[0] || lows[2] <= lows[1] || lows[3] <= lows[2] {
		return fit{}
	}
	early := (lows[1] - lows[0]) / (times[1] - times[0])
	late := (lows[3] - lows[2]) / (times[3] - times[2])
	f := fit{
		steady: true, high: median(highs[:size]), at: times[3], rate: late, keeps: 1,
		quarter: (times[3] - times[0]) / 3, from: first.at, window: last.at - first.at,
	}
	f.part = min(1, late/early)
	if f.part < slowing {
		f.keeps = math.Sqrt(f.part)
	} else { // of more points, since there is no slowing down to be seen late
		f.rate = (lows[3] - lows[1]) / (times[3] - times[1])
	}
	// How far the points lie from the lines between the quarters' middles, for one
	// of the medians; two differences of two of them make the part.
	var off float64
	for i := range 4 * size {
		q := min(2, max(0, i/size-1+i%size*2/size))
		line := lows[q] + (lows[q+1]-lows[q])*(at(i).at.Seconds()-times[q])/(times[q+1]-times[q])
		off += math.Abs(float64(at(i).low)-line) / float64(4*size)
	}
	noise := 2 * 1.25 * off / math.Sqrt(float64(size)) / (lows[3] - lows[0]) * 3
	f.noise = max(leastFall, 4*off)
	f.doubt = math.Sqrt(max(0.01, f.part-leastDoubt-2*noise))
	return f
}

// grown is how much is gained in so many seconds.
func (o outlook) grown(seconds float64) float64 {
	if o.keeps == 1 {
		return o.rate * seconds
	}
	// The sum of a geometric row, for any number of quarters.
	return o.rate * o.quarter / -math.Log(o.keeps) * (1 - math.Pow(o.keeps, seconds/o.quarter))
}

// certain tells whether it grows to limit even if it slows down as much as the
// noise allows: as an exponential, as caches and heaps fill.
func (o outlook) certain(limit float64) bool {
	return o.now+o.rate*o.quarter/-math.Log(o.doubt) > limit
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
	if !(seconds <= longest.Seconds()) { // nor if it is no number
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// longest is as far as anything is foreseen.
const longest = 30 * 24 * time.Hour

// tries is how many levels are looked at for growth: a shorter stretch may be too
// noisy where the next is clear.
const tries = 3

// outlook is the growth over the last stretch of at least so long; false if there
// is none that is steady.
func (t *trend) outlook(now time.Time, atLeast time.Duration) (outlook, bool) {
	tried := 0
	for i := range t.levels {
		l := &t.levels[i]
		if l.n < leastPoints || tried == tries {
			break
		}
		if l.span() < atLeast {
			continue
		}
		if o, ok := l.read(t, now); ok && o.doubt > mostDoubt {
			return o, true
		}
		tried++
	}
	return outlook{}, false
}
