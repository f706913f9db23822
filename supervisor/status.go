package supervisor

import (
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
	Rolling    bool
	Workers    []WorkerStatus
	// Container is what holds the workers; the zero value before the first look.
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
	// need, in plain words, where it is bloat.
	Verdict verdict.Verdict
	Causes  []string
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

	// Known in front mode alone:
	InFlight int   // requests and upgraded connections
	Requests int64 // that it was given so far
}

// Status is the pool as the loop last published it; nil before the first time.
func (s *Supervisor) Status() *Status { return s.status.Load() }

func (s *Supervisor) publish(now time.Time) {
	f := s.fleet
	st := &Status{
		Time: now, Desired: f.Desired, Ready: f.Count(policy.Ready), Generation: f.Generation,
		Accept: s.config.Accept, Stopping: !f.StopSince.IsZero(), Rolling: f.Roll != nil,
		SampleDuration: s.sampleCost, Container: s.contained,
		Memory: f.Total(), Budget: s.config.Policy.MaxTotalMemory, Paused: maps.Clone(f.Brakes),
		MaxMemory: s.config.Policy.MaxMemory, MemoryMetric: s.config.Policy.MemoryMetric,
		Workers: make([]WorkerStatus, 0, len(f.Workers)),
	}
	for _, a := range s.sockets.Addresses() {
		st.Listeners = append(st.Listeners, a.String())
	}
	loads := map[uint64]front.WorkerStats{}
	if s.front != nil {
		for _, l := range s.front.Stats().Workers {
			loads[l.ID] = l
		}
	}
	for _, w := range f.Workers {
		ws := WorkerStatus{ID: w.ID, Slot: w.Slot, Generation: w.Generation, State: w.State, Started: w.Started}
		if p := s.processes[w.ID]; p != nil {
			ws.PID, ws.Foreseen = p.pid, p.foreseen
			ws.costs(&p.usage)
		}
		ws.InFlight, ws.Requests = loads[w.ID].InFlight, loads[w.ID].Requests
		st.Workers = append(st.Workers, ws)
	}
	if st.Verdict = s.learned.said; st.Verdict.Kind == verdict.Bloat {
		st.Causes = s.learned.causes
	}
	s.status.Store(st)
}

// costs takes over what was last read of a worker's memory.
func (ws *WorkerStatus) costs(u *procstats.Usage) {
	ws.RSS, ws.PSS, ws.Private, ws.Shared, ws.Swap, ws.CPU = u.RSS, u.PSS, u.Private, u.Shared, u.Swap, u.CPU
	ws.SharedClean, ws.SharedDirty, ws.LazyFree, ws.HugePages = u.SharedClean, u.SharedDirty, u.LazyFree, u.HugePages
	ws.MinorFaults, ws.MajorFaults = u.MinorFaults, u.MajorFaults
	ws.Sampled, ws.Denied = u.RSS > 0 && !u.Hidden, u.Denied || u.Hidden
	ws.Measured = ws.Sampled && !u.Measured.IsZero()
}
