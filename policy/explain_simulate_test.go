package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// abort ends the roll under way, if there is one, as an operator does.
func (w *world) abort() {
	f := w.fleet
	if f.Roll == nil {
		return
	}
	r := f.Roll
	f.AbortRoll(w.now)
	if ended := f.Rolls[0]; ended.ID != r.ID || ended.Result != RollResultAborted || ended.Replaced > ended.Of {
		w.t.Fatalf("aborted: %+v", ended)
	}
	for _, worker := range f.Workers {
		if worker.State == Starting && worker.Dropped == "" && worker.Generation != f.Generation && worker.Generation == r.Generation {
			w.t.Fatalf("what was rolled out goes on starting: %+v", worker)
		}
	}
}

// recall asks for the cycle of a slot, as an operator does.
func (w *world) recall(slot int) {
	serving := w.fleet.Serving(slot)
	if asked := w.fleet.Recall(slot); asked != (serving != nil && slot < w.fleet.Desired) {
		w.t.Fatalf("asked for slot %d: %v, of %+v", slot, asked, w.fleet.Workers)
	}
}

// checkPaused: a paused roll begins nothing, and what it rolls out spreads no further.
func (w *world) checkPaused(a Action) {
	r := w.fleet.Roll
	if r == nil || !r.Paused {
		return
	}
	if id, trigger := w.begins(a); id != 0 && trigger == r.Trigger {
		w.t.Fatalf("a paused roll goes on: %+v", a)
	}
	if start, ok := a.(Start); ok && start.Trigger != r.Trigger && !r.done[start.Slot] {
		if had := w.fleet.Slots[start.Slot].Generation; had != 0 && had != start.Generation {
			w.t.Fatalf("after generation %d, although the roll is paused: %+v", had, start)
		}
	}
}

// explain explains each worker, if that is to be checked.
func (w *world) explain() map[uint64]Explanation {
	if !w.explains {
		return nil
	}
	said := map[uint64]Explanation{}
	for _, worker := range w.fleet.Workers {
		said[worker.ID] = Explain(w.config, w.now, w.fleet, worker.ID, -1)
	}
	return said
}

// checkExplained holds what was explained against what Plan has done thereupon.
func (w *world) checkExplained(said map[uint64]Explanation, actions []Action) {
	if !w.explains {
		return
	}
	idle := true
	for _, a := range actions {
		id, trigger := w.begins(a)
		if id != 0 {
			e := said[id]
			if len(e.Held) > 0 || !e.due(trigger) {
				w.t.Fatalf("%+v, but it was said: %+v", a, e)
			}
		}
		if _, measures := a.(Measure); !measures {
			idle = false
		}
	}
	if !idle {
		return
	}
	for id, e := range said {
		if len(e.Held) == 0 && e.due("") {
			w.t.Fatalf("no cycle begins, but of worker %d it was said: %+v: %+v", id, e, w.fleet)
		}
	}
}

// due tells whether a trigger, or any, wants the worker cycled.
func (e Explanation) due(t Trigger) bool {
	for _, cause := range e.Causes {
		if cause.Due && (t == "" || cause.Trigger == t && len(cause.held) == 0) {
			return true
		}
	}
	return false
}

// begins is the worker whose cycle an action begins, 0 if it begins none.
func (w *world) begins(a Action) (uint64, Trigger) {
	relieved := func(id uint64) bool { return w.fleet.roster().relieved(w.fleet.Find(id)) }
	switch a := a.(type) {
	case Start:
		return a.Replaces, a.Trigger
	case Drain:
		if a.Trigger != Scale && a.Trigger != Shutdown && !relieved(a.ID) {
			return a.ID, a.Trigger
		}
	case Capture:
		if w.fleet.serving(a.ID) && !relieved(a.ID) {
			return a.ID, a.Trigger
		}
	}
	return 0, ""
}

func TestExplanationsAreWhatPlanGoesBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		w := &world{t: t, config: drawConfig(t), now: start, fates: map[uint64]*fate{}, explains: true}
		w.front = rapid.Bool().Draw(t, "front")
		w.config.CaptureServing = !w.front
		w.fleet = NewFleet(rapid.IntRange(1, 4).Draw(t, "workers"), start)
		w.drawLooks()
		w.settle()
		for range rapid.IntRange(1, 10).Draw(t, "turns") {
			until := w.now.Add(w.span(0, min(time.Minute, 100*max(w.config.SampleInterval, time.Second)), "turn"))
			for !w.gaveUp && w.step(until) {
			}
			if w.gaveUp {
				return
			}
			w.disturb()
		}
	})
}
