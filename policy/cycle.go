package policy

import (
	"fmt"
	"time"
)

// cycle begins the most urgent cycle that is due, if the surge and the workers
// that may be missing leave room for one more.
func cycle(c Config, now time.Time, f *Fleet) []Action {
	if f.crowded(c, now) || now.Before(cycleRetryAt(c, f)) {
		return nil
	}
	w, why, unsure := mostUrgent(c, now, f)
	var actions []Action
	if w != nil {
		actions = begin(c, now, f, w, why)
	}
	if unsure != 0 { // last, since what it finds may change what else is due
		actions = append(actions, Measure{ID: unsure})
	}
	return actions
}

// crowded tells whether as many workers come and go as may at a time.
func (f *Fleet) crowded(c Config, now time.Time) bool {
	return f.moving(c, now) >= c.MaxSurge+c.MaxUnavailable
}

// moving counts the workers that come and go, and those that will go as soon as
// evidence of them is taken while they serve.
func (f *Fleet) moving(c Config, now time.Time) int {
	n := f.Count(Starting) + f.Count(Draining) + f.Count(Stopping)
	for i := range f.Workers {
		if f.examined(c, now, &f.Workers[i]) {
			n++
		}
	}
	return n
}

// examined tells whether a worker serves while evidence of it is taken.
func (f *Fleet) examined(c Config, now time.Time, w *Worker) bool {
	return w.State == Ready && now.Before(f.heldUntil(c, w))
}

// way is how a cycle can begin.
type way int

const (
	noWay       way = iota
	successor       // first, and the worker goes when that is ready
	tight           // the worker goes first, since both do not fit
	unavailable     // the worker goes first, since some may be missing
)

// way tells how any cycle could begin now, and what is wrong with the best way:
// that two workers do not fit.
func (f *Fleet) way(c Config, now time.Time) (_ way, noRoom string) {
	if c.MaxSurge > 0 && len(f.Workers) < f.Desired+c.MaxSurge {
		noRoom = f.noRoom(c, now)
		switch {
		case noRoom == "":
			return successor, ""
		case f.whole() && (f.Count(Ready) > 1 || f.Desired == 1):
			return tight, noRoom
		}
		return noWay, noRoom
	}
	if f.Count(Ready)-1 >= f.Desired-c.MaxUnavailable {
		return unavailable, ""
	}
	return noWay, ""
}

// begin begins a cycle, if there is a way to do so now.
func begin(c Config, now time.Time, f *Fleet, w *Worker, why cause) []Action {
	switch way, noRoom := f.way(c, now); way {
	case successor:
		return []Action{Start{Slot: w.Slot, Generation: f.release(w.Slot), Replaces: w.ID, Trigger: why.trigger, Reason: why.reason}}
	case tight:
		return []Action{Drain{ID: w.ID, Trigger: why.trigger, Reason: why.reason, NoRoom: noRoom}}
	case unavailable:
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

// mostUrgent is the worker that is to be cycled next, nil if none is due. What
// all workers have together comes first, since it takes all of them when it runs
// out, then who is over its limit, and who will be. Among equals the oldest goes
// first. unsure is one that must be looked at exactly before a more urgent cycle
// may begin; 0 if there is none. It may be long until that can be had, so others
// do not wait for it.
func mostUrgent(c Config, now time.Time, f *Fleet) (_ *Worker, _ cause, unsure uint64) {
	r := f.roster()
	if w, why := total(c, now, f); w != nil {
		if unsure = f.inexact(c, now); unsure == 0 {
			return w, cause{trigger: Total, reason: why}, 0
		}
	}
	if _, paused := f.Brakes[Memory]; !paused {
		for i := range f.Workers {
			w := &f.Workers[i]
			why := w.overLimit(c, now)
			if why == "" || !f.replaceable(r, w) || !f.hopes(c, w, now) {
				continue
			}
			if !w.unsure(now) {
				return w, cause{trigger: Memory, reason: why}, unsure
			}
			unsure = w.ID
		}
		if w, why := spread(c, now, f); w != nil {
			if !w.unsure(now) {
				return w, cause{trigger: Memory, reason: why}, unsure
			}
			unsure = w.ID
		}
	}
	var worst *Worker
	var why cause
	for i := range f.Workers {
		w := &f.Workers[i]
		if !f.replaceable(r, w) {
			continue
		}
		if due, ok := dueFor(c, now, f, w); ok && (worst == nil || due.urgency < why.urgency) {
			worst, why = w, due
		}
	}
	return worst, why, unsure
}

// dueFor tells why a worker is due for another reason than memory. Who is asked
// for by itself comes first. A roll, which somebody waits for, comes before age,
// which can wait.
func dueFor(c Config, now time.Time, f *Fleet, w *Worker) (cause, bool) {
	switch {
	case w.Recalled:
		return cause{Operator, "an operator asked for it", 0}, true
	case f.Roll != nil && !f.Roll.Paused && f.Roll.covers(*w):
		return cause{f.Roll.Trigger, f.Roll.Reason, 1}, true
	case w.aged(now):
		return cause{Age, fmt.Sprintf("%s old, of at most %s",
			now.Sub(w.ReadyAt).Round(time.Millisecond), c.RestartInterval), 2}, true
	case w.spent(c):
		return cause{Requests, fmt.Sprintf("it has had %d requests", c.MaxRequests), 2}, true
	}
	return cause{}, false
}

// aged tells whether a worker is as old as it may become.
func (w *Worker) aged(now time.Time) bool { return !w.Due.IsZero() && !now.Before(w.Due) }

// spent tells whether a worker has had as many requests as it may have.
func (w *Worker) spent(c Config) bool { return c.MaxRequests > 0 && w.Spent }

// staleAfter is how old an exact look may be that a cycle for memory hangs on.
const staleAfter = time.Minute

// stale tells whether what is known of a worker's memory may be too much.
func (w *Worker) stale(now time.Time) bool {
	return w.Shared && now.Sub(w.exact) > staleAfter
}

// unsure tells the same of a cycle for memory that hangs on it. One that is over
// its limit must have been looked at exactly since.
func (w *Worker) unsure(now time.Time) bool {
	return w.Shared && !w.Settled && (w.Over > 0 || w.stale(now))
}

// inexact is a worker that must be looked at exactly before a cycle for the
// total may begin; 0 if there is none. Of many workers it may never be had of all,
// so what is overdrawn for long is not waited for, nor a container that fills.
func (f *Fleet) inexact(c Config, now time.Time) uint64 {
	if f.brink || f.overTotal >= patience*c.MemorySamples {
		return 0
	}
	for i := range f.Workers {
		if w := &f.Workers[i]; w.State == Ready && w.stale(now) {
			return w.ID
		}
	}
	return 0
}
