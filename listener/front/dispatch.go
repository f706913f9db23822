package front

import (
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"
)

// worker is one that requests go, or went, to. Its fields but for those of its
// link belong to the dispatcher's lock.
type worker struct {
	id       uint64
	slot     int
	link     *link
	added    time.Time
	retired  bool
	shunned  time.Time // until when it gets nothing, because it could not be connected to
	idle     func()    // called once when it is retired and nothing is in its hands
	inHand   map[*exchange]struct{}
	requests int64
	spent    bool
}

// dispatcher gives each request a worker, or a place in the one queue of all.
type dispatcher struct {
	spent func(id uint64)

	mu        sync.Mutex
	config    Config
	abandoned bool      // no worker will come any more
	watching  bool      // a look at workers that warm up is due
	workers   []*worker // routable ones and retired ones with something in their hands
	queue     []*waiter // those that may not wait behind others first
	waiting   int       // those of the queue that count against Config.Queue
	turn      int       // who is asked first among equals
}

// pick is the routable worker with the fewest requests in its hands, for its
// weight; equals take turns. Nil if all have as many as they may.
func (d *dispatcher) pick(health bool) *worker {
	var best *worker
	least, at := 0.0, 0
	now := time.Now()
	warm := d.warm(now)
	for i := range d.workers {
		n := (d.turn + i) % len(d.workers)
		w := d.workers[n]
		if w.retired || now.Before(w.shunned) {
			continue
		}
		weight := d.weight(w, now)
		if !health && d.config.MaxConcurrency > 0 && len(w.inHand) >= d.capacity(weight, warm) {
			continue
		}
		load := float64(len(w.inHand)) / weight
		// With nothing to do all have the same load; a fresh worker stands back then
		// as often as its weight asks for.
		if best != nil && (load > least || load == least && !(load == 0 && rand.Float64() >= d.weight(best, now))) {
			continue
		}
		best, least, at = w, load, n
	}
	if best != nil {
		d.turn = at + 1
	}
	return best
}

// leastWeight is a fresh worker's: it must get something to warm up with.
const leastWeight = 0.05

// weight is a worker's share against that of one which has warmed up. It rises
// evenly over Config.SlowStart.
func (d *dispatcher) weight(w *worker, now time.Time) float64 {
	if d.config.SlowStart <= 0 {
		return 1
	}
	return min(1, max(leastWeight, float64(now.Sub(w.added))/float64(d.config.SlowStart)))
}

// warm tells whether there is a worker that has warmed up. Where there is none,
// to hold the others back would only make requests wait.
func (d *dispatcher) warm(now time.Time) bool {
	return slices.ContainsFunc(d.workers, func(w *worker) bool { return !w.retired && d.weight(w, now) == 1 })
}

// capacity is how many requests a worker may have at once.
func (d *dispatcher) capacity(weight float64, warm bool) int {
	if !warm {
		weight = 1
	}
	return max(1, int(float64(d.config.MaxConcurrency)*weight))
}

// give puts a request into a worker's hands.
func (d *dispatcher) give(w *worker, x *exchange) {
	w.inHand[x] = struct{}{}
	w.requests++
	if n := int64(d.config.MaxRequests); n > 0 && w.requests >= n && !w.spent {
		w.spent = true
		go d.spent(w.id) // the hook may wait for somebody who waits for the lock
	}
}

// release takes a request out of a worker's hands.
func (d *dispatcher) release(w *worker, x *exchange) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(w.inHand, x)
	if w.retired {
		d.settle(w)
		return
	}
	d.grant()
}

// settle tells of a retired worker whose hands are empty, and forgets it.
func (d *dispatcher) settle(w *worker) {
	if len(w.inHand) > 0 {
		return
	}
	d.workers = slices.DeleteFunc(d.workers, func(o *worker) bool { return o == w })
	w.link.close()
	if w.idle != nil {
		go w.idle()
		w.idle = nil
	}
}

// shunTime is how long a worker is left alone that could not be connected to. It
// will have been noticed to have gone by then, or have come back.
const shunTime = 100 * time.Millisecond

// shun gives a worker nothing for a moment. It has the fewest requests in its
// hands, so all would go there.
func (d *dispatcher) shun(w *worker) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.shunned = time.Now().Add(shunTime)
	time.AfterFunc(shunTime, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.grant()
	})
}

func (d *dispatcher) add(w *worker) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.added = time.Now()
	w.inHand = map[*exchange]struct{}{}
	d.workers = append(d.workers, w)
	d.grant()
}

func (d *dispatcher) find(id uint64) *worker {
	for _, w := range d.workers {
		if w.id == id {
			return w
		}
	}
	return nil
}

// retire takes a worker out of the routing. idle may be nil.
func (d *dispatcher) retire(id uint64, idle func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.find(id)
	if w == nil {
		if idle != nil {
			go idle()
		}
		return
	}
	w.retired, w.idle = true, idle
	w.link.retire()
	d.settle(w)
}

// cut ends all that is in a worker's hands.
func (d *dispatcher) cut(id uint64) (requests, upgrades int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.find(id)
	if w == nil {
		return 0, 0
	}
	for x := range w.inHand {
		if x.upgraded.Load() {
			upgrades++
		} else {
			requests++
		}
		x.cancel(errCut)
	}
	return requests, upgrades
}

func (d *dispatcher) configure(c Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.config = c
	d.grant()
}

func (d *dispatcher) stats() (s Stats) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Queued = len(d.queue)
	for _, w := range d.workers {
		s.Workers = append(s.Workers, WorkerStats{ID: w.id, Slot: w.slot, Retired: w.retired, InFlight: len(w.inHand), Requests: w.requests})
	}
	return s
}

// busy tells whether a worker has something in its hands.
func (d *dispatcher) busy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.workers, func(w *worker) bool { return len(w.inHand) > 0 })
}

// remove forgets a worker that has gone, and marks the connections that it never
// accepted.
func (d *dispatcher) remove(id uint64, rescued []net.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.find(id); w != nil {
		w.retired = true
		w.link.retire()
		w.link.rescue(rescued)
		d.settle(w)
	}
}
