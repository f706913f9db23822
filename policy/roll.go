package policy

import (
	"maps"
	"slices"
	"time"
)

// Roll is the replacement of every worker, one after another.
type Roll struct {
	ID         int // rises by one
	Trigger    Trigger
	Reason     string
	Before     uint64 // workers with a smaller ID are replaced
	Generation int    // what they are replaced with
	Began      time.Time
	Replaced   int  // slots that have a worker of the roll by now, or had one
	Paused     bool // it begins no cycle

	slots int          // there were when it began
	done  map[int]bool // the slots that Replaced counts
}

// Total is how many workers a roll replaces if so many are wanted, those included
// that it has replaced.
func (r *Roll) Total(desired int) int {
	n := r.Replaced
	for slot := range min(r.slots, desired) {
		if !r.done[slot] {
			n++
		}
	}
	return n
}

func (r *Roll) clone() *Roll {
	if r == nil {
		return nil
	}
	s := *r
	s.done = maps.Clone(r.done)
	return &s
}

// replaced notes that a slot has a worker that the roll does not cover. One that
// there was none of when the roll began is no part of it.
func (r *Roll) replaced(slot int) {
	if slot < r.slots && !r.done[slot] {
		r.done[slot] = true
		r.Replaced++
	}
}

// covers tells whether a worker is to be replaced by the roll: it was there when
// the roll began, or it came back since with the release that is rolled away.
func (r *Roll) covers(w Worker) bool {
	return w.ID < r.Before || w.Generation < r.Generation
}

// RollResult says how a roll ended.
type RollResult string

// The ways in which a roll may end.
const (
	RollResultDone       RollResult = "done"
	RollResultFailed     RollResult = "failed"     // a replacement did not get ready
	RollResultAborted    RollResult = "aborted"    // somebody asked for that
	RollResultSuperseded RollResult = "superseded" // another began
)

// RollResults lists them all.
var RollResults = []RollResult{RollResultDone, RollResultFailed, RollResultAborted, RollResultSuperseded}

// EndedRoll is a Roll that is over.
type EndedRoll struct {
	Roll
	Ended  time.Time
	Result RollResult
	Why    string // it failed, in words; else empty
	Of     int    // workers that it was to replace, see Roll.Total
}

// mostRolls is how many rolls that ended are remembered.
const mostRolls = 20

// StartRoll applies a BeginRoll. A roll under way is widened to all workers of
// this moment.
func (f *Fleet) StartRoll(a BeginRoll, now time.Time) {
	if a.Trigger == Cron {
		f.CronAt = now
	} else {
		// Somebody asks for it, and may have mended what failed.
		f.CycleFails = 0
		for n, slot := range f.Slots {
			slot.Failures = 0
			f.Slots[n] = slot
		}
	}
	if f.Roll != nil {
		f.endRoll(RollResultSuperseded, now)
	}
	f.Roll = &Roll{
		ID: f.nextRoll, Trigger: a.Trigger, Reason: a.Reason, Before: f.nextID, Generation: f.Generation, Began: now,
		slots: f.Desired, done: map[int]bool{},
	}
	f.nextRoll++
}

// FinishRoll applies an EndRoll.
func (f *Fleet) FinishRoll(now time.Time) {
	f.endRoll(RollResultDone, now)
	f.CronAt = now // what fired meanwhile has had its roll
}

// AbortRoll ends the roll under way where it is. What it has replaced stays so;
// what is still starting for it, or as what it rolled out, is not wanted any more,
// as long as somebody else serves or is to serve in its place.
func (f *Fleet) AbortRoll(now time.Time) {
	why, before := f.Roll.Trigger, f.Generation
	begun := map[uint64]bool{}
	for _, w := range f.Workers {
		begun[w.ID] = f.rolls(w) && f.serving(w.Replaces)
	}
	f.abandonRoll(RollResultAborted, now)
	f.CronAt = now // what fired meanwhile is not what is asked for now
	for i := range f.Workers {
		w := &f.Workers[i]
		if w.State == Starting && (begun[w.ID] || w.Generation == before && before != f.Generation) {
			w.Dropped = why
		}
	}
}

// endRoll notes how the roll under way ended.
func (f *Fleet) endRoll(result RollResult, now time.Time) {
	ended := EndedRoll{Roll: *f.Roll.clone(), Ended: now, Result: result, Of: f.Roll.Total(f.Desired)}
	ended.Paused = false
	f.Rolls = append([]EndedRoll{ended}, f.Rolls[:min(len(f.Rolls), mostRolls-1)]...)
	f.Roll = nil
}

// NoteWhy keeps in words why the last roll that ended did not succeed.
func (f *Fleet) NoteWhy(why string) {
	if len(f.Rolls) > 0 {
		f.Rolls = slices.Clone(f.Rolls)
		f.Rolls[0].Why = why
	}
}

// rolls tells whether a worker was started by the roll under way.
func (f *Fleet) rolls(w Worker) bool {
	return f.Roll != nil && w.Generation == f.Roll.Generation && w.Trigger == f.Roll.Trigger && w.ID >= f.Roll.Before
}

// abandonRoll goes back to the release that is known to work. The failed one
// keeps its number, so that a later attempt is told apart.
func (f *Fleet) abandonRoll(result RollResult, now time.Time) {
	for _, w := range f.Workers {
		if w.State == Ready && f.Roll.covers(w) {
			f.Stable = w.Generation
		}
	}
	if f.Stable != 0 {
		f.Generation = f.Stable
	}
	f.endRoll(result, now)
}

// release is what a worker is started with in a slot. As long as a roll is paused,
// what it rolls out spreads no further: a slot goes on with what it had, and one that
// had nothing yet begins with what the first of those has that wait for the roll.
func (f *Fleet) release(slot int) int {
	if f.Roll == nil || !f.Roll.Paused {
		return f.Generation
	}
	if had := f.Slots[slot].Generation; had != 0 {
		return had
	}
	for other := range f.Desired {
		if had := f.Slots[other].Generation; had != 0 && had < f.Roll.Generation {
			return had
		}
	}
	return f.Generation
}

// Recall has the worker cycled that serves a slot. It reports false if there is
// none. Somebody asks for it, and may have mended what failed.
func (f *Fleet) Recall(slot int) bool {
	w := f.Serving(slot)
	if w == nil || slot >= f.Desired {
		return false
	}
	w.Recalled = true
	f.CycleFails = 0
	return true
}

// Serving is the worker that serves a slot, the last of them during a cycle; nil
// if there is none.
func (f *Fleet) Serving(slot int) *Worker {
	var last *Worker
	for i := range f.Workers {
		if w := &f.Workers[i]; w.Slot == slot && w.State == Ready && (last == nil || w.ID > last.ID) {
			last = w
		}
	}
	return last
}

// roll ends a roll that has nobody left to replace, and begins one when the
// schedule fires. Times that passed while rota was busy or the machine asleep
// count once.
func roll(c Config, now time.Time, f *Fleet) Action {
	if f.Roll != nil && f.rolled() {
		return EndRoll{}
	}
	if c.Cron == nil || f.Stable == 0 {
		return nil
	}
	// What fires during a roll is served by it, if it succeeds.
	if at := c.Cron.Next(f.CronAt); !at.IsZero() && !now.Before(at) && f.Roll == nil {
		return BeginRoll{Trigger: Cron, Reason: "the schedule fired for " + at.Format(time.RFC3339)}
	}
	return nil
}

// rolled tells whether every slot is served by a worker of the roll. Merely to
// have no old worker left is not enough: the last may have crashed, and what
// comes in its place is not proven before it is ready.
func (f *Fleet) rolled() bool {
	return f.whole() && !slices.ContainsFunc(f.Workers, func(w Worker) bool { return f.Roll.covers(w) })
}
