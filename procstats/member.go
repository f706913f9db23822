package procstats

import (
	"fmt"
	"syscall"
)

// member is one process of a family, and what the last smaps_rollup said of it.
type member struct {
	pid    int
	family *family
	known  bool // read at least once, so that stat.StartTime is valid
	stat   Stat
	status Status

	// What smaps_rollup knew better than status, at the last reading. The
	// pages that a process shares change far less than those that it owns, so
	// the difference is carried forward and only status is read meanwhile.
	measured bool
	discount int64 // taken off Status.Private; never negative
	shift    int64 // added to Status.resident to make the PSS; negative where anonymous pages are shared
	shared   int64 // Shared_Clean + Shared_Dirty
}

// read looks at the process again. An error for which Gone is true says that it
// has ended, or that its pid now names another process.
func (m *member) read(k Kernel) error {
	stat, err := k.Stat(m.pid)
	if err != nil {
		return err
	}
	if m.known && stat.StartTime != m.stat.StartTime {
		return fmt.Errorf("cannot read %s: pid was used again: %w", k.of(m.pid, "stat"), syscall.ESRCH)
	}
	status, err := k.Status(m.pid)
	if err != nil {
		return err
	}
	m.known, m.stat, m.status = true, stat, status
	// No more can be shared than there is: a process that threw its pages away,
	// as execve does, does not get the discount back when it grows again.
	m.discount = min(m.discount, status.Private())
	m.shift = max(m.shift, -status.resident())
	return nil
}

// measure takes over a reading of smaps_rollup. Alone says that the process is
// the only one of its tree.
//
// Of a tree with one process, private is what only that process maps. In a tree
// with more, pages that its processes share among themselves end with the tree
// as well, though no process maps them alone; there the proportional share of
// anonymous and shared memory adds up to just that (and to somewhat more, never
// less, where pages are shared with a process outside).
func (m *member) measure(r Rollup, alone bool) {
	upper := m.status.Private()
	own := r.PrivateClean + r.PrivateDirty + r.Swap
	if !alone {
		own = r.PSSAnon + r.PSSShmem + r.SwapPSS
		if r.PSSAnon+r.PSSFile+r.PSSShmem == 0 { // Linux before 5.4
			own = r.PSS + r.SwapPSS
		}
	}
	m.measured = true
	m.discount = max(0, upper-own)
	m.shift = r.PSS - m.status.resident()
	m.shared = r.SharedClean + r.SharedDirty
}

// unmeasure forgets the last reading.
func (m *member) unmeasure() {
	m.measured, m.discount, m.shift, m.shared = false, 0, 0, 0
}

// unshare forgets what was taken off because pages were shared: who shared them
// has gone, so they may be this process's alone now.
func (m *member) unshare() {
	m.discount, m.shift = 0, max(0, m.shift)
}

func (m *member) private() int64 { return m.status.Private() - m.discount }

func (m *member) pss() int64 {
	return min(m.status.resident()+m.shift, m.status.RSS)
}

func (m *member) sharedNow() int64 {
	if !m.measured {
		return m.status.RSSFile
	}
	return min(m.shared, m.status.RSS)
}
