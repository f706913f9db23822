package policy

import (
	"fmt"
	"time"
)

// reserveShare is the part of the container that a surge leaves free.
const reserveShare = 50

// noRoom says why one worker more does not fit into the container, with the
// numbers; empty if it fits, or if too little is known to tell.
func (f *Fleet) noRoom(c Config, now time.Time) string {
	fresh := f.freshSize(c)
	k := f.Container
	if k.Limit <= 0 || k.Needed <= 0 || fresh <= 0 {
		return ""
	}
	cycle := f.learned.cycle(c)
	grows := f.gain(c, now, cycle)
	// The last look may have been a spike, but the one before it knows nothing of a
	// worker that has begun since.
	needed, span := k.Needed, c.SampleInterval
	for i := range f.Workers {
		span = min(span, now.Sub(f.Workers[i].ReadyAt))
		if f.Workers[i].State == Starting {
			span = 0
		}
	}
	f.needs.each(now, span, func(v int64, ago time.Duration) {
		if v > 0 && ago <= span {
			needed = min(needed, v+int64(grows*ago.Seconds()/max(cycle.Seconds(), 0.001)))
		}
	})
	pending := int64(0)
	for _, w := range f.Workers {
		if w.State == Starting || w.State == Ready && w.trend == nil { // or ready, and what it took for that was not seen yet
			pending += max(0, fresh-w.Private)
		}
	}
	free := k.Limit - k.Limit/reserveShare - needed - pending - int64(grows)
	if fresh <= free {
		return ""
	}
	text := fmt.Sprintf("a fresh worker takes %s, and of %s only %s are free", size(fresh), size(k.Limit), size(max(0, k.Limit-needed)))
	if grows > 0 {
		text += fmt.Sprintf(", of which %s are expected to be used within the %s of a cycle", size(int64(grows)), cycle.Round(100*time.Millisecond))
	}
	return text
}

// freshSize is what a new worker takes, a tenth more than the largest of the last
// few did: of this release, or as long as there was none of the one before it.
// Before there was any it is the limit, and 0 without that.
func (f *Fleet) freshSize(c Config) int64 {
	if most := f.learned.largest(); most > 0 {
		return most + most/10
	}
	return c.MaxMemory
}

// largest is the most that one of the last few workers took when it was ready.
func (l *learned) largest() int64 {
	if most := l.fresh.max(); most > 0 {
		return most
	}
	return l.before
}

// learnSize notes what a worker takes when it is ready.
func (f *Fleet) learnSize(w *Worker) {
	if !w.sized && w.Generation == f.Generation {
		w.sized = true
		f.learned.fresh.add(max(w.boot, w.Private))
	}
}

// crowdsOut is why a replacement is not waited for any longer: it takes more than
// those before it, and that fills the container. The worker that it was to replace
// stays.
func (f *Fleet) crowdsOut(w *Worker) string {
	most := f.learned.largest()
	if !f.verge || w.State != Starting || !f.serving(w.Replaces) || w.boot <= most+most/10 {
		return ""
	}
	return fmt.Sprintf("it has %s before it is ready, where %s were expected, and the container needs %s of %s: the kernel would kill next",
		size(w.boot), size(most), size(f.Container.Needed), size(f.Container.Limit))
}

// leaving tells whether a worker is on its way out, so that there will be more room.
func (f *Fleet) leaving() bool { return f.Count(Draining)+f.Count(Stopping) > 0 }
