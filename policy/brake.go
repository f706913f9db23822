package policy

import (
	"fmt"
	"time"
)

// mostFutile is how many cycles in a row may fail to help before they are paused.
const mostFutile = 3

// shortLife is how long a worker must have been under its limit for its cycle to
// have been of use, if it hardly grew any more when it was over.
const shortLife = 10 * time.Minute

// futile tells whether a cycle of a worker will not help: it was over its limit
// from the start, or is, soon after it, and about to stay what it is, or it came
// there in one step. What goes on growing is helped, however soon it is over.
func (w *Worker) futile(c Config, now time.Time) bool {
	if !w.Under {
		return true
	}
	if w.livedLong(c, now) {
		return false
	}
	if o, grows := w.trend.outlook(now, w.trend.age()/2); grows {
		return o.part < ending && !o.certain(1.5*float64(c.MaxMemory))
	}
	rest, _ := w.trend.rest(w.Memory - w.Private)
	return rest >= w.trend.age()/4 || w.trend.jumped()
}

// livedLong tells whether a worker was under its limit for long.
func (w *Worker) livedLong(c Config, now time.Time) bool {
	until := now
	if w.Over > 0 { // that it has had to wait since is no life
		until = w.overSince
	}
	return until.Sub(w.ReadyAt) >= max(shortLife, c.MinUptime)
}

// Growth of which less is left than this part, from the second quarter of a
// stretch to its last, may be coming to its end.
const ending = 0.85

// hopes tells whether the cycle of a worker for Memory may help: no more than
// mostFutile in a row may not.
func (f *Fleet) hopes(c Config, w *Worker, now time.Time) bool {
	return f.learned.futile < mostFutile || !w.futile(c, now)
}

// noteCycle learns from a worker that goes for its memory.
func (f *Fleet) noteCycle(c Config, w *Worker, now time.Time) {
	// What warms up looks like a leak for a moment, but would not go on for long.
	rate := 0.0
	if w.trend == nil {
		return
	}
	if o, grows := w.trend.outlook(now, w.trend.age()/2); grows && o.certain(1.5*float64(w.Memory)) {
		rate = o.rate
	}
	f.learned.rates.add(rate)
	f.learnRest(c, w)
	switch {
	case w.Leaving != Memory:
	case w.futile(c, now):
		f.learned.futile++
	case rate > 0 || w.livedLong(c, now):
		f.learned.futile = 0
	default: // It may have helped or not: of what hardly grows any more, noise hides which.
	}
}

// brake pauses cycles that do not help, and lets them go on when they would again.
func brake(c Config, now time.Time, f *Fleet) Action {
	if _, paused := f.Brakes[Memory]; !paused && f.learned.futile >= mostFutile {
		r := f.roster()
		for i := range f.Workers {
			if w := &f.Workers[i]; w.overLimit(c, now) != "" && f.replaceable(r, w) && !f.hopes(c, w, now) {
				return Brake{Memory, fmt.Sprintf("a max-memory of %s is below what a fresh worker needs: %d in a row were over it again at once, this one has %s. "+
					"Set it to %s or more, or give the command less to load", size(c.MaxMemory), f.learned.futile, size(w.Memory), size(roomy(w.Memory)))}
			}
		}
	}
	if _, paused := f.Brakes[Memory]; paused {
		calm := f.calmAt(c)
		if f.largest() > runaway*f.braked || !calm.IsZero() && !now.Before(calm) {
			return Resume{Memory}
		}
	}
	_, over := f.overBudget(c, now)
	_, paused := f.Brakes[Total]
	b := f.budget(c)
	switch {
	case !paused && over && f.overTotal >= patience*c.MemorySamples && f.grownMost(leastPart) == nil && f.steady():
		return Brake{Total, fmt.Sprintf("%s %s of %s, and no worker has grown by more than %s since it settled, so that a fresh one would need nearly as much: %d workers need %s. "+
			"Run fewer workers, or allow %s", b.what, size(b.used), size(b.limit), size(f.mostGrown()), f.Desired, size(f.Total()), size(roomy(b.used)))}
	case paused && (b.room > b.limit/20 || !b.limited || f.grownMost(1) != nil):
		return Resume{Total}
	}
	return nil
}

// runaway is how many times as large as all were when cycles were paused a worker
// must have become for it to be a leak after all.
const runaway = 2

// calmAt is when all workers will have stayed under the limit for so long that
// what braked has passed; zero if one is over it, or was not looked at.
func (f *Fleet) calmAt(c Config) (at time.Time) {
	for i := range f.Workers {
		w := &f.Workers[i]
		if w.State != Ready || w.Over > 0 || !w.Under {
			return time.Time{}
		}
		for _, since := range []time.Time{w.ReadyAt, w.overAt} {
			if since = since.Add(max(shortLife, c.MinUptime)); since.After(at) {
				at = since
			}
		}
	}
	return at
}

// mostGrown is what the worker has grown by that has grown most.
func (f *Fleet) mostGrown() int64 {
	var most int64
	for i := range f.Workers {
		most = max(most, f.excess(&f.Workers[i]))
	}
	return most
}

// largest is what the worker has that has most.
func (f *Fleet) largest() int64 {
	var most int64
	r := f.roster()
	for i := range f.Workers {
		if w := &f.Workers[i]; f.replaceable(r, w) {
			most = max(most, w.Memory)
		}
	}
	return most
}

// patience is how many times as long as for a cycle the budget must be overdrawn
// before nobody is said to be to blame: growth is not seen at each look.
const patience = 4

// steady tells whether every worker serves and has been looked at.
func (f *Fleet) steady() bool {
	for _, w := range f.Workers {
		if w.State != Ready || w.trend == nil {
			return false
		}
	}
	return len(f.Workers) == f.Desired
}

// roomy is a limit that leaves room above what is needed.
func roomy(needed int64) int64 { return needed + needed/4 }

// Pause applies a Brake.
func (f *Fleet) Pause(a Brake) {
	if f.Brakes == nil {
		f.Brakes = map[Trigger]string{}
	}
	f.Brakes[a.Trigger] = a.Reason
	if a.Trigger == Memory {
		f.braked = max(f.braked, f.largest())
	}
}

// Unpause applies a Resume.
func (f *Fleet) Unpause(a Resume) {
	delete(f.Brakes, a.Trigger)
	if a.Trigger == Memory {
		f.learned.futile = 0
	}
}

// Release lets every cycle happen again, since what made them futile may have
// changed. It reports whether any had been paused.
func (f *Fleet) Release() bool {
	paused := len(f.Brakes) > 0
	f.Brakes, f.learned.futile, f.braked = nil, 0, 0
	return paused
}
