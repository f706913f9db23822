package policy

import (
	"fmt"
	"slices"
	"time"
)

// marginShare is the part of a limit that a forecast leaves free, for what samples
// differ from each other.
const marginShare = 50

// longEvidence is longer than warming up and the saws of garbage collectors take,
// in most programs.
const longEvidence = 15 * time.Minute

// foresee reads a worker's trend after a look. Before the pool is known to leak,
// growth is acted on only if it has been seen for three quarters of MinUptime, and
// if it would reach the limit even if it slowed down as much as can be.
func (w *Worker) foresee(c Config, f *Fleet, now time.Time) {
	evidence := f.learned.evidence(c)
	w.near, w.grows = w.trend.outlook(now, evidence)
	w.long, _ = w.trend.outlook(now, longEvidence)
	o, grows := w.trend.outlook(now, w.trend.age()/2)
	w.leaks = grows && o.certain(float64(w.Memory+(w.Private-w.base)/2))
	w.foreseen, w.reaches = Foreseen{}, time.Time{}
	if w.grows {
		w.foreseen.Growth = w.near.rate
	}
	if c.MaxMemory <= 0 {
		return
	}
	limit := float64(c.MaxMemory - c.MaxMemory/marginShare)
	leaks, least := f.learned.leaks(), c.MinUptime*3/4
	if leaks {
		least = evidence
	}
	for i := range w.trend.levels {
		l := &w.trend.levels[i]
		if l.n < leastPoints {
			break
		}
		o, ok := l.read(w.trend, now)
		if !ok || f.stopsBefore(c.MaxMemory, w, o) {
			continue
		}
		in, ok := o.reach(limit)
		if !ok {
			continue
		}
		if w.foreseen.Reaches.IsZero() || in > o.window {
			w.foreseen = Foreseen{o.rate, now.Add(in)}
		}
		if o.window >= least && (leaks && in <= o.window || o.certain(limit)) {
			w.foreseen, w.reaches = Foreseen{o.rate, now.Add(in)}, now.Add(in)
			return
		}
	}
}

// stopsBefore tells whether growth is expected to stop below a limit, since it
// did before: of this worker, or of another of the same release. It says nothing
// about growth that is slower than what stopped, nor about floors, which have
// come down already.
func (f *Fleet) stopsBefore(limit int64, w *Worker, o outlook) bool {
	known := f.knownStop(w, o)
	return known > 0 && known < limit && o.now <= float64(known)
}

// knownStop is the level at which growth like this one was seen to stop; 0 if none.
func (f *Fleet) knownStop(w *Worker, o outlook) int64 {
	if o.floors {
		return 0
	}
	var known int64
	if w.trend.falls > 0 {
		known = w.trend.fell
	}
	if o.window <= f.learned.stopped {
		known = max(known, f.learned.stops)
	}
	return known + known/fallShare
}

// gains is how much a worker is expected to grow within a time, and how much of
// its growth is expected to stop within it.
func (f *Fleet) gains(w *Worker, within time.Duration) (grows, stops float64) {
	if !w.grows {
		if rate := f.learned.usualRate(); rate > 0 && !w.settled && w.State == Ready {
			return rate * within.Seconds(), 0 // too young to tell: as those before it
		}
		return 0, 0
	}
	grows = w.near.grown(within.Seconds())
	if known := float64(f.knownStop(w, w.near)); known > 0 && w.near.now <= known && grows > known-w.near.now {
		stops = grows - (known - w.near.now)
	}
	return grows - stops, stops
}

// falling is a worker that is expected to reach its limit.
type falling struct {
	w    *Worker
	at   time.Time
	sure bool // its own past says so, and not that of others
}

// upcoming are the workers that are expected to reach their limit, the first of
// them surely, and when the first cycle must begin so that it and those of all that
// follow are over before those limits: the latest start of the first of a row of
// jobs with deadlines. nil if no limit is expected to be reached.
func upcoming(c Config, now time.Time, f *Fleet) (row []falling, start time.Time) {
	if c.MaxMemory <= 0 || f.learned.futile >= mostFutile {
		return nil, time.Time{}
	}
	rate := f.learned.usualRate()
	sure, r := false, f.roster()
	for i := range f.Workers {
		w := &f.Workers[i]
		switch {
		case w.reaches.IsZero() && (rate <= 0 || w.settled || w.trend == nil) || !f.replaceable(r, w):
		case !w.reaches.IsZero():
			row, sure = append(row, falling{w, w.reaches, true}), true
		default:
			in := float64(max(0, c.MaxMemory-w.Memory)) / rate
			row = append(row, falling{w, now.Add(time.Duration(min(in, longest.Seconds()) * float64(time.Second))), false})
		}
	}
	if !sure {
		return nil, time.Time{}
	}
	slices.SortStableFunc(row, func(a, b falling) int { return a.at.Compare(b.at) })
	row = row[slices.IndexFunc(row, func(r falling) bool { return r.sure }):]
	lead, beside := f.learned.lead(c), max(1, c.MaxSurge+c.MaxUnavailable)
	start = row[len(row)-1].at
	for i := len(row) - 1; i >= 0; i-- {
		if row[i].at.Before(start) {
			start = row[i].at
		}
		if i%beside == 0 {
			start = start.Add(-lead)
		}
	}
	return row, start
}

// spread picks the worker whose cycle must begin now, of those that are upcoming;
// nil if there is time.
func spread(c Config, now time.Time, f *Fleet) (*Worker, string) {
	row, start := upcoming(c, now, f)
	if len(row) == 0 || now.Before(start) {
		return nil, ""
	}
	// Who goes first, since both do not fit, need not wait for its successor; and of
	// one that is alone nobody serves in its place.
	if way, _ := f.way(c, now); f.Desired == 1 && way == tight && now.Before(start.Add(f.learned.boots.took*5/4)) {
		return nil, ""
	}
	w := row[0].w
	reason := fmt.Sprintf("%s memory of %s grows by %s/s and would be over %s in %s; a cycle takes %s", c.MemoryMetric, size(w.Memory),
		size(int64(w.foreseen.Growth)), size(c.MaxMemory), row[0].at.Sub(now).Round(100*time.Millisecond), f.learned.cycle(c).Round(100*time.Millisecond))
	if n := len(row) - 1; n > 0 {
		reason += fmt.Sprintf(", and %d more are expected to follow", n)
	}
	return w, reason
}
