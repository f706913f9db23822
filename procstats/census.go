package procstats

import (
	"slices"
	"time"
)

// The processes of all trees are found by listing /proc and reading the stat of
// those pids that were not there before: half a microsecond for each process of
// the machine, and ten for each that is new. Asking the children files instead
// costs five for each *thread* of each tree, 150 for a Java server, and does
// not find orphans.
const (
	// On a machine with very many processes the listing is not repeated before
	// censusRest times what it took, or censusMax if that is less.
	censusRest = 500
	censusMax  = 5 * time.Second

	// After fullCensus every process is read again, in case a pid that was a
	// stranger's had come to be used again between two listings.
	fullCensus = 5 * time.Minute
)

// census is what the last listing of all processes found.
type census struct {
	listed []int     // the pids that have been looked at, ascending
	spare  []int     // the slice that the next listing goes into
	next   time.Time // no listing before, unless one is demanded
	veiled bool      // procfs hides some processes
	full   time.Time // when all were last read
}

// recount looks for processes that have joined a family since the last time.
// New targets, as changed says, make it look at all processes, since some may
// be in a tree of theirs that were strangers, or another tree's, before.
func (s *Sampler) recount(now time.Time, changed bool, targets []Target) {
	c := &s.census
	demanded := slices.ContainsFunc(targets, func(t Target) bool { return t.Measure })
	if changed {
		c.full = time.Time{}
	}
	full := now.Sub(c.full) >= fullCensus
	if len(targets) == 0 || !full && !demanded && now.Before(c.next) {
		return
	}
	began := s.clock()
	pids, err := s.kernel.pids(c.spare[:0])
	if err != nil {
		return // the leaders will say so
	}
	if full {
		c.listed, c.full = c.listed[:0], now
		c.veiled = s.kernel.conceals()
	}
	fresh := map[int]Stat{}
	for _, pid := range pids {
		if _, seen := slices.BinarySearch(c.listed, pid); seen || s.members[pid] != nil || s.families[pid] != nil {
			continue // families: whoever has the pid of a leader that ended is a stranger
		}
		if stat, err := s.kernel.Stat(pid); err == nil {
			fresh[pid] = stat
		}
	}
	c.listed, c.spare = pids, c.listed
	if full {
		s.reattribute(fresh)
	}
	if len(fresh) > 0 {
		s.takeIn(pids, fresh)
	}
	if c.veiled {
		for _, f := range s.families {
			s.seekHidden(f)
		}
	}
	c.next = now.Add(min(censusMax, censusRest*s.clock().Sub(began)))
}

// takeIn makes members of those fresh processes that belong to a family.
func (s *Sampler) takeIn(pids []int, fresh map[int]Stat) {
	for _, pid := range pids {
		stat, ok := fresh[pid]
		if !ok || stat.ended() {
			continue
		}
		if f := s.familyOf(pid, fresh); f != nil {
			m := &member{pid: pid}
			s.members[pid] = m
			f.add(m)
		}
	}
}

// reattribute moves members to the family that is nearest now. A member that
// has lost its ancestors stays where it is.
func (s *Sampler) reattribute(fresh map[int]Stat) {
	for _, m := range s.members {
		if !m.known || s.families[m.pid] != nil {
			continue
		}
		if f := s.ancestor(m.pid, fresh); f != nil && f != m.family {
			f.add(m)
		}
	}
}

// familyOf is the family that a process belongs to, or nil. The group counts
// for what was orphaned. The pid of a leader that ended cannot name another
// group while one process is left in this one; after that it can.
func (s *Sampler) familyOf(pid int, fresh map[int]Stat) *family {
	if f := s.ancestor(pid, fresh); f != nil {
		return f
	}
	if f := s.families[fresh[pid].PGrp]; f != nil && len(f.members) > 0 {
		return f
	}
	return nil
}

// ancestor is the family of the nearest leader that pid descends from, or nil.
// An ancestor on the way that is a member, but has lost its own ancestors,
// stands for its family.
func (s *Sampler) ancestor(pid int, fresh map[int]Stat) *family {
	var nearest *family
	// Stats of different moments could make a ring of parents.
	for range len(fresh) + len(s.members) + 1 {
		m := s.members[pid]
		if m != nil && m.family.leader == pid {
			return m.family
		}
		stat, ok := fresh[pid]
		switch {
		case m != nil && m.known:
			if nearest == nil {
				nearest = m.family
			}
			pid = m.stat.PPID
		case m != nil:
			return m.family // taken in just now
		case ok:
			pid = stat.PPID
		default:
			return nearest
		}
	}
	return nearest
}
