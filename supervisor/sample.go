package supervisor

import (
	"slices"
	"time"

	"rota/policy"
	"rota/procstats"
)

// sample reads the memory of all workers, beside the loop and one round at a time.
func (s *Supervisor) sample() {
	if s.sampling {
		return
	}
	targets := make([]procstats.Target, 0, len(s.fleet.Workers))
	for _, w := range s.fleet.Workers {
		if p := s.processes[w.ID]; p.pid != 0 && !p.leaderGone {
			targets = append(targets, procstats.Target{
				ID: w.ID, PID: p.pid, Quiet: w.State != policy.Ready, Measure: s.measure[w.ID],
			})
		}
	}
	if len(targets) == 0 {
		return
	}
	s.sampling = true
	go func() { s.post(sampled{s.sampler.Sample(time.Now(), targets), targets, s.sampler.Cost()}) }()
}

func (s *Supervisor) onSampled(m sampled, now time.Time) {
	s.sampling = false
	s.sampleCost = m.cost
	config := s.config.Policy
	for i, u := range m.usages {
		p := s.processes[u.ID]
		if p == nil || u.Err != nil && procstats.Gone(u.Err) {
			continue
		}
		if len(u.PIDs) > 1 && !slices.Equal(u.PIDs, p.usage.PIDs) {
			p.noteStrays(u.PIDs)
		}
		p.usage = u
		exact := m.targets[i].Measure || u.Denied
		if exact {
			delete(s.measure, u.ID)
		}
		if u.Denied {
			s.warn("denied", "cannot read smaps_rollup of worker process %d: permission denied; its memory is an upper bound (run rota and its workers as one user)", p.pid)
		}
		w := s.fleet.Find(u.ID)
		if w.State != policy.Ready {
			continue
		}
		if s.front == nil {
			s.checkSignal(p)
		}
		// Copies of one forked process share memory that a cheap sample counts for
		// each; a single process that was executed shares none worth counting.
		shared := len(u.PIDs) > 1 || config.MemoryMetric == MetricPSS
		s.fleet.Observe(config, u.ID, policy.Sample{
			Bytes: metric(config.MemoryMetric, u), Private: u.Private, Share: u.PSS + u.Swap, Shared: shared, Exact: exact,
		}, now)
	}
	s.learn(m.usages, now)
}

// What --max-memory may compare.
const (
	MetricPrivate = "private"
	MetricRSS     = "rss"
	MetricPSS     = "pss"
)

func metric(name string, u procstats.Usage) int64 {
	switch name {
	case MetricRSS:
		return u.RSS
	case MetricPSS:
		return u.PSS
	}
	return u.Private
}
