package policy

import (
	"slices"
	"time"
)

// learned is what earlier workers taught about the next.
type learned struct {
	fresh  recent[int64]   // bytes of a worker of this release that just became ready
	before int64           // the most of them of the release before it
	warm   int64           // bytes at which workers of this release settled, at most
	boots  slowest         // from start to ready
	drains slowest         // from being told to go to gone
	rates  recent[float64] // bytes a second by which a worker grew when it was cycled for memory; 0 if it did not

	// stops is the highest level, by Config.MemoryMetric, at which a worker of this
	// release was seen to stop growing, and stopped for how long at most it did, or
	// had grown before. What grows below it is expected to stop there again.
	stops   int64
	stopped time.Duration
	// settling is within what age at most workers of this release settled.
	settling time.Duration

	futile int // cycles in a row for Memory that did not help
}

// recent holds the last few of something.
type recent[T int64 | float64] struct {
	values [8]T
	n      int
}

func (r *recent[T]) add(v T) {
	r.values[r.n%len(r.values)] = v
	r.n++
}

func (r *recent[T]) all() []T { return r.values[:min(r.n, len(r.values))] }

func (r *recent[T]) max() (most T) {
	for _, v := range r.all() {
		most = max(most, v)
	}
	return most
}

// slowest is how long something takes when it takes long: as long as the slowest
// did, which fades by a part with each that does not. On a busy machine one of
// twenty may take several times as long as the others, and a cycle that was begun
// too early costs little.
type slowest struct {
	took time.Duration
	some bool // there was one
}

const fadeShare = 16

func (s *slowest) add(d time.Duration) {
	s.took, s.some = max(d, s.took-(s.took-d)/fadeShare), true
}

// guessedDrain is what a drain is taken to last before there was one: long for most
// requests, and for most servers to end.
const guessedDrain = 3 * time.Second / 2

// cycle is how long a cycle may take.
func (l *learned) cycle(c Config) time.Duration {
	drain := min(guessedDrain, c.DrainTimeout)
	if l.drains.some {
		drain = l.drains.took
	}
	return l.boots.took + drain
}

// lead is how long before a limit a cycle must begin: a quarter more than it
// takes, and some samples.
func (l *learned) lead(c Config) time.Duration { return l.cycle(c)*5/4 + c.SampleInterval/2 }

// evidence is how long growth must have been seen to be relied on for the length
// of a cycle, where waiting for more would be too late.
func (l *learned) evidence(c Config) time.Duration { return max(l.cycle(c)/2, c.SampleInterval) }

// leaks tells whether a worker that was cycled lately was growing up to its end.
func (l *learned) leaks() bool { return l.rates.max() > 0 }

// usualRate is the growth of those that grew; 0 if none did.
func (l *learned) usualRate() float64 {
	var grew []float64
	for _, r := range l.rates.all() {
		if r > 0 {
			grew = append(grew, r)
		}
	}
	if len(grew) == 0 {
		return 0
	}
	slices.Sort(grew)
	return grew[len(grew)/2]
}

// newRelease forgets what may be different with another program.
func (l *learned) newRelease() {
	if l.fresh.n > 0 {
		l.before, l.fresh = l.fresh.max(), recent[int64]{}
	}
	l.warm = 0
	l.rates, l.stops, l.stopped, l.settling, l.futile = recent[float64]{}, 0, 0, 0, 0
}

// flatShare is the part of its size within which memory counts as flat.
const flatShare = 50

// learnLevel notes where a worker stops growing: where it came to be flat, or
// what it came down from by itself, again and again.
func (f *Fleet) learnLevel(c Config, w *Worker) {
	l := &f.learned
	if w.trend.falls > 1 {
		l.noteStop(w.trend.fell, w.trend.lastT-w.trend.fallT)
	}
	// For a moment even a leak is flat; for a third of a life it is not.
	age := w.trend.age()
	rest, level := w.trend.rest(w.Memory - w.Private)
	if rest < max(c.MinUptime*3/2, 12*c.SampleInterval, age/3) {
		return
	}
	if !w.settled {
		w.settled, w.settling = true, 2*age
		l.settling = max(l.settling, w.settling)
	}
	// What saturates is flat for a while before it has come to its end.
	if age <= w.settling {
		w.base = max(w.base, w.Private)
		l.warm = max(l.warm, w.base)
	}
	if w.Private-w.begun > flatness(w.Private) { // what never grew says nothing of others' growth
		l.noteStop(level, max(rest, age-rest))
	}
}

// noteStop notes that growth which had lasted for so long, or a stretch that was
// flat for so long, came to its end at a level.
func (l *learned) noteStop(level int64, lasted time.Duration) {
	l.stops, l.stopped = max(l.stops, level), max(l.stopped, lasted)
}

// learnRest notes of a worker that goes since it was expected to grow on that it
// has come to rest meanwhile: by now a good part of what it has would have come once
// more. Otherwise each in a row would go before it can show that it stops. It may be
// a leak that paused; that is told sooner than by learnLevel only where there is
// room for all workers to be at their limits.
func (f *Fleet) learnRest(c Config, w *Worker) {
	if w.Over > 0 || !f.limitsFit(c) {
		return
	}
	rest, level := w.trend.rest(w.Memory - w.Private)
	grew := w.trend.age() - rest
	missed := float64(w.Private-w.base) * rest.Seconds() / grew.Seconds()
	if rest >= 3*c.SampleInterval && missed >= 4*float64(flatness(w.private(level))) {
		f.learned.noteStop(level, w.trend.age())
	}
}

// rest is how long memory has been what it is now, and the most that it was since;
// shared is the part of it that says nothing. Points stand for the least of a while,
// so that it is reckoned to where the last of them ends.
func (t *trend) rest(shared int64) (lasted time.Duration, level int64) {
	for i := range t.levels {
		l := &t.levels[i]
		now := t.levels[0].open.low
		low, high := min(now, l.open.low), max(now, l.open.low)
		for j := range min(l.n, trendPoints) {
			p := l.points[(l.n-1-j)%trendPoints]
			low, high = min(low, p.low), max(high, p.low)
			if high-low > flatness(high-shared) {
				break
			}
			if since := l.open.at - p.at; since > lasted {
				lasted, level = since, high
			}
		}
	}
	return lasted, level
}

// flatness is by how much memory may vary and still count as flat.
func flatness(level int64) int64 { return max(level/flatShare, leastFall) }
