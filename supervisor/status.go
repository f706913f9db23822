package supervisor

import (
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
	Shared     int64
	Swap       int64
	CPU        time.Duration
	Measured   bool // PSS and Shared were read from the kernel at least once
	Sampled    bool // there is a sample at all
	Denied     bool // PSS and Shared cannot be read: Private is an upper bound
	Foreseen   policy.Foreseen

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
		SampleDuration: s.sampleCost,
		Workers:        make([]WorkerStatus, 0, len(f.Workers)),
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
			u := p.usage
			ws.PID, ws.RSS, ws.PSS, ws.Private, ws.Shared, ws.Swap, ws.CPU = p.pid, u.RSS, u.PSS, u.Private, u.Shared, u.Swap, u.CPU
			ws.Measured, ws.Sampled = !u.Measured.IsZero(), u.RSS > 0
		}
		ws.InFlight, ws.Requests = loads[w.ID].InFlight, loads[w.ID].Requests
		st.Workers = append(st.Workers, ws)
	}
	st.Verdict, st.Causes = s.learned.said, s.learned.causes
	s.status.Store(st)
}
