package supervisor

import (
	"fmt"
	"slices"
	"time"

	"rota/policy"
	"rota/procstats"
)

// Looking at memory is kept below half a percent of a core, and below five while a
// limit is near, however often policy would like to look.
const (
	sampleShare = 200
	nearShare   = 20
)

// sampleMemory is over how many rounds a round is paid off: one that read a large
// smaps_rollup costs a hundred times the next, which must not wait for it alone.
const sampleMemory = 8

// sample reads the memory of all workers and of the container, beside the loop
// and one round at a time.
func (s *Supervisor) sample() {
	if s.sampling {
		return
	}
	targets := make([]procstats.Target, 0, len(s.fleet.Workers))
	for _, w := range s.fleet.Workers {
		// Before it is launched it is rota's own shim.
		if p := s.processes[w.ID]; p.launched && p.pid != 0 && !p.leaderGone {
			targets = append(targets, procstats.Target{
				ID: w.ID, PID: p.pid, Quiet: w.State != policy.Ready, Measure: s.measure[w.ID],
			})
		}
	}
	s.sampling = true
	go func() {
		m := sampled{at: time.Now()}
		m.work = procstats.Work(func() {
			m.usages = s.sampler.Sample(m.at, targets)
			m.container, m.err = s.container.Container()
		})
		m.cost = s.sampler.Cost()
		s.post(m)
	}()
}

func (s *Supervisor) onSampled(m sampled, now time.Time) {
	s.sampling = false
	s.sampleCost = m.cost
	s.sampleWork += (m.work - s.sampleWork) / sampleMemory
	for _, u := range m.usages {
		if p := s.processes[u.ID]; p != nil {
			if u.Err == nil && !u.Hidden {
				p.cores.look(u.CPU, m.at)
			}
			s.observe(p, u, now)
		}
	}
	s.contain(m.container, m.err, m.at, now)
	s.learn(m.usages, now)
	s.samples.Reset(s.pace())
}

// pace is how soon to look again.
func (s *Supervisor) pace() time.Duration {
	pace := policy.Pace(s.config.Policy, s.fleet)
	if pace < s.config.Policy.SampleInterval { // a limit is near, and it is not for long
		return max(pace, s.sampleWork*nearShare)
	}
	return max(pace, s.sampleWork*sampleShare)
}

// observe takes over a look at one worker. One that did not see all of it is no
// sample: nothing is to be decided on a part.
func (s *Supervisor) observe(p *process, u procstats.Usage, now time.Time) {
	if u.Hidden {
		s.denied(p, "status", "its memory is not known and no limit is heeded")
		p.usage = u
		return
	}
	if u.Err != nil {
		if s.unreadable(p, u.Err, now) {
			s.warn(fmt.Sprintf("sample %d", p.generation), "%v: the memory of worker process %d is not known and no limit is heeded", u.Err, p.pid)
		}
		return
	}
	p.unread = time.Time{}
	if len(u.PIDs) > 1 && !slices.Equal(u.PIDs, p.usage.PIDs) {
		p.noteStrays(u.PIDs)
	}
	if slices.ContainsFunc(p.usage.PIDs, func(pid int) bool { return !slices.Contains(u.PIDs, pid) }) {
		p.shrank = now
	}
	p.usage = u
	exact := u.Fresh || u.Denied || u.Unsupported // then there is nothing better to be had
	if exact {
		delete(s.measure, u.ID)
	}
	if u.Denied {
		s.denied(p, "smaps_rollup", "its memory is an upper bound, which counts what its processes share more than once")
	}
	if u.Unsupported && len(u.PIDs) > 1 {
		s.warn("smaps_rollup", "this kernel has no smaps_rollup: what the processes of a worker share is counted more than once")
	}
	w := s.fleet.Find(u.ID)
	if s.front == nil && w.State == policy.Ready {
		s.checkSignal(p)
	}
	config := s.config.Policy
	// Copies of one forked process share memory that a cheap sample counts for
	// each; a single process that was executed shares none worth counting.
	shared := len(u.PIDs) > 1 || config.MemoryMetric == MetricPSS
	s.fleet.Observe(config, u.ID, policy.Sample{
		Bytes: metric(config.MemoryMetric, u), Private: u.Private, Share: u.Proportional, Shared: shared, Exact: exact,
	}, now)
	p.foreseen = s.fleet.Foresee(w)
}

// unreadable tells whether the memory of a worker has not been known for so long that it
// matters. One that ends is half gone for a moment: its main thread has ended before
// the others.
func (s *Supervisor) unreadable(p *process, err error, now time.Time) bool {
	if procstats.Gone(err) || s.fleet.Find(p.id).State != policy.Ready {
		return false
	}
	if p.unread.IsZero() {
		p.unread = now
	}
	return now.Sub(p.unread) >= s.config.Policy.SampleInterval
}

// denied warns, once for each release, that the memory of a worker cannot be read.
func (s *Supervisor) denied(p *process, file, so string) {
	s.warn(fmt.Sprintf("denied %s %d", file, p.generation), "cannot read %s of worker process %d: permission denied; %s (run rota and its workers as one user, and do not mount /proc with hidepid)", file, p.pid, so)
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
