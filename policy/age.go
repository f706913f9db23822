package policy

import (
	"math/rand/v2"
	"slices"
	"time"
)

// due is when a worker that became ready at t has reached its age; the zero
// time without a restart interval. Workers that start together must not fall
// due together, so each keeps a distance of nearly interval/workers from the
// others: it takes the latest time within its interval that does. others are
// the ends of the other workers' ages.
func due(c Config, t time.Time, id uint64, others []time.Time) time.Time {
	if c.RestartInterval <= 0 {
		return time.Time{}
	}
	// Nearly: with the whole share, starts a millisecond apart would not fit.
	gap := c.RestartInterval / time.Duration(len(others)+1) * 9 / 10
	latest := t.Add(c.RestartInterval - jitter(c.Seed, id, c.RestartJitter))
	first := t.Add(c.RestartInterval / time.Duration(len(others)+1) / 2)
	candidates := []time.Time{latest}
	for _, o := range others {
		candidates = append(candidates, o.Add(-gap), o.Add(gap))
	}
	slices.SortFunc(candidates, func(a, b time.Time) int { return b.Compare(a) })

	best, widest := latest, time.Duration(-1)
	for _, at := range candidates {
		if at.After(latest) || at.Before(first) {
			continue
		}
		if d := nearest(at, others); d >= gap {
			return at
		} else if d > widest {
			best, widest = at, d
		}
	}
	return best
}

// nearest is the distance to the nearest of others, which is more than any
// interval if there are none.
func nearest(t time.Time, others []time.Time) time.Duration {
	least := time.Duration(1<<63 - 1)
	for _, o := range others {
		least = min(least, t.Sub(o).Abs())
	}
	return least
}

// dues are the ends of the ages of all workers that will live beside w.
func (f *Fleet) dues(w *Worker) []time.Time {
	var ts []time.Time
	for _, o := range f.Workers {
		leaving := o.ID == w.Replaces || f.Roll != nil && f.Roll.covers(o)
		if o.ID != w.ID && o.State == Ready && !o.Due.IsZero() && !leaving {
			ts = append(ts, o.Due)
		}
	}
	return ts
}

// jitter is a duration in [0, most) that is always the same for one seed and id,
// so that deciding stays pure.
func jitter(seed, id uint64, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(rand.New(rand.NewPCG(seed, id)).Int64N(int64(most)))
}
