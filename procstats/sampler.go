package procstats

import "time"

// Target is one process tree to sample.
type Target struct {
	ID      uint64 // the caller's own name for it, echoed in Usage; a new tree has a new one
	PID     int    // the leader; no two targets of one Sample have the same
	Quiet   bool   // it starts or drains: no smaps_rollup now, on no account
	Measure bool   // a decision hangs on it: read smaps_rollup now, ahead of the others; see Usage.Fresh
}

// Sampler reads what process trees cost, again and again, and keeps what that
// takes low: see Sample. It is not safe for concurrent use.
type Sampler struct {
	kernel   Kernel
	clock    func() time.Time // for durations only
	work     func(do func()) time.Duration
	alive    func(int) bool  // whether a pid is in use, shown by procfs or not
	families map[int]*family // by leader
	members  map[int]*member // by pid
	census   census
	spare    int           // handles that may still be opened
	purse    time.Duration // what readings of smaps_rollup may take now
	looked   time.Time     // when the last Sample was
	rounds   int
	cost     time.Duration
}

// NewSampler makes a Sampler that reads k.
func NewSampler(k Kernel) *Sampler {
	return &Sampler{
		kernel:   k,
		clock:    time.Now,
		work:     Work,
		alive:    alive,
		families: map[int]*family{},
		members:  map[int]*member{},
		spare:    spareHandles(),
		purse:    purseMax,
	}
}

// Cost is how long the last Sample took.
func (s *Sampler) Cost() time.Duration { return s.cost }

// Sample reads the targets and answers with one Usage for each, in their order.
//
// It reads status of each process of each tree, and stat at least every fifth
// time, from files that it keeps open until the process is no target's. Besides,
// it reads smaps_rollup of trees that are not Quiet: of those whose Measure
// demands it, and of one that is due, or some that never were read. A tree is due
// at first, then once a minute, and sooner if much of what it shares may have
// changed (see Usage.Slack).
//
// Readings of one tree take at most a thousandth of its time, and of all together
// at most 0.2 % of one CPU, on average, see Work; one that a decision demands comes first
// and the others wait for it. The rest of a Sample takes some 10 to 15 µs for
// each process. So, once a second, 100 trees of two processes cost less than 0.5
// % of one CPU (BenchmarkSample: 0.17 % for one process each and 0.42 % for two,
// readings included, beside other load).
//
// A process belongs to the target that it descends from, the nearest if targets
// descend from each other, or else to the one whose PID is its process group.
// It stays with it for as long as it lives, also when it is orphaned or moves
// to another group. What is known of a tree is forgotten as soon as it is
// missing from targets.
func (s *Sampler) Sample(now time.Time, targets []Target) []Usage {
	began := s.clock()
	s.rounds++
	s.earn(now)
	changed := s.retarget(targets)
	s.recount(now, changed, targets)
	for _, t := range targets {
		s.families[t.PID].refresh(s)
	}
	s.read(now, targets)
	usages := make([]Usage, 0, len(targets))
	for _, t := range targets {
		usages = append(usages, s.families[t.PID].usage())
	}
	s.cost = s.clock().Sub(began)
	return usages
}

// read makes the readings of smaps_rollup: those demanded, or else those due.
func (s *Sampler) read(now time.Time, targets []Target) {
	demanded := false
	for _, t := range targets {
		f := s.families[t.PID]
		f.fresh = false
		if t.Measure && !t.Quiet && f.allowed(s, now) {
			f.measure(s, now)
			demanded = true
		}
	}
	if demanded {
		return
	}
	for spent := time.Duration(0); spent < readingsMax; {
		f := s.scheduled(now, targets)
		if f == nil {
			return
		}
		first := !f.tried
		f.measure(s, now)
		if spent += f.cost; !first {
			return
		}
	}
}

// retarget makes families of new targets, forgets those that are no longer
// targets, and reports whether there was a new one.
func (s *Sampler) retarget(targets []Target) bool {
	wanted := make(map[int]uint64, len(targets))
	for _, t := range targets {
		wanted[t.PID] = t.ID
	}
	for pid, f := range s.families {
		if id, ok := wanted[pid]; ok && id == f.id {
			continue
		}
		for _, m := range f.members {
			s.forget(m)
		}
		delete(s.families, pid)
		s.bereave(f)
	}
	changed := false
	for pid, id := range wanted {
		if s.families[pid] != nil {
			continue
		}
		changed = true
		f := &family{id: id, leader: pid}
		s.families[pid] = f
		m := s.members[pid] // it may have been some other tree's until now
		if m == nil {
			m = &member{pid: pid}
			s.members[pid] = m
		}
		f.add(m)
	}
	return changed
}

// bereave has families read again that may have shared memory with one that
// is no more: their parts have grown, and nothing that is cheap to read says so.
func (s *Sampler) bereave(gone *family) {
	if !gone.shares() {
		return
	}
	for _, f := range s.families {
		f.stale = f.stale || f.shares()
	}
}

func (s *Sampler) forget(m *member) {
	m.statFile.close(&s.spare)
	m.statusFile.close(&s.spare)
	delete(s.members, m.pid)
}
