package procstats

import (
	"slices"
	"time"
)

// Usage is what one tree costs. Sizes are in bytes.
//
// RSS, Swap and PageTables are sums over Status. The next are sums of estimates for
// each process, which smaps_rollup corrects when it is read:
//
//   - Private is what would end with the tree, swap included: before a reading
//     the upper bound Status.Private; after it, that less what the reading
//     found to be shared. A process that was born since counts in full, and
//     when a process goes that shared pages with the rest of its tree, the rest
//     takes its part over. Pages that were shared and copied since, by being written to, are
//     missing until the next reading; Slack says how many these can be.
//   - PSS is RSSAnon + RSSShmem before a reading, which leaves out the tree's
//     share of mapped files and counts pages shared after a fork in full; after
//     it, the Pss read then plus what RSSAnon + RSSShmem grew by. Like the
//     kernel's Pss it has no swap in it, and it is never above RSS.
//   - Shared is RSSFile before a reading, which takes every mapped file to be
//     shared; after it, Shared_Clean + Shared_Dirty as read then, summed over
//     the processes.
//   - Proportional is what the tree adds to a total with shared memory counted
//     once, swap included: Pss + SwapPss when read, RSS + Swap before. In
//     between it errs upwards, by at most Slack: see share. So the sum over all
//     targets is never less than what they hold together, and Proportional - Slack
//     never more than this tree's part; a total that is over a limit only because of
//     Slack needs a reading first. Where targets share with each other, such as
//     workers forked from one process that is a target too, the sum is right while they
//     live; when one ends, the parts of the others grow unseen until they are
//     read again, which is as soon as the budget allows.
//
// The last are as the last reading found them, and 0 before one.
type Usage struct {
	ID   uint64
	PIDs []int // leader first, zombies left out; not to be written to

	RSS        int64
	Swap       int64
	PageTables int64 // the kernel's tables for the tree's pages, which the container is charged with too

	Private      int64
	PSS          int64
	Shared       int64
	Proportional int64
	Slack        int64

	SharedClean int64 // mapped by more than one process, summed over the tree's
	SharedDirty int64
	LazyFree    int64 // given back with MADV_FREE and not taken yet: counted everywhere, but the kernel's for the asking
	HugePages   int64 // anonymous memory in huge pages, of which one touched byte costs 2 MiB

	Measured time.Time // when smaps_rollup was last read; zero: never
	// Fresh: this very Sample read smaps_rollup, as far as the kernel let us, so
	// that there is nothing better to be had. A Target's Measure that the budget
	// did not allow leaves it false: the caller asks again.
	Fresh       bool
	Denied      bool // the permission to read smaps_rollup of some process was missing; Status stands in for it
	Unsupported bool // the kernel has no smaps_rollup (gVisor, or Linux before 4.14); Status stands in for it
	// Hidden: some process lives, but not even its status can be read (hidepid).
	// The sizes are those of the others, which are not what the tree costs: nothing should hang on them.
	Hidden bool

	// Of the whole tree since it began, also of descendants that have ended.
	// These never fall, and may be four Samples old.
	CPU         time.Duration // user and system time
	MinorFaults int64         // page faults served from memory
	MajorFaults int64         // and from disk

	// Err says why a process of the tree could not be read; the rest of Usage
	// is then not all. Gone(Err) if the leader has ended; the rest is then what
	// its descendants still cost.
	Err error
}

// usage adds the family up.
func (f *family) usage() Usage {
	u := Usage{ID: f.id, Measured: f.measured, Fresh: f.fresh, Denied: f.denied, Unsupported: f.unsupported,
		Hidden: f.hides, Err: f.err}
	total := f.lost
	var most int64 // that Private can be
	for _, m := range f.members {
		total = total.plus(m.stat.spent()) // of a zombie too: its parent has not got it yet
		u.Hidden = u.Hidden || m.hidden
		if m.stat.ended() {
			continue
		}
		u.RSS += m.status.RSS
		u.Swap += m.status.Swap
		u.PageTables += m.status.PageTables
		u.Private += m.private()
		u.PSS += m.pss()
		u.Shared += m.sharedNow()
		u.SharedClean += m.rollup.SharedClean
		u.SharedDirty += m.rollup.SharedDirty
		u.LazyFree += m.rollup.LazyFree
		u.HugePages += m.rollup.AnonHugePages
		share, slack := m.share.now(m.stat, m.status)
		u.Proportional += share
		u.Slack += slack
		most += m.status.Private()
	}
	left := min(f.left, max(0, most-u.Private))
	u.Private += left
	u.PSS = min(u.PSS+left, u.RSS)
	u.Proportional += left
	u.Slack += left
	u.CPU, u.MinorFaults, u.MajorFaults = total.cpu, total.minor, total.major
	u.PIDs = f.living()
	return u
}

// living are the pids of the processes that have not ended. The slice is the
// same for as long as they are.
func (f *family) living() []int {
	i, same := 0, true
	for _, m := range f.members {
		if !m.stat.ended() {
			same = same && i < len(f.pids) && f.pids[i] == m.pid
			i++
		}
	}
	if !same || i != len(f.pids) {
		f.pids = slices.Grow([]int(nil), i)
		for _, m := range f.members {
			if !m.stat.ended() {
				f.pids = append(f.pids, m.pid)
			}
		}
	}
	return f.pids
}
