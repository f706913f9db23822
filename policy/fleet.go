package policy

import (
	"maps"
	"slices"
	"time"
)

// Worker is one worker as far as deciding about it goes.
type Worker struct {
	ID         uint64 // never used again
	Slot       int
	Generation int
	State      State
	Since      time.Time // when it entered State
	Started    time.Time
	ReadyAt    time.Time // zero until it was ready
	Due        time.Time // when its age ends it; zero for never
	Replaces   uint64    // the worker that it is to relieve; 0 for none
	Trigger    Trigger   // why it was started
	Leaving    Trigger   // why it was told to go; empty if it was not
	Killed     bool
	Spent      bool    // it has had Config.MaxRequests requests
	Idle       bool    // it is draining and nothing is in its hands any more, see Fleet.MarkIdle
	Lost       bool    // its leader crashed, and that is in the slot's history
	Recalled   bool    // an operator asked for its cycle
	Dropped    Trigger // of the roll that was aborted while it was starting, so that it is not wanted any more; else empty

	Reason    string    // the numbers behind Trigger
	Cause     string    // the numbers behind Leaving
	Tight     string    // it left before its successor, since both do not fit: the numbers
	Capturing time.Time // when its capture began; zero for never
	Captured  bool      // its capture is over, or was done without

	Memory  int64 // bytes, the last sample of Config.MemoryMetric
	Private int64 // and of the rest of Sample
	Share   int64
	Over    int  // samples in a row over Config.MaxMemory
	Under   bool // it was seen under Config.MaxMemory, so what is over it has grown
	Shared  bool // its processes may share memory copy-on-write, so Memory may be too much
	Settled bool // Memory was measured exactly since it is over

	told   time.Time // when it was told to go; zero if it was not
	overAt time.Time // the last sample that Over counts
	// overSince is the first of them.
	overSince time.Time
	exact     time.Time // the last exact look
	boot      int64     // the most private memory before it was ready
	sized     bool      // what it takes is learned
	booting   looks
	base      int64 // private memory when it had settled, or until then when it was ready
	begun     int64 // private memory at the first look
	// settled: it has stopped growing once, if only for a while.
	settled  bool
	settling time.Duration // up to which age base may rise
	trend    *trend        // nil before the first look at it when ready
	near     outlook
	grows    bool    // near says how
	long     outlook // over longEvidence; the zero value if it does not grow
	leaks    bool    // it has been growing since it began, with no end in sight
	foreseen Foreseen
	reaches  time.Time // when it reaches its limit, if that is sure enough to act on
}

// Slot is what is remembered of a place when its worker has gone.
type Slot struct {
	Failures int       // crashes and failed starts in a row
	Failed   time.Time // the last of them
	Left     Trigger   // why the last worker left; empty before the first
	Cause    string    // the numbers behind Left; empty for a crash

	Generation int // of the last worker that was ready; 0 before the first
}

// Fleet is the pool as plain data: what is, and what is wanted.
type Fleet struct {
	Workers    []Worker
	Slots      map[int]Slot
	Desired    int
	Generation int         // of the newest configuration
	Stable     int         // the last generation of which a worker became ready; 0 before
	Roll       *Roll       // the one under way; nil if there is none
	Rolls      []EndedRoll // the last ones that ended, newest first; never changed in place
	Container  Container
	Brakes     map[Trigger]string // triggers whose cycles are paused, and why
	CronAt     time.Time          // up to when the schedule was obeyed
	CycleFails int                // replacements in a row that did not become ready
	CycleFail  time.Time          // the last of them
	StopSince  time.Time          // when rota was asked to end; zero until then
	Abort      bool               // end at once

	learned     learned
	overTotal   int       // samples in a row over the budget of all workers
	overTotalAt time.Time // the last of them
	braked      int64     // what the largest worker had when cycles for Memory were paused
	brink       bool      // the container is about to be full before a cycle is over
	verge       bool      // and before anything else can be done about it
	rooms       looks     // what was left of the budget
	needs       looks     // what the container needed
	grown       int64     // what all workers have grown by while they served, in bytes
	growth      *trend    // of that: it does not fall when a worker is replaced

	nextID         uint64
	nextGeneration int
	nextRoll       int
}

// NewFleet is an empty fleet of the first generation.
func NewFleet(desired int, now time.Time) *Fleet {
	return &Fleet{
		Slots: map[int]Slot{}, Desired: desired, CronAt: now,
		Generation: 1, nextID: 1, nextGeneration: 2, nextRoll: 1,
	}
}

// Clone is a copy that shares nothing with f.
func (f *Fleet) Clone() *Fleet {
	g := *f
	g.Workers, g.Slots, g.Brakes = slices.Clone(f.Workers), maps.Clone(f.Slots), maps.Clone(f.Brakes)
	for i := range g.Workers {
		g.Workers[i].trend = g.Workers[i].trend.clone()
	}
	g.growth = g.growth.clone()
	g.Roll = f.Roll.clone()
	return &g
}

// Find is the worker with an id, nil if there is none any more.
func (f *Fleet) Find(id uint64) *Worker {
	for i := range f.Workers {
		if f.Workers[i].ID == id {
			return &f.Workers[i]
		}
	}
	return nil
}

// Count tells how many workers are in a state.
func (f *Fleet) Count(s State) int {
	n := 0
	for i := range f.Workers {
		if f.Workers[i].State == s {
			n++
		}
	}
	return n
}

// Launch applies a Start and returns the new worker.
func (f *Fleet) Launch(a Start, now time.Time) Worker {
	w := Worker{
		ID: f.nextID, Slot: a.Slot, Generation: a.Generation, State: Starting,
		Since: now, Started: now, Replaces: a.Replaces, Trigger: a.Trigger, Reason: a.Reason,
	}
	f.nextID++
	f.Workers = append(f.Workers, w)
	return w
}

// MarkReady notes that a starting worker serves, and sets the end of its age.
// It reports false if it was not starting.
func (f *Fleet) MarkReady(c Config, id uint64, now time.Time) bool {
	w := f.Find(id)
	if w == nil || w.State != Starting {
		return false
	}
	w.State, w.Since, w.ReadyAt = Ready, now, now
	f.learned.boots.add(now.Sub(w.Started))
	w.Due = due(c, now, w.ID, f.dues(w))
	f.Stable = w.Generation
	slot := f.Slots[w.Slot]
	slot.Generation = w.Generation
	f.Slots[w.Slot] = slot
	if w.Replaces != 0 {
		f.CycleFails = 0
	}
	if f.Roll != nil && !f.Roll.covers(*w) {
		f.Roll.replaced(w.Slot)
	}
	return true
}

// MarkSpent notes that a worker has had Config.MaxRequests requests.
func (f *Fleet) MarkSpent(id uint64) {
	if w := f.Find(id); w != nil {
		w.Spent = true
	}
}

// MarkIdle notes that a draining worker has finished all that it had begun, so
// that it can be stopped before its drain timeout. Whoever tells workers to
// drain by a signal never calls it: those end by themselves.
func (f *Fleet) MarkIdle(id uint64) {
	if w := f.Find(id); w != nil && w.State == Draining {
		w.Idle = true
	}
}

// Reschedule sets the end of every age anew, after the configuration changed.
func (f *Fleet) Reschedule(c Config) {
	for i := range f.Workers {
		f.Workers[i].Due = time.Time{}
	}
	for i := range f.Workers {
		if w := &f.Workers[i]; w.State == Ready {
			w.Due = due(c, w.ReadyAt, w.ID, f.dues(w))
		}
	}
}

// Retire applies a Drain.
func (f *Fleet) Retire(c Config, a Drain, now time.Time) {
	w := f.Find(a.ID)
	if w == nil {
		return
	}
	w.State, w.Since, w.Leaving, w.told = Draining, now, a.Trigger, now
	w.Cause, w.Tight = f.numbers(a), a.NoRoom
	slot := f.Slots[w.Slot] // a successor may start before it has gone
	slot.Left, slot.Cause = a.Trigger, w.Cause
	f.Slots[w.Slot] = slot
	if a.Trigger == Memory || a.Trigger == Total {
		f.noteCycle(c, w, now)
	}
}

// Halt applies a Stop.
func (f *Fleet) Halt(a Stop, now time.Time) {
	if w := f.Find(a.ID); w != nil {
		if f.crowdsOut(w) != "" { // the next such surge must be known not to fit
			f.learned.fresh.add(roomy(w.boot))
		}
		w.State, w.Since = Stopping, now
		if a.Trigger != "" {
			w.Leaving = a.Trigger
		}
	}
}

// Finish applies a Kill.
func (f *Fleet) Finish(a Kill, now time.Time) {
	if w := f.Find(a.ID); w != nil {
		if w.State != Stopping {
			w.State, w.Since = Stopping, now
		}
		w.Killed = true
		if f.Abort && w.Leaving == "" {
			w.Leaving = Shutdown
		}
	}
}

// Lose notes that the leader of a serving worker has crashed although other
// processes of it are left, which are ended. The slot is free from here on.
func (f *Fleet) Lose(c Config, id uint64, now time.Time) {
	w := f.Find(id)
	if w == nil {
		return
	}
	f.noteFailure(c, *w, now)
	w.State, w.Since, w.Lost = Stopping, now, true
}

// noteFailure counts a failure in a slot. A worker that was steady before it
// crashed begins the count anew.
func (f *Fleet) noteFailure(c Config, w Worker, now time.Time) {
	slot := f.Slots[w.Slot]
	if steady := !w.ReadyAt.IsZero() && now.Sub(w.ReadyAt) >= c.MinUptime; steady {
		slot.Failures = 0
	} else {
		slot.Failures++
	}
	slot.Failed, slot.Left, slot.Cause = now, Crash, ""
	f.Slots[w.Slot] = slot
}

// NewGeneration makes later workers belong to a release of its own and returns
// its number, which is never used again.
func (f *Fleet) NewGeneration() int {
	f.Generation = f.nextGeneration
	f.nextGeneration++
	f.learned.newRelease()
	return f.Generation
}

// Departure says what the end of a worker meant.
type Departure int

// What the end of a worker may mean.
const (
	Asked             Departure = iota // it was told to go
	Crashed                            // it was serving
	StartFailed                        // it never got ready
	ReplacementFailed                  // it never got ready; the old worker stays
	RollFailed                         // it never got ready, and the roll ended with it
)

// Remove takes a worker out that has ended entirely, and notes what follows.
func (f *Fleet) Remove(c Config, id uint64, now time.Time) Departure {
	i := slices.IndexFunc(f.Workers, func(w Worker) bool { return w.ID == id })
	if i < 0 {
		return Asked
	}
	w := f.Workers[i]
	f.Workers = slices.Delete(f.Workers, i, i+1)
	f.Container.Needed = max(0, f.Container.Needed-w.Private) // as the next look will find
	if !w.told.IsZero() {
		f.learned.drains.add(now.Sub(w.told))
	}
	switch {
	case w.Lost:
		return Crashed
	case w.Leaving != "":
		// A successor that crashed meanwhile says more about the slot.
		if slot := f.Slots[w.Slot]; !slot.Failed.After(w.Since) {
			slot.Left, slot.Cause = w.Leaving, w.Cause
			f.Slots[w.Slot] = slot
		}
		return Asked
	case w.ReadyAt.IsZero() && w.Replaces != 0 && f.serving(w.Replaces):
		f.CycleFails++
		f.CycleFail = now
		f.Find(w.Replaces).Recalled = false // who asked for it is told, and may ask again
		if f.rolls(w) {
			f.abandonRoll(RollResultFailed, now)
			return RollFailed
		}
		return ReplacementFailed
	}
	f.noteFailure(c, w, now)
	switch {
	case !w.ReadyAt.IsZero():
		return Crashed
	case f.rolls(w): // stop-first: there is no old worker, but the old release
		f.abandonRoll(RollResultFailed, now)
		return RollFailed
	}
	return StartFailed
}

// serving tells whether a worker is alive and ready.
func (f *Fleet) serving(id uint64) bool {
	w := f.Find(id)
	return w != nil && w.State == Ready
}

// relief is the ready worker that takes over from w, nil if there is none.
func (f *Fleet) relief(w *Worker) *Worker {
	for i := range f.Workers {
		if o := &f.Workers[i]; o.Slot == w.Slot && o.ID > w.ID && o.State == Ready {
			return o
		}
	}
	return nil
}
