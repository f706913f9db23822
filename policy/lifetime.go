package policy

import (
	"fmt"
	"time"
)

// deadline is when a worker's state must have ended; zero if it may last.
func (f *Fleet) deadline(c Config, w *Worker) time.Time {
	switch {
	case w.Killed:
		return time.Time{}
	case w.State == Starting:
		return w.Since.Add(c.StartTimeout)
	case w.State == Draining:
		drained := w.Since.Add(c.DrainTimeout)
		if held := f.heldUntil(c, w); held.After(drained) {
			return held
		}
		return drained
	case w.State == Stopping:
		return w.Since.Add(c.StopTimeout)
	}
	return time.Time{}
}

// deadlines moves on whoever stayed in a state for too long or is done with it. It comes before
// all else: no other decision may hold a deadline up.
func deadlines(c Config, now time.Time, f *Fleet) []Action {
	var actions []Action
	for i := range f.Workers {
		w := &f.Workers[i]
		if f.Abort && !w.Killed {
			actions = append(actions, Kill{ID: w.ID, Reason: "asked to end at once"})
			continue
		}
		if w.State == Draining {
			if capture, due := f.evidence(c, now, w); due {
				return append(actions, capture) // another one may be due, and depend on this
			}
		}
		if w.State == Draining && w.Idle && !w.Killed && !now.Before(f.heldUntil(c, w)) {
			actions = append(actions, Stop{ID: w.ID, Reason: "it has finished all that it had begun"})
			continue
		}
		if why := f.crowdsOut(w); why != "" {
			actions = append(actions, Stop{ID: w.ID, Trigger: w.Trigger, Reason: why})
			continue
		}
		if w.State == Stopping && w.Idle && !w.Killed && f.verge && w.Private >= f.Container.Limit/reserveShare {
			actions = append(actions, Kill{ID: w.ID, Reason: fmt.Sprintf("it has finished all that it had begun, but still has %s, and the container needs %s of %s: the kernel would kill next",
				size(w.Private), size(f.Container.Needed), size(f.Container.Limit))})
			continue
		}
		if at := f.deadline(c, w); at.IsZero() || now.Before(at) {
			continue
		}
		switch w.State {
		case Starting:
			actions = append(actions, Stop{ID: w.ID, Reason: fmt.Sprintf("not ready within the start timeout of %s", c.StartTimeout)})
		case Draining:
			actions = append(actions, Stop{ID: w.ID, Reason: fmt.Sprintf("not drained within the drain timeout of %s", c.DrainTimeout)})
		case Stopping:
			actions = append(actions, Kill{ID: w.ID, Reason: fmt.Sprintf("not gone within the stop timeout of %s", c.StopTimeout)})
		}
	}
	return actions
}

// shutdown ends every worker once the shutdown delay has passed. Until then
// requests still come, so a lost worker is replaced.
func shutdown(c Config, now time.Time, f *Fleet) []Action {
	if now.Before(f.StopSince.Add(c.ShutdownDelay)) {
		if start := refill(c, now, f); start != nil && !f.Abort {
			return []Action{start}
		}
		return nil
	}
	var actions []Action
	for i := range f.Workers {
		w := &f.Workers[i]
		switch w.State {
		case Starting:
			actions = append(actions, Stop{ID: w.ID, Trigger: Shutdown, Reason: "rota was asked to end"})
		case Ready:
			actions = append(actions, Drain{ID: w.ID, Trigger: Shutdown, Reason: "rota was asked to end"})
		}
	}
	return actions
}

// retire lets workers go that have been relieved or are too many.
func retire(c Config, now time.Time, f *Fleet) []Action {
	for i := range f.Workers {
		w := &f.Workers[i]
		switch {
		case w.State != Starting:
		case w.Dropped != "":
			return []Action{Stop{ID: w.ID, Trigger: w.Dropped, Reason: "its roll was aborted"}}
		case w.Slot >= f.Desired:
			return []Action{Stop{ID: w.ID, Trigger: Scale, Reason: fmt.Sprintf("%d workers wanted", f.Desired)}}
		}
	}
	r := f.roster()
	if !spare(c, f, r) {
		return nil
	}
	for i := range f.Workers {
		w := &f.Workers[i]
		if w.State != Ready {
			continue
		}
		if w.Slot >= f.Desired {
			return []Action{Drain{ID: w.ID, Trigger: Scale, Reason: fmt.Sprintf("%d workers wanted", f.Desired)}}
		}
		if r[w.Slot].ready > w.ID {
			next := f.relief(w)
			drain := Drain{ID: w.ID, Trigger: next.Trigger, Reason: fmt.Sprintf("worker %d is ready in its place", next.ID)}
			if actions := captureFirst(c, now, f, drain); len(actions) > 0 {
				return actions
			}
		}
	}
	return nil
}

// spare tells whether a ready worker may go whose place is taken. It may not as
// long as another slot is being filled, unless that slot keeps failing: then
// waiting for it would keep a worker that must go.
func spare(c Config, f *Fleet, r roster) bool {
	if f.Count(Ready)-1 >= f.Desired-c.MaxUnavailable {
		return true
	}
	for slot := range f.Desired {
		if !r.served(slot) && f.Slots[slot].Failures <= 1 {
			return false
		}
	}
	return true
}

// refill fills the first slot that nobody serves or is about to serve.
func refill(c Config, now time.Time, f *Fleet) Action {
	if len(f.Workers) >= f.Desired+c.MaxSurge {
		return nil
	}
	if f.leaving() && f.noRoom(c, now) != "" {
		return nil // there will be when it has gone
	}
	r := f.roster()
	for slot := range f.Desired {
		if r.covered(slot) || now.Before(retryAt(c, f, slot)) {
			continue
		}
		start := Start{Slot: slot, Generation: f.release(slot), Trigger: f.Slots[slot].Left, Reason: f.Slots[slot].Cause}
		if f.Roll != nil && start.Trigger == f.Roll.Trigger { // a cycle under way is finished, also of a paused roll
			start.Generation = f.Generation
		}
		// A release that no worker has been ready with is not what a lost worker
		// comes back with. But with nobody left to protect, what is new may mend it;
		// it is then the roll's attempt, and ends the roll if it fails.
		if start.Trigger == Crash && f.Roll != nil && !f.Roll.Paused {
			if f.Count(Ready) > 0 {
				start.Generation = f.Stable
			} else {
				start.Trigger, start.Reason = f.Roll.Trigger, f.Roll.Reason
			}
		}
		if start.Trigger == Crash {
			start.Reason = "the one before ended by itself"
			if n := f.Slots[slot].Failures; n > 1 {
				start.Reason = fmt.Sprintf("%d failures in a row", n)
			}
		}
		return start
	}
	return nil
}
