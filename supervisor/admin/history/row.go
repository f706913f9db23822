package history

import (
	"math"
	"time"

	"rota/supervisor/admin/api"
)

// mostSlots bounds what a row takes. The workers of higher slots are in the totals.
const mostSlots = 128

// unknown stands for what is null in the API.
const unknown = -1

// row is an api.Point, packed: with 8 workers it takes 264 bytes, with 100 some
// 2100. It is not changed any more once a tier has closed it, so that readers need
// no copy.
type row struct {
	end     int64 // milliseconds since the epoch
	seconds float32

	total, container, limit        int64 // bytes, or unknown
	ready, queue, inFlight, queued int32
	requests, shed, cut            float32 // per second, or unknown
	p50, p99                       float32 // seconds, or unknown
	workers                        []cell  // by slot
}

// cell is the worker of a slot. The kernel counts memory in KiB.
type cell struct {
	slot                 uint16
	id                   uint32
	private, shared, rss uint32 // KiB
}

// start is when the row begins, in milliseconds since the epoch.
func (r *row) start() int64 { return r.end - int64(math.Round(float64(r.seconds)*1000)) }

// merge takes over the sizes of a later row: of each the most, but of ready workers
// the least. Rates are not merged, they are counted.
func (r *row) merge(next *row) {
	r.end = next.end
	r.seconds += next.seconds
	r.total, r.container, r.limit = max(r.total, next.total), max(r.container, next.container), max(r.limit, next.limit)
	r.ready = min(r.ready, next.ready)
	r.queue, r.inFlight, r.queued = max(r.queue, next.queue), max(r.inFlight, next.inFlight), max(r.queued, next.queued)
	for _, c := range next.workers {
		r.cell(c)
	}
}

// cell takes over a worker. Where it has replaced another one, the larger of the
// two is kept, so that the peak of the old one stays under its own id.
func (r *row) cell(c cell) {
	at := 0
	for at < len(r.workers) && r.workers[at].slot < c.slot {
		at++
	}
	if at == len(r.workers) || r.workers[at].slot != c.slot {
		r.workers = append(r.workers, cell{})
		copy(r.workers[at+1:], r.workers[at:])
		r.workers[at] = c
		return
	}
	have := &r.workers[at]
	switch {
	case have.id == c.id:
		have.private, have.shared, have.rss = max(have.private, c.private), max(have.shared, c.shared), max(have.rss, c.rss)
	case c.private+c.shared > have.private+have.shared:
		*have = c
	}
}

// point is the row as the API tells it.
func (r *row) point() api.Point {
	p := api.Point{
		Time: time.UnixMilli(r.end).UTC(), Seconds: exact(r.seconds), Workers: make([]api.SlotPoint, 0, len(r.workers)),
		TotalBytes: known(r.total), ContainerBytes: known(r.container), LimitBytes: known(r.limit),
		Ready: int(r.ready), AcceptQueue: int(r.queue),
		Requests: rate(r.requests), Shed: rate(r.shed), Cut: rate(r.cut),
		P50Seconds: rate(r.p50), P99Seconds: rate(r.p99),
	}
	if r.inFlight != unknown {
		inFlight, queued := int(r.inFlight), int(r.queued)
		p.InFlight, p.Queued = &inFlight, &queued
	}
	for _, c := range r.workers {
		p.Workers = append(p.Workers, api.SlotPoint{Slot: int(c.slot), ID: uint64(c.id),
			PrivateBytes: int64(c.private) << 10, SharedBytes: int64(c.shared) << 10, RSSBytes: int64(c.rss) << 10})
	}
	return p
}

func known(n int64) *int64 {
	if n == unknown {
		return nil
	}
	return &n
}

func rate(f float32) *float64 {
	if f == unknown {
		return nil
	}
	v := exact(f)
	return &v
}

// exact is a number to a millionth: what a float32 holds of it has no more digits
// that mean anything.
func exact(f float32) float64 { return math.Round(float64(f)*1e6) / 1e6 }
