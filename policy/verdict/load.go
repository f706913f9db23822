package verdict

import (
	"math"
	"slices"
	"time"
)

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

// pace is what was done of late, in units of work an hour: requests where they
// are counted, else seconds of CPU time; -1 if nobody knows yet.
func (l *life) pace() float64 {
	a := byRequests
	if l.blind {
		a = byCPU
	}
	span := l.last.age - l.buckets[0].age
	from := l.buckets[0]
	for _, b := range l.buckets {
		if b.age <= l.last.age-max(span/windows, leastPace) {
			from = b
		}
	}
	if l.last.age <= from.age {
		return -1
	}
	return max(0, l.last.along(a)-from.along(a)) / (l.last.age - from.age).Hours()
}

// leastPace is the least time that tells what a worker has to do at present.
const leastPace = time.Minute
