package verdict

import (
	"math"
	"slices"
	"time"
)

// shape is how a life's memory grew: all that is kept of one that has ended.
type shape struct {
	span   time.Duration
	ending Ending
	axis   axis    // what growth was held against
	first  float64 // bytes at the beginning
	level  float64 // bytes: its floor in the end
	noise  float64 // bytes by which a floor is off, as a standard deviation

	told    bool    // there were looks enough to tell anything below
	perWork float64 // bytes per unit of axis, since it warmed up
	perHour float64
	// Ratio is how much of its growth per unit of work the later part of the life
	// had, of the earlier part's; low and high are its bounds given the noise.
	ratio, low, high float64
	even             bool    // it grew in each part of the life, not in a step or two
	grew             bool    // by more than noise
	clock            float64 // the ratio per hour rather than per unit of work
	varied           bool    // the load was not even
	explained        bool    // memory grew no more than the load did
	perDay           float64 // bytes, of late
	perDayHigh       float64 // the same at most, given the noise
	late             float64 // bytes an hour, in the later part
}

// Shapes are told from so many windows of equal work, or fewer where there are
// fewer looks. The first is left out: there programs warm up.
const (
	windows      = 8
	leastWindows = 5
)

// What makes growth even. A life whose memory grows with the logarithm of its
// age has a ratio of 0.4, with its square root 0.65; a cache that is filled to
// two thirds 0.66, a leak 1.
const (
	evenRatio    = 0.75 // the least of a leak, by the median of lives
	evenLow      = 0.7  // the least of its lower bound
	slowHigh     = 0.6  // the most of the upper bound of what slows down
	evenShare    = 0.3  // of the mean growth, that every window but one must have
	sigmas       = 2.0
	leastGrowth  = 4 << 20 // bytes; less is no growth
	leastPortion = 0.05    // of the level; less is no growth
	leakPortion  = 0.2     // of the level, that a life must have grown by to be evidence of a leak alone
	risenLoad    = 1.1     // from which ratio of the later load to the earlier a load has risen
	evenLoad     = 2       // the most that a part of a life may have of the work of another, to be an even load
)

// shape tells how a life went until now.
func (l *life) shape() shape {
	s := shape{axis: byTime}
	if len(l.buckets) == 0 {
		return s
	}
	s.span = l.last.age - l.buckets[0].age
	s.first, s.level = float64(l.buckets[0].Private), float64(l.last.Private)
	s.axis = l.axis()
	floors := l.floors(s.axis)
	if len(floors) < leastWindows {
		return s
	}
	s.told = true
	s.noise = l.noise()
	s.measure(floors)
	s.settle(l)
	s.clock = s.ratio
	s.explained = l.explained()
	if s.axis == byTime {
		return s
	}
	byClock := s
	byClock.axis = byTime
	if floors := l.floors(byTime); len(floors) >= leastWindows {
		byClock.measure(floors)
		s.clock, s.varied = byClock.ratio, uneven(l, s.axis)
	}
	if byClock.clock = byClock.ratio; !s.leaks() && byClock.leaks() {
		return byClock // what runs by the clock grows at night too
	}
	return s
}

// explained tells whether the load rose from the first half of a life to the
// second, and memory by no larger part: it may be what more load needs.
func (l *life) explained() bool {
	a := byRequests
	if l.blind {
		a = byCPU
	}
	from, to := l.buckets[0], l.last
	half := slices.IndexFunc(l.buckets, func(b bucket) bool { return b.age >= from.age+(to.age-from.age)/2 })
	if half <= 0 {
		return false
	}
	middle := l.buckets[half]
	before := (middle.along(a) - from.along(a)) / float64(max(middle.age-from.age, 1))
	after := (to.along(a) - middle.along(a)) / float64(max(to.age-middle.age, 1))
	return after > risenLoad*before && mean(l.buckets[half:])*before <= mean(l.buckets[:half])*after
}

// mean is of the private memory of buckets.
func mean(of []bucket) float64 {
	sum := 0.0
	for _, b := range of {
		sum += float64(b.Private)
	}
	return sum / float64(max(len(of), 1))
}

// uneven tells whether much more was done in some part of a life than in another.
func uneven(l *life, a axis) bool {
	least, most := math.Inf(1), 0.0
	from := l.buckets[0]
	for _, b := range l.buckets[1:] {
		if b.age-from.age < l.last.age/windows {
			continue
		}
		rate := (b.along(a) - from.along(a)) / (b.age - from.age).Hours()
		least, most = min(least, rate), max(most, rate)
		from = b
	}
	return most > evenLoad*least
}

// floor is the least memory in a window, and where it was.
type floor struct {
	along float64
	age   time.Duration
	bytes float64
}

// floors are the least memory in windows of equal work; and since what came
// later and was less shows that what came before was garbage, none is above one
// that follows it.
func (l *life) floors(a axis) []floor {
	n := min(windows, len(l.buckets))
	from, to := l.buckets[0].along(a), l.last.along(a)
	if to <= from {
		return nil
	}
	floors := make([]floor, 0, n)
	latest := -1
	for _, b := range l.buckets {
		at := min(n-1, int((b.along(a)-from)/(to-from)*float64(n)))
		f := floor{b.along(a), b.age, float64(b.Private)}
		switch {
		case at != latest:
			floors = append(floors, f)
			latest = at
		case f.bytes < floors[len(floors)-1].bytes:
			floors[len(floors)-1] = f
		}
	}
	for i := len(floors) - 2; i >= 0; i-- {
		floors[i].bytes = min(floors[i].bytes, floors[i+1].bytes)
	}
	return floors
}

// measure compares the growth of the later windows with that of the earlier.
func (s *shape) measure(floors []floor) {
	floors = floors[1:]
	first, middle, last := floors[0], floors[(len(floors)-1)/2], floors[len(floors)-1]
	s.level = last.bytes
	growth, work := last.bytes-first.bytes, last.along-first.along
	s.perWork = growth / work
	s.perHour = growth / (last.age - first.age).Hours()
	s.late = (last.bytes - middle.bytes) / (last.age - middle.age).Hours()
	s.grew = growth > max(leastGrowth, leastPortion*last.bytes, 3*sigmas*s.noise)

	early, late := middle.bytes-first.bytes, last.bytes-middle.bytes
	scale := (middle.along - first.along) / (last.along - middle.along)
	off := sigmas * s.noise
	s.ratio = fraction(late, early) * scale
	s.low = fraction(late-off, early+off) * scale
	s.high = fraction(late+off, early-off) * scale

	poor := 0
	for i := range floors[1:] {
		part, of := floors[i+1].bytes-floors[i].bytes, floors[i+1].along-floors[i].along
		if part < evenShare*s.perWork*of {
			poor++
		}
	}
	s.even = poor <= 1
}

// fraction is a/b, with what is not positive taken for 0.
func fraction(a, b float64) float64 {
	switch {
	case a <= 0:
		return 0
	case b <= 0:
		return math.Inf(1)
	}
	return a / b
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
	days := 0.375 * s.span.Hours() / 24
	s.perDay = (last - middle) / days
	s.perDayHigh = (last - middle + sigmas*s.noise) / days
}

// noise is by how much floors are off from their neighbours, as a standard
// deviation: from second differences, which a trend does not show in.
func (l *life) noise() float64 {
	off := make([]float64, 0, maxBuckets)
	for i := 2; i < len(l.buckets); i++ {
		a, b, c := l.buckets[i-2].Private, l.buckets[i-1].Private, l.buckets[i].Private
		off = append(off, math.Abs(float64(a-2*b+c)))
	}
	// 1.4826 makes a deviation of a median; of a second difference the variance is sixfold.
	return 1.4826 * median(off) / math.Sqrt(6)
}

// leaks tells whether the life alone is evidence of a leak.
func (s *shape) leaks() bool {
	least := leakTime
	if s.axis == byTime || s.varied {
		least = variedLeakTime
	}
	return s.span >= least && s.evenly() && !s.explained && s.low >= evenLow && s.clock >= slowHigh &&
		s.level-s.first >= leakPortion*s.level
}

// evenly tells whether it grew with its work and as much in the end as before.
func (s *shape) evenly() bool { return s.told && s.grew && s.even && s.ratio >= evenLow }

// slows tells whether it grew, and ever slower.
func (s *shape) slows() bool { return s.told && s.grew && s.high < slowHigh }

// settled tells whether it hardly grows any more. What creeps up evenly, however
// slowly, has not settled.
func (s *shape) settled() bool {
	return s.told && !s.evenly() && s.span >= settleTime && s.perDayHigh <= hardlyADay*s.level
}

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
