package procstats

import "os"

var pageSize = int64(os.Getpagesize())

// share is what a process adds to a sum over many that counts shared memory
// once, swap included, as its last reading told it.
//
// Between readings status tells how much the process maps, but not whose it is.
// The sum over all that share must not come out too low, so of two things that
// may have happened the one is assumed that makes it higher:
//
//   - Pages that are gone were shared ones, as long as there were any. Others
//     still have those, so that the sum is the same.
//   - Each page fault that did not make the process grow copied a page that it
//     had shared. That is how copy-on-write shows in /proc/PID/stat, and nowhere
//     else: the process has as many pages as before, and the sum is one page
//     higher. It is this process's now, and those that it left it to have the larger parts
//     of it; all of that is added here, where it was caused.
//
// What that came to is the slack, by which the share may be too high.
type share struct {
	known  bool
	anon   int64 // anonymous and shared memory and swap: this process's part, at the reading
	file   int64 // mapped files: its part
	pool   int64 // of the former, at most so much was shared, in whole pages
	left   int64 // what others have more of once this process ends
	upper  int64 // Status.Private then
	mapped int64 // Status.RSSFile then
	faults int64 // of the process itself until then
}

// anon is the process's part of anonymous and shared memory, in RAM and in swap.
func (r Rollup) anon() int64 {
	if r.PSSAnon+r.PSSFile+r.PSSShmem == 0 { // Linux before 5.4
		return r.PSS + r.SwapPSS
	}
	return r.PSSAnon + r.PSSShmem + r.SwapPSS
}

// shareOf makes a share of a reading.
//
// A page that n processes share is 1/n of a page to each, so what it is less
// than whole, 1 - 1/n, is at least half of the page, and at least as much as the
// part 1/n that the others get when this process ends.
func shareOf(stat Stat, status Status, r Rollup) share {
	s := share{known: true, anon: r.anon(), file: r.PSSFile, upper: status.Private(), mapped: status.RSSFile, faults: stat.faults()}
	less := max(0, s.upper-s.anon)
	s.pool = min(2*less, r.SharedClean+r.SharedDirty+r.Swap)
	s.left = min(less, s.anon, max(0, r.PSS-r.PrivateClean-r.PrivateDirty)+r.SwapPSS)
	return s
}

// now is the share of the process as it is, and the slack in it. Before a
// reading it is all that the process maps, which may all be shared.
func (s share) now(stat Stat, status Status) (share, slack int64) {
	if !s.known {
		share = status.RSS + status.Swap
		return share, share
	}
	grown := max(0, status.Private()-s.upper)
	gone := max(0, s.upper-status.Private())
	copied := min(s.pool-min(gone, s.pool), max(0, (stat.faults()-s.faults)*pageSize-grown))
	file := min(s.file+max(0, status.RSSFile-s.mapped), status.RSSFile)
	anon := s.anon + grown - max(0, gone-s.pool) + copied
	return max(0, anon) + file, copied + min(gone, s.pool)
}
