package supervisor

import (
	"maps"
	"time"

	"rota/policy"
)

// tally counts the cycles that events tell of, as the metrics do. What is published
// is never changed.
func (s *Supervisor) tally(e *Event) {
	t := e.Trigger
	switch e.Kind {
	case WorkerCrashed:
		t = policy.Crash
	case CycleDone:
	default:
		return
	}
	s.cycles = maps.Clone(s.cycles)
	s.cycles[t]++
}

// noteCycle notes why a slot has another worker.
func (s *Supervisor) noteCycle(w *policy.Worker, now time.Time) {
	switch w.Trigger {
	case "", policy.Scale:
		return
	}
	last := &LastCycle{Trigger: w.Trigger, Reason: w.Reason, At: now}
	if crash := s.crashes[w.Slot]; w.Trigger == policy.Crash && crash != "" {
		last.Reason = crash
	}
	s.lastCycles[w.Slot] = last
}

// noteCrash notes how the worker of a slot ended that nobody had told to.
func (s *Supervisor) noteCrash(slot int, e Event) {
	s.crashes[slot] = e.Status
	if e.Reason != "" {
		s.crashes[slot] += "; " + e.Reason
	}
}

// noCycles has every trigger at 0.
func noCycles() map[policy.Trigger]int {
	cycles := make(map[policy.Trigger]int, len(policy.Triggers))
	for _, t := range policy.Triggers {
		cycles[t] = 0
	}
	return cycles
}

// coreInterval is the least time between two looks that CPU time is compared of:
// the kernel counts it in hundredths of a second.
const coreInterval = time.Second / 2

// cores is what a worker uses of the processor.
type cores struct {
	used  float64 // 1 is one core
	known bool
	at    time.Time // of the last look
	spent time.Duration
}

// look notes the CPU time that a worker had used at a time.
func (c *cores) look(spent time.Duration, at time.Time) {
	since := at.Sub(c.at)
	if !c.at.IsZero() && since < coreInterval {
		return
	}
	if !c.at.IsZero() {
		c.used, c.known = max(0, float64(spent-c.spent)/float64(since)), true
	}
	c.at, c.spent = at, spent
}
