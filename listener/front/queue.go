package front

import (
	"context"
	"slices"
	"time"
)

// waiter is a request in the queue.
type waiter struct {
	exchange *exchange
	granted  chan *worker // holds one; nil if none will come
}

// acquire finds a worker for a request, which is in that worker's hands then. It
// waits in the queue if it must; why says which of ShedReasons ended that, and
// err that the client has gone.
func (d *dispatcher) acquire(ctx context.Context, x *exchange) (w *worker, waited time.Duration, why string, err error) {
	d.mu.Lock()
	if d.abandoned {
		d.mu.Unlock()
		return nil, 0, ShedUnready, nil
	}
	if len(d.queue) == 0 || x.health {
		if w := d.pick(x.health); w != nil {
			d.give(w, x)
			d.mu.Unlock()
			return w, 0, "", nil
		}
	}
	if !x.health && d.waiting >= d.config.Queue {
		d.mu.Unlock()
		return nil, 0, ShedFull, nil
	}
	waiter := d.enqueue(x)
	d.grant()
	d.watchWarming()
	patience := d.config.QueueTimeout
	d.mu.Unlock()

	began := time.Now()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case w := <-waiter.granted:
		if w == nil {
			why = ShedUnready
		}
		return w, time.Since(began), why, nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timeout.C:
		why = ShedTimeout
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dequeue(waiter) { // it was granted in the same moment
		if w := <-waiter.granted; w != nil {
			return w, time.Since(began), "", nil
		}
		return nil, time.Since(began), ShedUnready, nil
	}
	if why != "" && !slices.ContainsFunc(d.workers, func(w *worker) bool { return !w.retired }) {
		why = ShedUnready
	}
	return nil, time.Since(began), why, err
}

func (d *dispatcher) enqueue(x *exchange) *waiter {
	w := &waiter{x, make(chan *worker, 1)}
	if x.health {
		at := 0
		for at < len(d.queue) && d.queue[at].exchange.health {
			at++
		}
		d.queue = slices.Insert(d.queue, at, w)
		return w
	}
	d.waiting++
	d.queue = append(d.queue, w)
	return w
}

// dequeue takes a waiter out; it reports false if it was not there any more.
func (d *dispatcher) dequeue(w *waiter) bool {
	i := slices.Index(d.queue, w)
	if i < 0 {
		return false
	}
	d.queue = slices.Delete(d.queue, i, i+1)
	if !w.exchange.health {
		d.waiting--
	}
	return true
}

// grant hands free workers to those that wait, first come first served.
func (d *dispatcher) grant() {
	for len(d.queue) > 0 {
		first := d.queue[0].exchange
		w := d.pick(first.health)
		if w == nil {
			return
		}
		waiter := d.queue[0]
		d.dequeue(waiter)
		d.give(w, first)
		waiter.granted <- w
	}
}

// warmingCheck is how often it is looked whether a worker that warms up may have
// more by now. Nothing else tells of that.
const warmingCheck = 100 * time.Millisecond

// watchWarming grants now and then, for as long as somebody waits and slow start
// may be what holds him up.
func (d *dispatcher) watchWarming() {
	if d.config.SlowStart <= 0 || d.watching || len(d.queue) == 0 {
		return
	}
	d.watching = true
	time.AfterFunc(warmingCheck, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.watching = false
		d.grant()
		d.watchWarming()
	})
}

// abandon sheds all that wait, and whatever comes: no worker will.
func (d *dispatcher) abandon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.abandoned = true
	for _, w := range d.queue {
		w.granted <- nil
	}
	d.queue, d.waiting = nil, 0
}
