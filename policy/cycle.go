package policy

import (
	"fmt"
	"time"

	"github.com/docker/go-units"
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
	if why.trigger == Memory && w.Shared && !w.Settled {
		return []Action{Measure{ID: w.ID}}
	}
	if c.MaxSurge > 0 && len(f.Workers) < f.Desired+c.MaxSurge {
		return []Action{Start{Slot: w.Slot, Generation: f.Generation, Replaces: w.ID, Trigger: why.trigger, Reason: why.reason}}
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

// mostUrgent is the worker that is to be cycled next, nil if none is due. Among
// equals the oldest goes first.
func mostUrgent(c Config, now time.Time, f *Fleet) (*Worker, cause) {
	var worst *Worker
	var why cause
	for i := range f.Workers {
		w := &f.Workers[i]
		if w.State != Ready || w.Slot >= f.Desired || f.relieved(w) {
			continue
		}
		if due, ok := dueFor(c, now, f, w); ok && (worst == nil || due.urgency < why.urgency) {
			worst, why = w, due
		}
	}
	return worst, why
}

// dueFor tells why a worker is due. Memory comes first, since it runs out; a
// roll, which somebody waits for, before age, which can wait. A worker that was
// over its limit from the start gets MinUptime, because the next would be too;
// one that has grown over it is not waited for.
func dueFor(c Config, now time.Time, f *Fleet, w *Worker) (cause, bool) {
	switch {
	case c.MaxMemory > 0 && w.Over >= c.MemorySamples && (w.Under || !now.Before(w.ReadyAt.Add(c.MinUptime))):
		return cause{Memory, fmt.Sprintf("%s memory of %s was over %s in %d samples in a row",
			c.MemoryMetric, units.BytesSize(float64(w.Memory)), units.BytesSize(float64(c.MaxMemory)), w.Over), 0}, true
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
