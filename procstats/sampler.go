package procstats

import "time"

// Target is one process tree to sample.
type Target struct {
	ID      uint64 // the caller's own name for it, echoed in Usage; a new tree has a new one
	PID     int    // the leader; no two targets of one Sample have the same
	Quiet   bool   // it starts or drains: no smaps_rollup now, on no account
	Measure bool   // a decision hangs on it: read smaps_rollup now, whatever the budget says
}

// Usage is what one tree costs. Sizes are in bytes.
//
// RSS and Swap are sums over Status. The others are sums of estimates for each
// process, which smaps_rollup corrects when it is read:
//
//   - Private is what would end with the tree, swap included: before a reading
//     the upper bound Status.Private; after it, that less what the reading
//     found to be shared. A process that was born since counts in full, and
//     when a process goes that shared pages with the rest of its tree, the rest
//     counts in full again. So it errs upwards, until the next reading; the
//     exception are pages shared with processes outside the tree that all have
//     ended since.
//   - PSS is RSSAnon + RSSShmem before a reading, which leaves out the tree's
//     share of mapped files and counts pages shared after a fork in full; after
//     it, the Pss read then plus what RSSAnon + RSSShmem grew by. Like the
//     kernel's Pss it has no swap in it, and it is never above RSS.
//   - Shared is RSSFile before a reading, which takes every mapped file to be
//     shared; after it, Shared_Clean + Shared_Dirty as read then, summed over
//     the processes.
type Usage struct {
	ID   uint64
	PIDs []int // leader first, zombies left out; not to be written to

	RSS     int64
	Private int64
	Swap    int64
	PSS     int64
	Shared  int64

	Measured time.Time // when smaps_rollup was last read; zero: never
	Denied   bool      // the permission to read smaps_rollup of some process was missing; Status stands in for it

	// CPU is user and system time of the whole tree since it began, also of
	// descendants that have ended. It never falls.
	CPU time.Duration

	// Err says why a process of the tree could not be read; the rest of Usage
	// is then not all. Gone(Err) if the leader has ended; the rest is then what
	// its descendants still cost.
	Err error
}

// Sampler reads what process trees cost, again and again, and keeps what that
// takes low: see Sample. It is not safe for concurrent use.
type Sampler struct {
	kernel   Kernel
	clock    func() time.Time // for durations only
	families map[int]*family  // by leader
	members  map[int]*member  // by pid
	census   census
	cost     time.Duration
}

// NewSampler makes a Sampler that reads k.
func NewSampler(k Kernel) *Sampler {
	return &Sampler{
		kernel:   k,
		clock:    time.Now,
		families: map[int]*family{},
		members:  map[int]*member{},
	}
}

// Cost is how long the last Sample took.
func (s *Sampler) Cost() time.Duration { return s.cost }

// Sample reads the targets and answers with one Usage for each, in their order.
//
// It reads stat and status of each process of each tree. Besides, it reads
// smaps_rollup of at most one tree, of those that are not Quiet the one that has
// been due the longest; a tree is due at first, and then again after a minute
// or 1000 times what its last reading took, whichever is longer. A reading that
// a target's Measure demands takes the place of this one.
//
// A process belongs to the target that it descends from, the nearest if targets
// descend from each other, or else to the one whose PID is its process group.
// It stays with it for as long as it lives, also when it is orphaned or moves
// to another group. What is known of a tree is forgotten as soon as it is
// missing from targets.
func (s *Sampler) Sample(now time.Time, targets []Target) []Usage {
	began := s.clock()
	changed := s.retarget(targets)
	s.recount(now, changed, targets)
	scheduled := s.scheduled(now, targets)
	usages := make([]Usage, 0, len(targets))
	for _, t := range targets {
		f := s.families[t.PID]
		f.refresh(s.kernel, s.forget)
		if !t.Quiet && (t.Measure || f == scheduled) {
			f.measure(s.kernel, now, s.clock)
		}
		usages = append(usages, f.usage())
	}
	s.cost = s.clock().Sub(began)
	return usages
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
			delete(s.members, m.pid)
		}
		delete(s.families, pid)
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

// scheduled is the family whose turn it is to have smaps_rollup read, if any.
func (s *Sampler) scheduled(now time.Time, targets []Target) *family {
	var best *family
	for _, t := range targets {
		f := s.families[t.PID]
		switch {
		case t.Quiet:
		case t.Measure:
			return nil
		case f.tried && now.Before(f.due):
		case best == nil || best.tried && (!f.tried || f.due.Before(best.due)):
			best = f
		}
	}
	return best
}

func (s *Sampler) forget(m *member) { delete(s.members, m.pid) }
