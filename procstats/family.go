package procstats

import (
	"fmt"
	"slices"
	"syscall"
)

// family is one target with its processes.
type family struct {
	id      uint64
	leader  int
	members []*member // the leader first, while it is there
	err     error     // Usage.Err
	hides   bool      // it has a child that cannot be seen, and so is no member

	lost spent // of processes that went without anyone of the family waiting for them
	left int64 // what those that ended shared, and is now the others', since the last reading

	reading
	pids []int // what the last Usage said; never written to again
}

// add takes m in, from the family that had it before.
func (f *family) add(m *member) {
	if old := m.family; old != nil {
		old.members = slices.DeleteFunc(old.members, func(o *member) bool { return o == m })
		if m.known {
			old.lost = old.lost.plus(m.stat.spent())
		}
	}
	m.family = f
	if m.pid == f.leader {
		f.members = slices.Insert(f.members, 0, m)
		return
	}
	f.members = append(f.members, m)
}

// refresh reads every process again and forgets those that have ended. As long
// as nothing happens that only stat tells, that is left out but for one time in
// statEvery; all are read at the same time, or a process that ended could be counted
// both for itself and in its parent's sums.
func (f *family) refresh(s *Sampler) {
	if (s.rounds+f.leader)%statEvery == 0 || !f.glance(s) {
		f.look(s)
	}
}

const statEvery = 5

// glance reads status alone. It reports whether that tells all there is.
func (f *family) glance(s *Sampler) bool {
	if len(f.members) == 0 || f.members[0].pid != f.leader || f.err != nil {
		return false
	}
	for _, m := range f.members {
		if !m.glance(s) {
			return false
		}
	}
	return true
}

// look reads stat and status.
func (f *family) look(s *Sampler) {
	var lost, inherited spent
	if len(f.members) > 0 && f.members[0].pid == f.leader {
		f.err = nil
	}
	f.members = slices.DeleteFunc(f.members, func(m *member) bool {
		before, known := m.stat, m.known
		err := m.read(s)
		if err != nil && Gone(err) {
			s.forget(m)
			lost = lost.plus(before.spent())
			f.left += m.leave()
			if m.pid == f.leader {
				f.err = err
			}
			return true
		}
		if err == nil && m.stat.ended() {
			f.left += m.leave() // its memory is free, though it waits to be reaped
		}
		if err == nil && m.pid == f.leader {
			err = m.mainEnded(s.kernel)
		}
		// Anything else is our own trouble, such as too many open files: the
		// process is there and counts with what it had before.
		if err != nil && f.err == nil {
			f.err = err
		}
		if known {
			inherited = inherited.plus(m.stat.childSpent().beyond(before.childSpent()))
		}
		return false
	})
	// The time of a process that ended is in its parent's, if that waited for
	// it. What does not turn up there (an orphan that our own process reaped,
	// a parent that ignores SIGCHLD) is kept here, or the sum would fall.
	f.lost = f.lost.plus(lost.beyond(inherited))
}

// mainEnded is an error if the process, or at least its main thread, has ended:
// the sizes in its status are 0 then.
func (m *member) mainEnded(k Kernel) error {
	switch {
	case !m.stat.ended():
		return nil
	case m.stat.Threads > 1:
		return fmt.Errorf("cannot read %s: the main thread has ended, others have not", k.of(m.pid, "status"))
	}
	return fmt.Errorf("cannot read %s: waits to be reaped: %w", k.of(m.pid, "status"), syscall.ESRCH)
}
