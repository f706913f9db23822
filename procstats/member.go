package procstats

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// member is one process of a family, and what the last smaps_rollup said of it.
type member struct {
	pid    int
	family *family
	known  bool // read at least once, so that stat.StartTime is valid
	hidden bool // it lives, but cannot be read
	stat   Stat
	said   Status // by the kernel
	status Status // and corrected

	statFile, statusFile handle

	// What smaps_rollup knew better than status, at the last reading. The
	// pages that a process shares change far less than those that it owns, so
	// the difference is carried forward and only status is read meanwhile.
	measured bool
	off      offset
	rollup   Rollup
	discount int64 // taken off Status.Private; never negative
	shift    int64 // added to Status.resident to make the PSS; negative where anonymous pages are shared
	share    share
}

// errHidden: the process lives, but not even its status can be read.
var errHidden = fmt.Errorf("hidden from us (by hidepid, or another user's): %w", fs.ErrPermission)

// glance reads status, if the files are open, so that the pid is still this
// process's, and if there is no memory whose sharing only faults tell of.
func (m *member) glance(s *Sampler) bool {
	if !m.known || m.hidden || !m.statFile.open || !m.statusFile.open || m.stat.ended() || m.share.pool > negligible {
		return false
	}
	status, err := reread(s.kernel, &m.statusFile, &s.spare, m.pid, "status", parseStatus)
	if err != nil || status.State == 'Z' || status.State == 'X' {
		return false
	}
	m.take(status)
	return true
}

// negligible is what pages in batches make the kernel's files differ by.
const negligible = 1 << 20

// read looks at the process again. An error for which Gone is true says that it
// has ended, or that its pid now names another process.
func (m *member) read(s *Sampler) error {
	k := s.kernel
	stat, err := reread(k, &m.statFile, &s.spare, m.pid, "stat", parseStat)
	if err != nil {
		return m.unseen(s, err)
	}
	if m.known && stat.StartTime != m.stat.StartTime {
		return fmt.Errorf("cannot read %s: pid was used again: %w", k.of(m.pid, "stat"), syscall.ESRCH)
	}
	status, err := reread(k, &m.statusFile, &s.spare, m.pid, "status", parseStatus)
	if err != nil {
		return m.unseen(s, err)
	}
	m.known, m.hidden, m.stat = true, false, stat
	m.take(status)
	return nil
}

// take takes a status over.
func (m *member) take(status Status) {
	m.said = status
	m.status = m.off.correct(status)
	// No more can be shared than there is: a process that threw its pages away,
	// as execve does, does not get the discount back when it grows again.
	m.discount = min(m.discount, m.status.Private())
	m.shift = max(m.shift, -m.status.resident())
}

// unseen tells a process that has ended from one that lives and is hidden. A
// hidden one has no sizes, rather than those of some time ago.
func (m *member) unseen(s *Sampler, err error) error {
	missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
	if m.hidden = missing && s.alive(m.pid); !m.hidden {
		return err
	}
	m.status = Status{}
	m.unmeasure()
	return fmt.Errorf("cannot read %s: %w", s.kernel.of(m.pid, "stat"), errHidden)
}

// alive reports whether there is a process (or a zombie), also where procfs does
// not show it.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
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
	own := r.PrivateClean + r.PrivateDirty + r.Swap
	if !alone {
		own = r.anon()
	}
	m.measured, m.rollup = true, r
	m.discount = max(0, m.status.Private()-own)
	m.shift = r.PSS - m.status.resident()
	m.share = shareOf(m.stat, m.status, r)
}

// unmeasure forgets the last reading.
func (m *member) unmeasure() {
	m.measured, m.off, m.rollup, m.discount, m.shift, m.share = false, offset{}, Rollup{}, 0, 0, share{}
}

// leave is what others have more of now that the process has ended: its part of
// what it shared. It is told once.
func (m *member) leave() int64 {
	left := m.share.left
	m.unmeasure()
	return left
}

func (m *member) private() int64 { return m.status.Private() - m.discount }

func (m *member) pss() int64 {
	return min(m.status.resident()+m.shift, m.status.RSS)
}

func (m *member) sharedNow() int64 {
	if !m.measured {
		return m.status.RSSFile
	}
	return min(m.rollup.SharedClean+m.rollup.SharedDirty, m.status.RSS)
}
