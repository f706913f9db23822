package integration

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clients ask one server, each one request after another and none twice: what
// is not answered is lost. They tell whether an answer is the worker's by what
// it says of the request: its id, and the digest of its body.
type clients struct {
	addr  string
	of    int           // how many of each kind
	pause time.Duration // from one request of a client to its next, at least
	hold  string        // seconds for which a worker keeps each request
	ways  []kind        // in which they ask; nil for all kinds

	leak atomic.Int64 // KiB that each request makes a worker keep

	began   time.Time
	ids     atomic.Int64
	mu      sync.Mutex
	tallies map[string]*tally // by kind
	running sync.WaitGroup
	stop    context.CancelFunc
}

// tally is what the clients of one kind saw.
type tally struct {
	answered int
	took     []time.Duration
	lost     map[string]int // by cause
	failed   []failure
	reopened int // connections that were closed after an answer which said so
	idle     int // connections that were closed unannounced, while nothing was asked
}

// failure is a request that was lost.
type failure struct {
	kind         string
	began, ended time.Time
	why          string
}

func (f failure) String() string {
	return fmt.Sprintf("%s: %s, from %s to %s", f.kind, f.why, f.began.Format(time.StampMicro), f.ended.Format(time.StampMicro))
}

// begin lets the clients ask until halt, or the end of the test.
func (c *clients) begin(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c.stop, c.began = cancel, time.Now()
	c.tallies = map[string]*tally{}
	if c.ways == nil {
		c.ways = kinds
	}
	for _, k := range c.ways {
		c.tallies[k.name] = &tally{lost: map[string]int{}}
	}
	for _, k := range c.ways {
		for range c.of {
			c.running.Go(func() { c.run(ctx, k) })
		}
	}
	t.Cleanup(c.halt)
}

// halt lets the clients finish what they have begun.
func (c *clients) halt() {
	c.stop()
	c.running.Wait()
}

// run is one client.
func (c *clients) run(ctx context.Context, k kind) {
	body := make([]byte, k.body)
	_, _ = rand.Read(body) // each client's own, so that a mix-up shows
	digest := fmt.Sprintf("%x", sha256.Sum256(body))
	var conn *connection
	defer func() { conn.close() }()
	for ctx.Err() == nil {
		began := time.Now()
		if conn != nil && conn.gone() {
			c.note(k, func(t *tally) { t.idle++ })
			conn.close()
			conn = nil
		}
		var err error
		if conn == nil {
			conn, err = connect(c.addr)
		}
		if err == nil {
			id := fmt.Sprintf("%d-%d", os.Getpid(), c.ids.Add(1))
			err = conn.ask(k, c.path(id), body, fmt.Sprintf("id=%s length=%d sha256=%s", id, k.body, digest))
		}
		ended := time.Now()
		c.note(k, func(t *tally) {
			if err == nil {
				t.answered++
				t.took = append(t.took, ended.Sub(began))
				return
			}
			why := cause(err)
			t.lost[why]++
			t.failed = append(t.failed, failure{k.name, began, ended, why})
		})
		if conn != nil && conn.ends {
			if err == nil && k.keep {
				c.note(k, func(t *tally) { t.reopened++ })
			}
			conn.close()
			conn = nil
		}
		select {
		case <-time.After(c.pause - time.Since(began)):
		case <-ctx.Done():
		}
	}
}

func (c *clients) note(k kind, do func(*tally)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(c.tallies[k.name])
}

func (c *clients) path(id string) string {
	path := "/?id=" + id
	if kib := c.leak.Load(); kib > 0 {
		path += fmt.Sprintf("&leak=%d", kib)
	}
	if c.hold != "" {
		path += "&hold=" + c.hold
	}
	return path
}

// answered and lost are of all kinds together.
func (c *clients) answered() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tallies {
		n += t.answered
	}
	return n
}

func (c *clients) lost() (all map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all = map[string]int{}
	for _, t := range c.tallies {
		for why, n := range t.lost {
			all[why] += n
		}
	}
	return all
}

// rate is how many were answered each second so far.
func (c *clients) rate() float64 {
	return float64(c.answered()) / time.Since(c.began).Seconds()
}

// failures are the lost requests of all kinds, when all clients have ended.
func (c *clients) failures() (all []failure) {
	for _, t := range c.tallies {
		all = append(all, t.failed...)
	}
	return all
}

// nothingLost checks that every request was answered by a worker, and that no
// connection was closed but after it had been announced.
func (c *clients) nothingLost(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.ways {
		got := c.tallies[k.name]
		for _, why := range slices.Sorted(maps.Keys(got.lost)) {
			t.Errorf("%s: %d of %d lost: %s", k.name, got.lost[why], got.answered+len(got.failed), why)
		}
		if got.answered == 0 {
			t.Errorf("%s: none was answered: that is no load", k.name)
		}
		if got.idle > 0 {
			t.Errorf("%s: %d connections were closed unannounced while nothing was asked", k.name, got.idle)
		}
	}
}

func (t *tally) String() string {
	return fmt.Sprintf("%7d answered, %d lost, p50 %s, p99 %s, slowest %s, %d connections closed as announced, %d while idle",
		t.answered, len(t.failed), t.quantile(0.5), t.quantile(0.99), t.quantile(1), t.reopened, t.idle)
}

// quantile is the time that this share of the answers took at most.
func (t *tally) quantile(share float64) time.Duration {
	if len(t.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.took))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)].Round(100 * time.Microsecond)
}
