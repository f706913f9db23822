package verdict

import (
	"math"
	"time"
)

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

// growth is how memory grew over some floors.
type growth struct {
	perWork float64 // bytes per unit of axis
	perHour float64 // bytes
	late    float64 // bytes an hour, in the later part
	// Ratio is how much of its growth per unit of work the later part
	// had, of the earlier part's; low and high are its bounds given the noise.
	ratio, low, high float64
	even             bool // it grew in each part, not in a step or two
	grew             bool // by more than noise
}

// measure compares the growth of the later floors with that of the earlier.
// Noise is by how many bytes a floor is off, as a standard deviation.
func measure(floors []floor, noise float64) (g growth) {
	first, middle, last := floors[0], floors[(len(floors)-1)/2], floors[len(floors)-1]
	grown, work := last.bytes-first.bytes, last.along-first.along
	g.perWork = grown / work
	g.perHour = grown / (last.age - first.age).Hours()
	g.late = (last.bytes - middle.bytes) / (last.age - middle.age).Hours()
	g.grew = grown > max(leastGrowth, leastPortion*last.bytes, 3*sigmas*noise)

	early, late := middle.bytes-first.bytes, last.bytes-middle.bytes
	scale := (middle.along - first.along) / (last.along - middle.along)
	off := sigmas * noise
	g.ratio = fraction(late, early) * scale
	g.low = fraction(late-off, early+off) * scale
	g.high = fraction(late+off, early-off) * scale

	poor := 0
	for i := range floors[1:] {
		part, of := floors[i+1].bytes-floors[i].bytes, floors[i+1].along-floors[i].along
		if part < evenShare*g.perWork*of {
			poor++
		}
	}
	g.even = poor <= 1
	return g
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
