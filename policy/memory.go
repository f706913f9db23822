package policy

import (
	"fmt"
	"math"
	"time"

	"github.com/docker/go-units"
)

// Sample is one look at what a worker costs, in bytes.
type Sample struct {
	Bytes   int64 // by Config.MemoryMetric
	Private int64 // what would be free if it ended, swap included
	Share   int64 // what it adds to the total of all workers: its proportional memory, swap included
	Shared  bool  // its processes may share memory that a cheap look counts more than once
	Exact   bool  // and this look did not: it asked the kernel for each page
}

// Foreseen is what the recent past of a worker's memory says about its future.
type Foreseen struct {
	Growth  float64   // bytes a second; 0 where it does not grow steadily
	Reaches time.Time // when it reaches Config.MaxMemory; zero where that is not to be seen
}

// hardOf is above what there is no more patience with a limit: that it is no spike
// is enough.
func hardOf(limit int64) int64 { return limit + limit/5 }

// fineness is how many points of a trend a sample interval has at most, for when
// samples are taken faster.
const fineness = 10

// Observe notes a look at a worker.
func (f *Fleet) Observe(c Config, id uint64, s Sample, now time.Time) {
	w := f.Find(id)
	if w == nil {
		return
	}
	had, hadPrivate := w.Memory, w.Private
	sure := s.Exact || !s.Shared // else it may be several times what it takes
	first, again := w.exact.IsZero(), w.trend != nil && w.exact.Equal(w.trend.at)
	w.Memory, w.Private, w.Share, w.Shared = s.Bytes, s.Private, s.Share, s.Shared
	if s.Exact {
		w.exact = now
	}
	switch w.State {
	case Starting:
		if !sure {
			return
		}
		w.booting.add(s.Private, now)
		low, _ := w.booting.bounds(now, c.SampleInterval) // a spike is not what it takes
		w.boot = max(w.boot, low)
		return
	case Draining, Stopping:
		return
	}
	switch {
	case w.trend == nil:
		w.trend, w.base, w.begun = newTrend(now), s.Private, s.Private
	case s.Exact && s.Shared && !again && s.Bytes < had:
		w.trend.shift(s.Bytes - had) // what was counted too often, no fall
		if first {
			w.base, w.begun = w.base+s.Private-hadPrivate, w.begun+s.Private-hadPrivate
		}
	default:
		f.grown += s.Bytes - had
	}
	w.trend.add(now, s.Bytes, c.SampleInterval)
	if sure {
		f.learnSize(w)
	}
	f.learnLevel(c, w)
	w.foresee(c, f, now)
	w.strike(c, s, now)
}

// strike counts the looks in a row that were over the limit.
func (w *Worker) strike(c Config, s Sample, now time.Time) {
	if c.MaxMemory <= 0 || s.Bytes <= c.MaxMemory {
		w.Over, w.Settled, w.Under = 0, false, true
		return
	}
	if w.Over == 0 {
		w.overSince = now
	}
	w.Settled = w.Settled || s.Exact
	// Samples that are taken faster than asked for are no strikes of their own.
	if w.Over > 0 && now.Sub(w.overAt) < c.SampleInterval*9/10 {
		return
	}
	w.Over++
	w.overAt = now
}

// overLimit says in what way a worker is over Config.MaxMemory for long enough,
// or far enough; empty if it is not, or if it is spared.
func (w *Worker) overLimit(c Config, now time.Time) string {
	if now.Before(w.spared(c)) {
		return ""
	}
	return w.over(c, now)
}

// spared is until when a worker is left alone that is over its limit: one that was
// from the start gets MinUptime, because the next would be too; one that has grown
// over it is not waited for.
func (w *Worker) spared(c Config) time.Time {
	if w.Under {
		return time.Time{}
	}
	return w.ReadyAt.Add(c.MinUptime)
}

// over is overLimit of a worker that is not spared.
func (w *Worker) over(c Config, now time.Time) string {
	switch {
	case c.MaxMemory <= 0 || w.Over == 0:
		return ""
	case w.Over >= c.MemorySamples:
		return fmt.Sprintf("%s memory of %s was over %s in %d samples in a row", c.MemoryMetric, size(w.Memory), size(c.MaxMemory), w.Over)
	case !w.Under:
		return ""
	}
	if low, _ := w.trend.looks.bounds(now, c.SampleInterval); low > hardOf(c.MaxMemory) {
		return fmt.Sprintf("%s memory of %s is over %s by more than a fifth", c.MemoryMetric, size(w.Memory), size(c.MaxMemory))
	}
	return ""
}

// Total is what all workers cost together, in bytes, shared memory counted once.
func (f *Fleet) Total() int64 {
	var n int64
	for _, w := range f.Workers {
		n += w.Share
	}
	return n
}

// Foresee tells what is to be expected of a worker.
func (f *Fleet) Foresee(w *Worker) Foreseen { return w.foreseen }

// Pace is how soon the workers' memory is to be looked at again:
// Config.SampleInterval, or down to a tenth of it while a limit may be near.
func Pace(c Config, f *Fleet) time.Duration {
	var rise float64
	soonest := longest.Seconds()
	for _, w := range f.Workers {
		if w.State != Ready {
			continue
		}
		if w.trend == nil {
			// Where it begins counts: what it has later is growth. But it may be that
			// there is nothing to be seen.
			if f.needs.last().Sub(w.ReadyAt) < c.SampleInterval {
				return c.SampleInterval / fineness
			}
			continue
		}
		up := w.trend.rise
		if w.trend.age() < f.learned.evidence(c) { // too young to tell: as those before it
			up = max(up, f.learned.usualRate())
		}
		if up <= 0 {
			continue
		}
		rise += up
		if c.MaxMemory > 0 {
			soonest = min(soonest, left(c.MaxMemory-w.Memory, hardOf(c.MaxMemory)-w.Memory, w.Memory/5)/up)
		}
	}
	if b := f.budget(c); b.limited && rise > 0 {
		soonest = min(soonest, left(b.room, f.Container.Limit-f.Container.Needed, b.used/5)/rise)
	}
	pace := time.Duration(soonest / looksAhead * float64(time.Second))
	return min(c.SampleInterval, max(pace, c.SampleInterval/fineness))
}

// left is the first of several rooms, the tighter first, that is not used up; the
// last is as much again as there is, a fifth of it.
func left(rooms ...int64) float64 {
	for _, room := range rooms {
		if room > 0 {
			return float64(room)
		}
	}
	return math.Inf(1)
}

// looksAhead is how many samples there should be on the way to a limit.
const looksAhead = 32

func size(bytes int64) string { return units.BytesSize(float64(bytes)) }
