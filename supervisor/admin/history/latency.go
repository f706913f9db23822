package history

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Latencies are counted in buckets that grow with them, eight to a doubling, from
// a microsecond (1024 ns) to some twenty minutes (2^40 ns): within a bucket they
// differ by at most an eighth.
const (
	perOctave   = 3 // as a power of two
	firstOctave = 10
	lastOctave  = 40
	buckets     = 1 + (lastOctave-firstOctave)<<perOctave // the first is for all below
)

// latencies counts requests by what they took.
type latencies [buckets]atomic.Uint64

// observed is a copy of latencies, or the difference of two.
type observed [buckets]uint64

// bucket is the place of a duration. What is longer than all counts as the longest.
func bucket(d time.Duration) int {
	ns := uint64(max(0, d))
	octave := bits.Len64(ns) - 1
	switch {
	case octave < firstOctave:
		return 0
	case octave >= lastOctave:
		return buckets - 1
	}
	within := ns >> (octave - perOctave) & (1<<perOctave - 1)
	return 1 + (octave-firstOctave)<<perOctave + int(within)
}

// lower is where a bucket begins, in seconds; that of buckets is the end of the last.
func lower(i int) float64 {
	if i == 0 {
		return 0
	}
	octave, within := firstOctave+(i-1)>>perOctave, (i-1)&(1<<perOctave-1)
	return float64(uint64(1<<perOctave+within)<<(octave-perOctave)) / float64(time.Second)
}

func (l *latencies) add(d time.Duration) { l[bucket(d)].Add(1) }

// copy writes down what was counted until now.
func (l *latencies) copy(o *observed) {
	for i := range l {
		o[i] = l[i].Load()
	}
}

// quantile is the latency in seconds that a share of the requests, from 0 to 1, of
// those between two copies stayed within. Within a bucket they are taken to be
// spread evenly. It is false if there were none.
func quantile(before, after *observed, share float64) (float64, bool) {
	var total uint64
	for i := range after {
		total += after[i] - before[i]
	}
	if total == 0 {
		return 0, false
	}
	rank := share * float64(total)
	for i := range after {
		n := float64(after[i] - before[i])
		if n > 0 && rank <= n {
			return lower(i) + (lower(i+1)-lower(i))*rank/n, true
		}
		rank -= n
	}
	return lower(buckets), true // what rounding left over
}
