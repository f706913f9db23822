package history

import (
	"slices"

	"rota/listener"
	"rota/listener/front"
	"rota/policy"
	"rota/supervisor"
)

// Pool is a running pool, as far as its history goes.
type Pool interface {
	Status() *supervisor.Status // nil before the first
	Sockets() *listener.Set
	Front() *front.Front // nil in shared mode
}

// read is the pool as it is now; nil before there is a status.
func read(pool Pool) *row {
	st := pool.Status()
	if st == nil {
		return nil
	}
	r := &row{ready: int32(st.Ready), total: unknown, container: unknown, limit: unknown, inFlight: unknown, queued: unknown}
	sampled := slices.ContainsFunc(st.Workers, func(w supervisor.WorkerStatus) bool { return w.Sampled })
	// A sum without a worker of which nothing may be read would be too low.
	hidden := slices.ContainsFunc(st.Workers, func(w supervisor.WorkerStatus) bool { return w.Denied && !w.Sampled })
	if sampled && !hidden {
		r.total = st.Memory
	}
	if c := st.Container; c.Limit.Bytes > 0 { // else it could not be looked at
		r.container, r.limit = c.Usage, c.Limit.Bytes
	}
	sockets := pool.Sockets()
	for _, socket := range sockets.Served() {
		if length, _, ok := sockets.Queue(socket); ok {
			r.queue += int32(length)
		}
	}
	if f := pool.Front(); f != nil {
		stats := f.Stats()
		r.inFlight, r.queued = 0, int32(stats.Queued)
		for _, w := range stats.Workers {
			r.inFlight += int32(w.InFlight)
		}
	}
	r.workers = cells(st.Workers)
	return r
}

// cells are the workers by slot. Of two that share one it is the ready one, and the
// newest of equals.
func cells(workers []supervisor.WorkerStatus) []cell {
	picked := make([]*supervisor.WorkerStatus, 0, len(workers))
	for i := range workers {
		w := &workers[i]
		if w.Slot < 0 || w.Slot >= mostSlots || !w.Sampled {
			continue
		}
		at, found := slices.BinarySearchFunc(picked, w.Slot, func(p *supervisor.WorkerStatus, slot int) int { return p.Slot - slot })
		switch {
		case !found:
			picked = slices.Insert(picked, at, w)
		case w.State == policy.Ready || picked[at].State != policy.Ready:
			picked[at] = w
		}
	}
	row := make([]cell, 0, len(picked))
	for _, w := range picked {
		c := cell{slot: uint16(w.Slot), id: uint32(w.ID), private: kib(w.Private), rss: kib(w.RSS)}
		if w.Measured {
			// Swap is private, and PSS is without it.
			c.shared = kib(max(0, w.PSS+w.Swap-w.Private))
		}
		row = append(row, c)
	}
	return row
}

func kib(bytes int64) uint32 { return uint32(min(max(0, bytes)>>10, 1<<32-1)) }
