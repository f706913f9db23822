package admin

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"rota/listener/front"
)

// slots counts requests by the slot of the worker that had them. A replacement
// goes on with the numbers of its slot, so that they never fall; what the front
// itself knows of a worker is gone when the worker is.
type slots struct {
	counters atomic.Pointer[[]*slotCounters] // by slot; nil where no worker has been. What it points to is never changed
	growing  sync.Mutex

	total *prometheus.Desc // nil if nobody tells of requests that are over
	cut   *prometheus.Desc
}

type slotCounters struct {
	total atomic.Uint64
	cut   []atomic.Uint64 // by the place of the kind in front.Kinds
}

// newSlots knows no slot yet. Requests are counted if a front tells of them;
// otherwise only those that were cut.
func newSlots(fronted bool) *slots {
	s := &slots{cut: prometheus.NewDesc("rota_requests_cut_total",
		"Requests and upgraded connections that were ended unfinished, and not by their client; without the front, as far as rota can tell, and all as requests.", []string{"slot", "kind"}, nil)}
	if fronted {
		s.total = prometheus.NewDesc("rota_worker_requests_total",
			"Requests that were given to the workers of the slot and are over, upgraded connections included.", []string{"slot"}, nil)
	}
	s.counters.Store(&[]*slotCounters{})
	return s
}

// at is a slot's counters, from 0 if it is seen for the first time.
func (s *slots) at(slot int) *slotCounters {
	if known := *s.counters.Load(); slot < len(known) && known[slot] != nil {
		return known[slot]
	}
	return s.add(slot)
}

func (s *slots) add(slot int) *slotCounters {
	s.growing.Lock()
	defer s.growing.Unlock()
	known := slices.Clone(*s.counters.Load())
	for len(known) <= slot {
		known = append(known, nil)
	}
	if known[slot] == nil { // another may have been faster
		known[slot] = &slotCounters{cut: make([]atomic.Uint64, len(front.Kinds))}
	}
	s.counters.Store(&known)
	return known[slot]
}

// answered counts a request that is over.
func (s *slots) answered(a *front.Answer) {
	if a.Slot < 0 {
		return
	}
	c := s.at(a.Slot)
	c.total.Add(1)
	if a.Cut {
		c.addCut(a.Kind, 1)
	}
}

func (c *slotCounters) addCut(kind string, n int) {
	if i := slices.Index(front.Kinds, kind); i >= 0 {
		c.cut[i].Add(uint64(n))
	}
}

// Describe implements prometheus.Collector.
func (s *slots) Describe(ch chan<- *prometheus.Desc) {
	ch <- s.cut
	if s.total != nil {
		ch <- s.total
	}
}

// Collect implements prometheus.Collector.
func (s *slots) Collect(ch chan<- prometheus.Metric) {
	for slot, c := range *s.counters.Load() {
		if c == nil {
			continue
		}
		label := strconv.Itoa(slot)
		if s.total != nil {
			ch <- prometheus.MustNewConstMetric(s.total, prometheus.CounterValue, float64(c.total.Load()), label)
		}
		for i, kind := range front.Kinds {
			ch <- prometheus.MustNewConstMetric(s.cut, prometheus.CounterValue, float64(c.cut[i].Load()), label, kind)
		}
	}
}
