package policy

import (
	"fmt"
	"time"
)

// cycle begins the most urgent cycle that is due, if the surge and the workers
// that may be missing leave room for one more.
func cycle(c Config, now time.Time, f *Fleet) []Action {
	if f.Count(Starting)+f.Count(Draining)+f.Count(Stopping) >= c.MaxSurge+c.MaxUnavailable {
		return nil
	}
	if now.Before(cycleRetryAt(c, f)) {
		return nil
	}
	w, why := mostUrgent(c, now, f)
	if w == nil {
		return nil
	}
	if id := f.inexact(now, w, why.trigger); id != 0 {
		return []Action{Measure{ID: id}}
	}
	if c.MaxSurge > 0 && len(f.Workers) < f.Desired+c.MaxSurge {
		noRoom := f.noRoom(c, now)
		if noRoom == "" {
			return []Action{Start{Slot: w.Slot, Generation: f.Generation, Replaces: w.ID, Trigger: why.trigger, Reason: why.reason}}
		}
		if ready := f.Count(Ready); ready >= f.Desired && (ready > 1 || f.Desired == 1) {
			return []Action{Drain{ID: w.ID, Trigger: why.trigger, Reason: why.reason, NoRoom: noRoom}}
		}
		return nil
	}
	if f.Count(Ready)-1 >= f.Desired-c.MaxUnavailable {
		return captureFirst(c, now, f, Drain{ID: w.ID, Trigger: why.trigger, Reason: why.reason})
	}
	return nil
}

// cause is why a worker is due.
type cause struct {
	trigger Trigger
	reason  string
	urgency int // the smaller, the sooner
}

// replaceable tells whether a worker may be cycled: it serves, is wanted, and
// nobody is to take its place yet.
func (f *Fleet) replaceable(w *Worker) bool {
	return w.State == Ready && w.Slot < f.Desired && !f.relieved(w)
}

// mostUrgent is the worker that is to be cycled next, nil if none is due. What
// all workers have together comes first, since it takes all of them when it runs
// out, then who is over its limit, and who will be. Among equals the oldest goes
// first.
func mostUrgent(c Config, now time.Time, f *Fleet) (*Worker, cause) {
	if w, why := total(c, now, f); w != nil {
		return w, cause{trigger: Total, reason: why}
	}
	if _, paused := f.Brakes[Memory]; !paused && f.learned.futile < mostFutile {
		for i := range f.Workers {
			if w := &f.Workers[i]; f.replaceable(w) {
				if why := w.overLimit(c, now); why != "" {
					return w, cause{trigger: Memory, reason: why}
				}
			}
		}
		if w, why := spread(c, now, f); w != nil {
			return w, cause{trigger: Memory, reason: why}
		}
	}
	var worst *Worker
	var why cause
	for i := range f.Workers {
		w := &f.Workers[i]
		if !f.replaceable(w) {
			continue
		}
		if due, ok := dueFor(c, now, f, w); ok && (worst == nil || due.urgency < why.urgency) {
			worst, why = w, due
		}
	}
	return worst, why
}

// dueFor tells why a worker is due for another reason than memory. A roll, which
// somebody waits for, comes before age, which can wait.
func dueFor(c Config, now time.Time, f *Fleet, w *Worker) (cause, bool) {
	switch {
	case f.Roll != nil && f.Roll.covers(*w):
		return cause{f.Roll.Trigger, f.Roll.Reason, 1}, true
	case !w.Due.IsZero() && !now.Before(w.Due):
		return cause{Age, fmt.Sprintf("%s old, of at most %s",
			now.Sub(w.ReadyAt).Round(time.Millisecond), c.RestartInterval), 2}, true
	case c.MaxRequests > 0 && w.Spent:
		return cause{Requests, fmt.Sprintf("it has had %d requests", c.MaxRequests), 2}, true
	}
	return cause{}, false
}

// staleAfter is how old an exact look may be that a cycle for memory hangs on.
const staleAfter = time.Minute

// inexact is a worker that must be looked at exactly before a cycle for memory
// may begin, since what a cheap look says of it may be too much; 0 if none.
func (f *Fleet) inexact(now time.Time, w *Worker, why Trigger) uint64 {
	stale := func(w *Worker) bool { return w.Shared && now.Sub(w.exact) > staleAfter }
	switch {
	case why == Memory && w.Over > 0 && w.Shared && !w.Settled, why == Memory && w.Over == 0 && stale(w):
		return w.ID
	case why == Total:
		for i := range f.Workers {
			if o := &f.Workers[i]; o.State == Ready && stale(o) {
				return o.ID
			}
		}
	}
	return 0
}
