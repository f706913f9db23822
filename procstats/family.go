package procstats

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"
)

// Between two readings of one tree's smaps_rollup lie at least rollupInterval
// and rollupRest times what the last one took, so that the tree's own mmap and
// munmap stall for at most a thousandth of the time.
const (
	rollupInterval = time.Minute
	rollupRest     = 1000
)

// family is one target with its processes.
type family struct {
	id      uint64
	leader  int
	members []*member // the leader first, while it is there
	err     error     // Usage.Err

	lostCPU time.Duration // CPU time of processes that went without anyone of the family waiting for them

	measured time.Time // the last reading of smaps_rollup that told anything
	tried    bool
	due      time.Time // no scheduled reading before
	denied   bool

	pids []int // what the last Usage said; never written to again
}

// add takes m in, from the family that had it before.
func (f *family) add(m *member) {
	if old := m.family; old != nil {
		old.members = slices.DeleteFunc(old.members, func(o *member) bool { return o == m })
		if m.known {
			old.lostCPU += m.stat.CPU()
		}
	}
	m.family = f
	if m.pid == f.leader {
		f.members = slices.Insert(f.members, 0, m)
		return
	}
	f.members = append(f.members, m)
}

// refresh reads every process again and calls gone for those that have ended.
func (f *family) refresh(k Kernel, gone func(*member)) {
	var lost, inherited time.Duration
	var unshared bool
	if len(f.members) > 0 && f.members[0].pid == f.leader {
		f.err = nil
	}
	f.members = slices.DeleteFunc(f.members, func(m *member) bool {
		before, known := m.stat, m.known
		err := m.read(k)
		if err != nil && Gone(err) {
			gone(m)
			lost += before.CPU()
			unshared = unshared || m.discount > 0
			if m.pid == f.leader {
				f.err = err
			}
			return true
		}
		if err == nil && m.pid == f.leader {
			err = m.mainEnded(k)
		}
		// Anything else is our own trouble, such as too many open files: the
		// process is there and counts with what it had before.
		if err != nil && f.err == nil {
			f.err = err
		}
		if known {
			inherited += m.stat.childCPU() - before.childCPU()
		}
		return false
	})
	if unshared {
		for _, m := range f.members {
			m.unshare()
		}
	}
	// The time of a process that ended is in its parent's, if that waited for
	// it. What does not turn up there (an orphan that our own process reaped,
	// a parent that ignores SIGCHLD) is kept here, or the sum would fall.
	f.lostCPU += max(0, lost-inherited)
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

// measure reads smaps_rollup of every process. It is for refresh, just before,
// to have dropped those that have ended.
func (f *family) measure(k Kernel, now time.Time, clock func() time.Time) {
	began := clock()
	alone := f.living() == 1
	read, denied := false, false
	for _, m := range f.members {
		if m.stat.ended() {
			continue
		}
		r, err := k.Rollup(m.pid)
		switch {
		case err == nil:
			m.measure(r, alone)
			read = true
		case errors.Is(err, fs.ErrPermission):
			m.unmeasure()
			denied = true
		}
		// Otherwise it has ended meanwhile, or the kernel has no such file:
		// status alone still is an upper bound.
	}
	switch {
	case read:
		f.measured = now
	case denied: // and with it went what was known before
		f.measured = time.Time{}
	}
	f.denied, f.tried = denied, true
	f.due = now.Add(max(rollupInterval, rollupRest*clock().Sub(began)))
}

// living counts the processes that have not ended.
func (f *family) living() int {
	n := 0
	for _, m := range f.members {
		if !m.stat.ended() {
			n++
		}
	}
	return n
}

// usage adds the family up.
func (f *family) usage() Usage {
	u := Usage{ID: f.id, Measured: f.measured, Denied: f.denied, CPU: f.lostCPU, Err: f.err}
	same, i := true, 0
	for _, m := range f.members {
		u.CPU += m.stat.CPU() // of a zombie too: its parent has not got it yet
		if m.stat.ended() {
			continue
		}
		u.RSS += m.status.RSS
		u.Swap += m.status.Swap
		u.Private += m.private()
		u.PSS += m.pss()
		u.Shared += m.sharedNow()
		same = same && i < len(f.pids) && f.pids[i] == m.pid
		i++
	}
	if !same || i != len(f.pids) {
		f.pids = make([]int, 0, i)
		for _, m := range f.members {
			if !m.stat.ended() {
				f.pids = append(f.pids, m.pid)
			}
		}
	}
	u.PIDs = f.pids
	return u
}
