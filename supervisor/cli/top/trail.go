package top

import (
	"sort"
	"time"

	"rota/supervisor/admin/api"
)

// A trail is kept second by second for fineFor, then in steps of coarse, and for
// keptFor in all: 2800 samples of each slot, which is 140 kB.
const (
	fineFor = 10 * time.Minute
	coarse  = 10 * time.Second
	keptFor = 6 * time.Hour
)

// sample is the memory of a slot's worker at one time; sizes in bytes.
type sample struct {
	at                   time.Time
	id                   uint64 // of the worker: another one has replaced it
	private, shared, rss int64
}

// of is what a memory metric of the pool makes of it.
func (s sample) of(metric string) int64 {
	switch metric {
	case "rss":
		return s.rss
	case "pss":
		return s.private + s.shared
	}
	return s.private
}

// trail is the memory of a slot over time, oldest first.
type trail struct {
	samples []sample
	thinned int // those before it are coarse already
}

// add takes the next sample. One that is not newer than the last is left out.
func (t *trail) add(s sample) {
	if n := len(t.samples); n > 0 && !s.at.After(t.samples[n-1].at) {
		return
	}
	t.samples = append(t.samples, s)
	t.thin(s.at)
}

// thin makes what is old coarse: of each stretch of time the most is kept, as it
// is the peaks of a saw that count.
func (t *trail) thin(now time.Time) {
	for t.thinned+1 < len(t.samples) {
		a, b := t.samples[t.thinned], t.samples[t.thinned+1]
		if now.Sub(b.at) < fineFor {
			break
		}
		if a.id != b.id || a.at.Truncate(coarse) != b.at.Truncate(coarse) {
			t.thinned++
			continue
		}
		// Both are of one stretch: one of them stays.
		drop := t.thinned
		if b.private < a.private {
			drop++
		}
		t.samples = append(t.samples[:drop], t.samples[drop+1:]...)
	}
	old := sort.Search(len(t.samples), func(i int) bool { return now.Sub(t.samples[i].at) <= keptFor })
	// Not for each sample: what stays has to be moved.
	if old > 100 {
		t.samples = append([]sample(nil), t.samples[old:]...)
		t.thinned = max(t.thinned-old, 0)
	}
}

// trails are the trails of all slots.
type trails map[int]*trail

func (all trails) slot(n int) *trail {
	if all[n] == nil {
		all[n] = &trail{}
	}
	return all[n]
}

// recall puts what the pool remembers before what has been seen.
func (all trails) recall(h *api.History) {
	before := trails{}
	for _, p := range h.Points {
		for _, w := range p.Workers {
			before.slot(w.Slot).add(sample{p.Time, w.ID, w.PrivateBytes, w.SharedBytes, w.RSSBytes})
		}
	}
	for slot, t := range before {
		for _, s := range all.slot(slot).samples {
			t.add(s)
		}
		all[slot] = t
	}
}

// note takes a status as the next sample of each slot.
func (all trails) note(s *api.Status) {
	for slot, w := range serving(s) {
		m := w.Memory
		if m.RSSBytes == nil {
			continue
		}
		next := sample{at: s.Time, id: w.ID, rss: *m.RSSBytes, private: *m.RSSBytes}
		if m.PrivateBytes != nil {
			next.private = *m.PrivateBytes
		}
		if m.PSSBytes != nil {
			next.shared = max(*m.PSSBytes-next.private, 0)
		}
		all.slot(slot).add(next)
	}
}

// serving is the worker of each slot that serves, or else is about to: during a
// cycle two share a slot.
func serving(s *api.Status) map[int]api.Worker {
	found := map[int]api.Worker{}
	for _, w := range s.Workers {
		if have, ok := found[w.Slot]; !ok || rank(w) >= rank(have) {
			found[w.Slot] = w
		}
	}
	return found
}

func rank(w api.Worker) int {
	switch w.State {
	case "ready":
		return 2
	case "starting":
		return 1
	}
	return 0
}
