package procstats

import (
	"errors"
	"io/fs"
	"time"
)

// What readings of smaps_rollup may cost. While one is read, the tree's own mmap
// and munmap stall: it pays rollupRest times what a reading took, so that this
// is at most a thousandth of its time. All readings together may take one part
// in purseRest of one CPU's time; that is saved up to purseMax.
//
// What a reading took is its time on a processor. Time on the clock would say
// most on a busy machine, where a reading that had to wait for its turn would keep
// those away for a minute on which a worker's end depends, while it leaks.
//
// What a caller demands with Measure is paid for as well, but may be read first
// and paid for later, up to overdraft readings of that tree and another purseMax for
// all: a decision hangs on it, and decisions are rare. If they are not, they wait.
const (
	rollupRest = 1000
	overdraft  = 2
	purseRest  = 500
	purseMax   = 100 * time.Millisecond

	// A tree that shares little, or has not changed, is read once in
	// rollupInterval. One whose Slack is over hasty bytes and a tenth of it, as soon as
	// it is paid for.
	rollupInterval = time.Minute
	hasty          = 8 << 20

	// One Sample begins no further scheduled reading once they took readingsMax.
	readingsMax = 10 * time.Millisecond
)

// reading is what is known of a family's readings.
type reading struct {
	measured time.Time // the last that told anything
	fresh    bool      // it was in this Sample

	tried       bool
	last        time.Time     // when last tried
	cost        time.Duration // of that, on a processor
	paid        time.Time     // no scheduled reading before
	stale       bool          // it may have changed unseen
	denied      bool
	unsupported bool
}

// shares reports whether the last reading found memory that would be free if the
// tree ended, were it not shared with others, maybe of another tree.
func (f *family) shares() bool {
	for _, m := range f.members {
		if m.share.left > 0 {
			return true
		}
	}
	return false
}

// measure reads smaps_rollup of every process, and pays for it. It is for refresh,
// just before, to have dropped those that have ended.
func (f *family) measure(s *Sampler, now time.Time) {
	f.cost = s.work(func() { f.rollup(s, now) })
	f.tried, f.fresh, f.last = true, true, now
	if f.paid.Before(now) {
		f.paid = now
	}
	f.paid = f.paid.Add(rollupRest * f.cost)
	s.purse -= f.cost
}

func (f *family) rollup(s *Sampler, now time.Time) {
	alone := len(f.living()) == 1
	read, denied, missing := false, false, false
	for _, m := range f.members {
		if m.stat.ended() || m.hidden {
			continue
		}
		r, off, err := s.kernel.count(m.pid)
		switch {
		case err == nil:
			m.off = off
			m.take(m.said)
			m.measure(r, alone)
			read = true
		case errors.Is(err, fs.ErrPermission):
			m.unmeasure()
			denied = true
		case errors.Is(err, fs.ErrNotExist) && exists(s.kernel.of(m.pid, "stat")):
			missing = true
		}
		// Otherwise it has ended meanwhile; the next refresh will say so.
	}
	switch {
	case read:
		f.measured = now
		f.left = 0
	case denied: // and with it went what was known before
		f.measured = time.Time{}
	}
	f.denied, f.unsupported, f.stale = denied, missing && !read, false
}

// allowed reports whether a reading that a decision hangs on may be made now.
func (f *family) allowed(s *Sampler, now time.Time) bool {
	return f.paid.Sub(now) <= overdraft*rollupRest*f.cost && s.purse > -purseMax
}

// due reports whether a scheduled reading may be made now, and is worth it.
func (f *family) due(s *Sampler, now time.Time) bool {
	switch {
	case s.purse <= 0 || now.Before(f.paid):
		return false
	case !f.tried || now.Sub(f.last) >= rollupInterval:
		return true
	case f.denied || f.unsupported:
		return false
	}
	u := f.usage()
	return f.stale || u.Slack > max(hasty, u.Proportional/10)
}

// earn puts into the purse what has been saved up since the last Sample.
func (s *Sampler) earn(now time.Time) {
	if !s.looked.IsZero() {
		s.purse = min(purseMax, s.purse+max(0, now.Sub(s.looked))/purseRest)
	}
	s.looked = now
}

// scheduled is the family whose turn it is to have smaps_rollup read, if any:
// one that never was, or the one that was the longest ago.
func (s *Sampler) scheduled(now time.Time, targets []Target) *family {
	var best *family
	for _, t := range targets {
		f := s.families[t.PID]
		if t.Quiet || f.fresh || !f.due(s, now) {
			continue
		}
		if best == nil || f.last.Before(best.last) {
			best = f
		}
	}
	return best
}
