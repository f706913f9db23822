package supervisor

import (
	"fmt"
	"maps"
	"time"

	"rota/listener/front"
	"rota/policy"
	"rota/policy/verdict"
	"rota/procstats"
)

// Status is the pool at one moment. It is never changed once published, so any
// number of readers may hold it.
type Status struct {
	Time       time.Time
	Desired    int
	Ready      int
	Generation int
	Accept     string
	Listeners  []string
	Stopping   bool
	EverReady  bool   // as many workers were ready as were wanted, once
	Missing    string // why fewer are, as far as is known; empty if enough are
	Workers    []WorkerStatus
	Rolls      Rolls
	// Next is the next cycle that can be foreseen; nil if none can.
	Next *policy.Next
	// Cycles are the workers replaced so far, by trigger.
	Cycles map[policy.Trigger]int
	// Container is what holds the workers; the zero value while it cannot be looked at.
	Container procstats.Container
	// Memory is what the workers cost together in bytes, shared memory counted once.
	Memory int64
	// Budget is what they may cost together; 0 for no limit.
	Budget int64
	// MaxMemory is what one worker may have in bytes before it is cycled, in the
	// measure that MemoryMetric names; 0 for no limit.
	MaxMemory    int64
	MemoryMetric string
	// Paused are the triggers whose cycles do not help and are held back, and why.
	Paused map[policy.Trigger]string
	// Verdict is what the workers' memory does; Causes what they hold of it and do not
	// need, in plain words, where it has grown.
	Verdict verdict.Verdict
	Causes  []string
	// LastCapture is how the last evidence of a worker was taken; nil if none was. It
	// is not to be changed.
	LastCapture *LastCapture
	// SampleDuration is what the last look at the workers' memory took.
	SampleDuration time.Duration
}

// WorkerStatus is one worker of a Status. Memory is in bytes.
type WorkerStatus struct {
	ID         uint64
	Slot       int
	PID        int
	Generation int
	State      policy.State
	Started    time.Time
	ReadyAt    time.Time      // zero before
	Due        time.Time      // when its age ends it; zero for never
	Trigger    policy.Trigger // why it was started; empty for a slot that was filled for the first time
	RSS        int64
	PSS        int64
	Private    int64
	Shared     int64 // SharedClean + SharedDirty
	Swap       int64
	CPU        time.Duration

	// As of the last time that the kernel was asked for them, see Measured:
	SharedClean int64
	SharedDirty int64
	LazyFree    int64 // given back by the program, and not yet taken by the kernel
	HugePages   int64 // anonymous memory in pages of 2 MiB, of which a part may never have been used

	MinorFaults int64 // page faults served from memory
	MajorFaults int64 // and from a disk

	Measured bool            // PSS and Shared were read from the kernel at least once
	Sampled  bool            // there is a sample at all
	Denied   bool            // PSS and Shared cannot be read, so that Private is an upper bound; or nothing can, and there is no sample
	Foreseen policy.Foreseen // from the last sample

	Cores float64 // of the processor that it used between the last two looks
	Timed bool    // there were two of them

	// LastCycle is why the last worker of the slot went; nil if none did. It is not
	// to be changed.
	LastCycle *LastCycle

	// Capture is evidence that is being taken of it; nil if there is none.
	Capture *CaptureUnderWay

	// Known in front mode alone:
	InFlight int   // requests and upgraded connections
	Requests int64 // that it was given so far, or until it had left the rotation
}

// LastCycle is why the worker of a slot was replaced, or came back after a crash.
type LastCycle struct {
	Trigger policy.Trigger
	Reason  string    // the numbers behind it
	At      time.Time // when the replacement was ready
}

// Status is the pool as the loop last published it; nil before the first time.
func (s *Supervisor) Status() *Status { return s.status.Load() }

// publish runs after each turn of the loop, so it copies what changes and shares
// what is replaced as a whole.
func (s *Supervisor) publish(now time.Time) {
	f, p := s.fleet, s.config.Policy
	st := &Status{
		Time: now, Desired: f.Desired, Ready: f.Count(policy.Ready), Generation: f.Generation,
		Accept: s.config.Accept, Stopping: !f.StopSince.IsZero(), EverReady: s.everReady,
		Rolls: s.rolls(), Next: policy.Foresee(p, now, f), Cycles: s.cycles,
		SampleDuration: s.sampleCost, LastCapture: s.lastCapture,
		Memory: f.Total(), Budget: p.MaxTotalMemory, MaxMemory: p.MaxMemory, MemoryMetric: p.MemoryMetric, Paused: maps.Clone(f.Brakes),
		Workers: make([]WorkerStatus, len(f.Workers)),
	}
	for _, a := range s.sockets.Addresses() {
		st.Listeners = append(st.Listeners, a.String())
	}
	if !s.uncontained {
		st.Container = s.contained
	}
	if st.Ready < st.Desired {
		st.Missing = s.missing(now)
	}
	loads := s.loads()
	for i := range f.Workers {
		w, ws := &f.Workers[i], &st.Workers[i]
		s.describe(w, ws)
		s.load(ws, loads)
	}
	st.Verdict, st.Causes = s.judgement()
	s.status.Store(st)
}

// loads is what the front knows of its workers, by id. It holds until the next call.
func (s *Supervisor) loads() map[uint64]front.WorkerStats {
	if s.front == nil {
		return nil
	}
	clear(s.loaded)
	for _, l := range s.front.Stats().Workers {
		s.loaded[l.ID] = l
	}
	return s.loaded
}

// load fills in what the front knows of a worker. One that has left the rotation
// it does not know any more: that one has nothing in its hands, and has had what it had.
func (s *Supervisor) load(ws *WorkerStatus, loads map[uint64]front.WorkerStats) {
	p, l := s.processes[ws.ID], loads[ws.ID]
	if p == nil {
		return
	}
	p.requests = max(p.requests, l.Requests)
	ws.InFlight, ws.Requests = l.InFlight, p.requests
}

// describe fills in one worker.
func (s *Supervisor) describe(w *policy.Worker, ws *WorkerStatus) {
	*ws = WorkerStatus{
		ID: w.ID, Slot: w.Slot, Generation: w.Generation, State: w.State,
		Started: w.Started, ReadyAt: w.ReadyAt, Due: w.Due, Trigger: w.Trigger, LastCycle: s.lastCycles[w.Slot], Capture: s.underWay(w.ID),
	}
	if p := s.processes[w.ID]; p != nil {
		ws.PID, ws.Foreseen, ws.Cores, ws.Timed = p.pid, p.foreseen, p.cores.used, p.cores.known
		ws.costs(&p.usage)
	}
}

// missing says which slots are not served and what is known of that.
func (s *Supervisor) missing(now time.Time) string {
	f := s.fleet
	text := fmt.Sprintf("%d of %d workers are ready", f.Count(policy.Ready), f.Desired)
	for slot := range f.Desired {
		if had := f.Slots[slot]; had.Failures > 0 && f.Serving(slot) == nil {
			ago := now.Sub(had.Failed).Round(time.Second)
			if had.Failures == 1 {
				return fmt.Sprintf("%s; slot %d has failed, %s ago", text, slot, ago)
			}
			return fmt.Sprintf("%s; slot %d has failed %d times in a row, the last time %s ago", text, slot, had.Failures, ago)
		}
	}
	return text
}

// costs takes over what was last read of a worker's memory.
func (ws *WorkerStatus) costs(u *procstats.Usage) {
	ws.RSS, ws.PSS, ws.Private, ws.Shared, ws.Swap, ws.CPU = u.RSS, u.PSS, u.Private, u.Shared, u.Swap, u.CPU
	ws.SharedClean, ws.SharedDirty, ws.LazyFree, ws.HugePages = u.SharedClean, u.SharedDirty, u.LazyFree, u.HugePages
	ws.MinorFaults, ws.MajorFaults = u.MinorFaults, u.MajorFaults
	ws.Sampled, ws.Denied = u.RSS > 0 && !u.Hidden, u.Denied || u.Hidden
	ws.Measured = ws.Sampled && !u.Measured.IsZero() && !u.Denied
}
