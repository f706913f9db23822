package history

import "time"

// windowTime is what Recent looks back over.
const windowTime = 10 * time.Second

// Recent is what came of requests lately.
type Recent struct {
	PerSecond     float64  // that were over, shed ones and upgraded connections included
	P50Seconds    *float64 // of those that a worker was given; nil without any
	P99Seconds    *float64
	WindowSeconds float64 // what it looks back over: some 10 s, less at first; 0 before there is anything
}

// Recent is what came of requests in the last ten seconds. Any number of goroutines
// may ask.
func (r *Recorder) Recent() Recent { return *r.recent.Load() }

// Totals are the requests that are over since rota began: all of them, and of these
// the ones that were ended unfinished and not by their client, and the ones that
// were answered 503 without having reached a worker. Any number of goroutines may ask.
func (r *Recorder) Totals() (total, cut, shed int64) {
	c := &r.counters
	return c.total.Load(), c.cut.Load(), c.shed.Load()
}

// window are the counts of the last readings, oldest first.
type window struct {
	clock time.Duration // time that was read
	shots []shot
}

type shot struct {
	at     time.Duration
	counts *counts
}

// add takes a reading over.
func (w *window) add(now *counts, elapsed time.Duration) *Recent {
	if w.shots == nil {
		w.shots = []shot{{0, &counts{}}}
	}
	w.clock += elapsed
	for len(w.shots) > 1 && w.clock-w.shots[1].at >= windowTime {
		w.shots = append(w.shots[:0], w.shots[1:]...)
	}
	first := w.shots[0]
	w.shots = append(w.shots, shot{w.clock, now})
	recent := &Recent{WindowSeconds: (w.clock - first.at).Seconds()}
	if recent.WindowSeconds > 0 {
		recent.PerSecond = float64(now.total-first.counts.total) / recent.WindowSeconds
	}
	if p50, ok := quantile(&first.counts.took, &now.took, .5); ok {
		p99, _ := quantile(&first.counts.took, &now.took, .99)
		recent.P50Seconds, recent.P99Seconds = &p50, &p99
	}
	return recent
}
