package verdict

import (
	"math"
	"slices"
	"time"
)

// shape is how a life's memory grew: all that is kept of one that has ended.
type shape struct {
	slot   int
	round  int // which roll of its release it was begun after
	began  time.Time
	span   time.Duration
	ending Ending
	axis   axis    // what growth was held against
	first  float64 // bytes at the beginning
	level  float64 // bytes: its floor in the end
	now    float64 // bytes: its floor at the last looks
	noise  float64 // bytes by which a floor is off, as a standard deviation

	counted bool    // requests were, and are the work; else CPU time is
	pace    float64 // what it did of late, in units of work an hour; -1 for nobody knows

	told       bool          // there were looks enough to tell anything below
	growth                   // since it warmed up
	rest       growth        // in the later half of its work alone
	clock      float64       // the ratio per hour rather than per unit of work
	varied     bool          // the load was not even
	explained  bool          // memory grew no more than the load did
	settledAt  time.Duration // the age from which it had nearly all that it has in the end
	perDay     float64       // bytes, of late
	perDayHigh float64       // the same at most, given the noise
}

// Shapes are told from so many windows of equal work, or fewer where there are
// fewer looks. The first is left out: there programs warm up.
const (
	windows      = 8
	leastWindows = 5
)

// What makes growth even. A life whose memory grows with the logarithm of its
// age has a ratio of 0.4, with its square root 0.65; a cache that is filled to
// two thirds 0.66, to a third 0.83, a leak 1.
const (
	evenRatio    = 0.92 // the least of a leak, by the median of lives
	oneRatio     = 0.9  // the least of a leak by lives that are long enough to tell it alone
	slowRatio    = 0.87 // the least of it that chance may have made more of
	evenLow      = 0.7  // the least of its lower bound
	slowHigh     = 0.6  // the most of the upper bound of what slows down
	restRatio    = 0.77 // the most of the later half alone, by the median of lives that slow down
	stillRatio   = 0.85 // the least of the later half alone of a life that goes on growing: of a logarithm it has 0.73
	evenShare    = 0.3  // of the mean growth, that every window but one must have
	sigmas       = 2.0
	unsettled    = 0.1     // of all growth, that may come after a life has settled
	leastGrowth  = 4 << 20 // bytes; less is no growth
	leastPortion = 0.05    // of the level; less is no growth
	leakPortion  = 0.2     // of the level, that a life must have grown by to be evidence of a leak alone
	risenLoad    = 1.1     // from which ratio of the later load to the earlier a load has risen
	evenLoad     = 2       // the most that a part of a life may have of the work of another, to be an even load
)

// shape tells how a life went until now.
func (l *life) shape() *shape {
	s := &shape{slot: l.slot, round: l.round, began: l.began, axis: byTime, counted: !l.blind, pace: -1}
	if len(l.buckets) == 0 {
		return s
	}
	s.span = l.last.age - l.buckets[0].age
	s.first, s.level, s.now = float64(l.buckets[0].Private), float64(l.last.Private), float64(l.buckets[len(l.buckets)-1].Private)
	s.pace = l.pace()
	s.axis = l.axis()
	floors := l.floors(s.axis)
	if len(floors) < leastWindows && s.axis != byTime {
		// What little it had to do came all at once.
		s.axis = byTime
		floors = l.floors(byTime)
	}
	if len(floors) < leastWindows {
		return s
	}
	s.told = true
	s.noise = l.noise()
	s.level = floors[len(floors)-1].bytes
	s.growth = measure(floors[1:], s.noise)
	if rest := l.later(s.axis).floors(s.axis); len(rest) >= leastWindows {
		s.rest = measure(rest, s.noise)
	}
	s.settle(l)
	s.clock = s.ratio
	if s.axis == byTime {
		return s
	}
	s.explained = l.explained()
	byClock := *s
	byClock.axis = byTime
	if floors := l.floors(byTime); len(floors) >= leastWindows {
		byClock.growth = measure(floors[1:], s.noise)
		s.clock, s.varied = byClock.ratio, uneven(l, s.axis)
	}
	if byClock.clock = byClock.ratio; !s.leaks() && byClock.leaks() {
		return &byClock // what runs by the clock grows at night too
	}
	return s
}

// settle tells what the life would grow by in a day as it did of late: from the
// floor around its middle to the floor of its last quarter.
func (s *shape) settle(l *life) {
	middle, last := math.Inf(1), math.Inf(1)
	for _, b := range l.buckets {
		switch at := float64(b.age-l.buckets[0].age) / float64(max(s.span, 1)); {
		case at >= 0.75:
			last = min(last, float64(b.Private))
		case at >= 0.375 && at < 0.625:
			middle = min(middle, float64(b.Private))
		}
	}
	if math.IsInf(middle, 1) || math.IsInf(last, 1) {
		s.perDay, s.perDayHigh = math.Inf(1), math.Inf(1)
		return
	}
	s.level = last
	for _, b := range l.buckets {
		if float64(b.Private) < last-unsettled*(last-s.first) {
			s.settledAt = b.age
		}
	}
	days := 0.375 * s.span.Hours() / 24
	s.perDay = (last - middle) / days
	s.perDayHigh = (last - middle + sigmas*s.noise) / days
}

// leaks tells whether the life alone is evidence of a leak.
func (s *shape) leaks() bool {
	least := leakTime
	if s.axis == byTime || s.varied {
		least = variedLeakTime
	}
	return s.span >= least && s.creeps() && s.clock >= slowHigh
}

// creeps tells whether it grew evenly, by what is worth speaking of and its load
// does not explain.
func (s *shape) creeps() bool {
	return s.evenly() && !s.explained && s.low >= evenLow && s.level-s.first >= leakPortion*s.level
}

// evenly tells whether it grew with its work and as much in the end as before.
func (s *shape) evenly() bool { return s.told && s.grew && s.even && s.ratio >= evenLow }

// still tells whether it goes on growing, however much more it grew before.
func (s *shape) still() bool {
	return s.told && s.rest.grew && s.rest.even && s.rest.ratio >= stillRatio
}

// slows tells whether it grew, and ever slower.
func (s *shape) slows() bool { return s.told && s.grew && s.high < slowHigh && !s.still() }

// settled tells whether it hardly grows any more. What creeps up evenly, however
// slowly, has not settled.
func (s *shape) settled() bool {
	return s.told && !s.evenly() && !s.still() && s.span >= settleTime && s.perDayHigh <= hardlyADay*s.level
}

// calm tells whether it hardly grows, or ever slower.
func (s *shape) calm() bool { return s.settled() || s.slows() }

// flat tells of a settled life whether it hardly ever grew.
func (s *shape) flat() bool {
	return s.level-s.first <= max(leastGrowth, leastPortion*s.level)
}

// median is the middle of values, which it sorts; 0 of none.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	slices.Sort(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
