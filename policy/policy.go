// Package policy decides what a fleet of workers needs. It is pure: no clock,
// no I/O, no log, no goroutine. Plan looks at the whole fleet and answers with
// the actions that bring it nearer to what is wanted; Wake says when to look
// again. The supervisor asks both after every event, so that an event that got
// lost heals itself at the next one.
package policy

import "time"

// State says what a worker is doing. Why it does so is a Trigger.
type State string

// The states of a worker, in the order in which it goes through them.
const (
	Starting State = "starting" // launched, not ready yet
	Ready    State = "ready"    // serves
	Draining State = "draining" // no new requests, finishes those begun
	Stopping State = "stopping" // told to stop at once; what is left is killed next
)

// States lists every State, for whatever must enumerate them.
var States = []State{Starting, Ready, Draining, Stopping}

// Trigger says why a cycle begins.
type Trigger string

// The triggers of a cycle.
const (
	Memory     Trigger = "memory"     // over Config.MaxMemory, or about to be
	Total      Trigger = "total"      // all workers together are over Config.MaxTotalMemory, or about to be
	Age        Trigger = "age"        // as old as Config.RestartInterval allows
	Cron       Trigger = "cron"       // Config.Cron fired
	Generation Trigger = "generation" // the command, its environment or its file changed, or HUP
	Requests   Trigger = "requests"   // has had Config.MaxRequests requests
	Operator   Trigger = "operator"   // somebody asked for it
	Crash      Trigger = "crash"      // ended without being asked to
	Scale      Trigger = "scale"      // more or fewer workers wanted
)

// Shutdown is why workers end with rota. It is no trigger of a cycle.
const Shutdown Trigger = "shutdown"

// Triggers lists every Trigger, for whatever must enumerate them.
var Triggers = []Trigger{Memory, Total, Age, Cron, Generation, Requests, Operator, Crash, Scale}

// Schedule tells the times of a cron expression.
type Schedule interface {
	// Next is the first time after t, or the zero time if there is none.
	Next(t time.Time) time.Time
}

// Config is what an operator wants. The zero value of a limit turns its trigger off.
type Config struct {
	MaxMemory       int64         // bytes; a worker over it for MemorySamples samples in a row is cycled
	MemorySamples   int           // samples in a row; at least 1
	MemoryMetric    string        // private, rss or pss: what MaxMemory compares, for messages
	MaxTotalMemory  int64         // bytes of all workers together, shared memory counted once, and of what the container needs
	SampleInterval  time.Duration // between two samples; no more than one of them counts as over a limit in that time
	RestartInterval time.Duration // the age at which a worker is cycled
	RestartJitter   time.Duration // taken off the age at random, so that hosts do not act together
	MaxRequests     int           // requests after which a worker is cycled; Worker.Spent tells that it had them
	Cron            Schedule      // rolls the fleet when it fires; nil for never
	MinUptime       time.Duration // how long a worker is left alone that was over MaxMemory from the start; it is also what counts as steady after a crash
	MaxSurge        int           // workers alive above the number asked for, during a cycle
	MaxUnavailable  int           // workers that may be missing during a cycle
	StartTimeout    time.Duration // from start to ready
	DrainTimeout    time.Duration // from drain to stop
	StopTimeout     time.Duration // from stop to kill
	ShutdownDelay   time.Duration // from being asked to exit to the first drain
	Capture         bool          // evidence is taken of a worker that leaves for its memory
	CaptureTimeout  time.Duration // how long it is kept for that
	CaptureServing  bool          // before it drains, since only the worker itself could leave the rotation
	StartTries      int           // failed starts of one slot before a pool that never was ready gives up
	Seed            uint64        // what jitter is drawn from
}

// Action is one thing that the fleet needs now. Carrying it out means to apply
// it to the Fleet and then to the world.
type Action interface{ action() }

// Start launches a worker in a slot.
type Start struct {
	Slot       int
	Generation int
	Replaces   uint64  // the worker that retires once this one is ready; 0 for none
	Trigger    Trigger // why; empty for a slot that is filled for the first time
	Reason     string  // the numbers behind the trigger
}

// Drain retires a worker: it gets no new requests and finishes those begun.
type Drain struct {
	ID      uint64
	Trigger Trigger
	Reason  string
	NoRoom  string // it goes before its successor starts, since both do not fit: the numbers; else empty
}

// Stop ends a worker that did not get ready or did not finish draining in time,
// that has finished draining and waits to be told to end, or that is not wanted
// any more before it was ready.
type Stop struct {
	ID      uint64
	Trigger Trigger // why it is not wanted; empty if it was too slow, or is done
	Reason  string
}

// Kill ends what is left of a worker with SIGKILL.
type Kill struct {
	ID     uint64
	Reason string
}

// Measure asks for an exact reading of a worker's memory, on which a cycle hangs.
type Measure struct{ ID uint64 }

// Brake pauses the cycles of a trigger, Memory or Total, since they do not help.
// They go on after a Resume, or Fleet.Release.
type Brake struct {
	Trigger Trigger
	Reason  string // the limit, what a fresh worker needs, and what would work
}

// Resume lets the cycles of a trigger go on that a Brake has paused.
type Resume struct{ Trigger Trigger }

// Capture has evidence taken of a worker that leaves for its memory, before it is
// stopped. Whoever takes it calls Fleet.MarkCaptured when it is over; the worker
// is kept for Config.CaptureTimeout at most.
type Capture struct {
	ID      uint64
	Trigger Trigger
	Reason  string // the numbers behind the trigger
	Skip    string // why none is taken after all; empty if it is
}

// BeginRoll begins to replace every worker.
type BeginRoll struct {
	Trigger Trigger
	Reason  string
}

// EndRoll says that every worker of a roll has been replaced.
type EndRoll struct{}

// GiveUp ends a pool that cannot be brought up.
type GiveUp struct{ Reason string }

func (Start) action()     {}
func (Drain) action()     {}
func (Stop) action()      {}
func (Kill) action()      {}
func (Measure) action()   {}
func (Brake) action()     {}
func (Resume) action()    {}
func (Capture) action()   {}
func (BeginRoll) action() {}
func (EndRoll) action()   {}
func (GiveUp) action()    {}

// Plan answers with what the fleet needs now, given the time. It takes a step
// at a time: apply all that it returns, and ask again until it returns nothing.
func Plan(c Config, now time.Time, f *Fleet) []Action {
	if actions := deadlines(c, now, f); len(actions) > 0 {
		return actions
	}
	if !f.StopSince.IsZero() {
		return shutdown(c, now, f)
	}
	if reason := hopeless(c, f); reason != "" {
		return []Action{GiveUp{Reason: reason}}
	}
	if actions := retire(c, now, f); len(actions) > 0 {
		return actions
	}
	if action := roll(c, now, f); action != nil {
		return []Action{action}
	}
	if action := refill(c, now, f); action != nil {
		return []Action{action}
	}
	if action := brake(c, now, f); action != nil {
		return []Action{action}
	}
	return cycle(c, now, f)
}

// Wake is when Plan may answer differently although nothing happens; the zero
// time if never.
func Wake(c Config, now time.Time, f *Fleet) time.Time {
	var w earliest
	for i := range f.Workers {
		d := &f.Workers[i]
		w.add(f.deadline(c, d))
		w.add(f.heldUntil(c, d))
	}
	if !f.StopSince.IsZero() {
		w.add(f.StopSince.Add(c.ShutdownDelay))
	}
	r := f.roster()
	for slot := range f.Desired {
		if !r.covered(slot) {
			w.add(retryAt(c, f, slot))
		}
	}
	w.add(cycleRetryAt(c, f))
	if _, paused := f.Brakes[Memory]; paused {
		w.add(f.calmAt(c))
	}
	for i := range f.Workers {
		if d := &f.Workers[i]; d.State == Ready {
			w.add(d.Due)
			if c.MaxMemory > 0 {
				w.add(d.ReadyAt.Add(c.MinUptime))
			}
		}
	}
	if c.Cron != nil {
		w.add(c.Cron.Next(f.CronAt))
	}
	return w.after(now)
}

// earliest collects times and keeps them all, because one that has passed says
// nothing: what it could change, Plan has seen.
type earliest []time.Time

func (e *earliest) add(t time.Time) {
	if !t.IsZero() {
		*e = append(*e, t)
	}
}

func (e earliest) after(now time.Time) time.Time {
	var first time.Time
	for _, t := range e {
		if t.After(now) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
