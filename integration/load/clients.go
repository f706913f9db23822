package load

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Clients ask one server, each one request after another and none twice: what
// is not answered is lost. They tell whether an answer is the worker's by what
// it says of the request: its id, and the digest of its body.
type Clients struct {
	Addr  string
	Of    int           // how many of each kind
	Pause time.Duration // from one request of a client to its next, at least
	Hold  string        // seconds for which a worker keeps each request
	Leak  atomic.Int64  // KiB that each request makes a worker keep
	Says  Says          // how a right answer ends; Everything if it is nil
	Ways  []Kind        // in which they ask; all Kinds if it is nil

	Patience time.Duration // what is not answered within it is lost; 90 s if it is 0

	Tallies map[string]*Tally // by kind; to be read once the clients have ended

	began   time.Time
	ids     atomic.Int64
	mu      sync.Mutex
	running sync.WaitGroup
	stop    context.CancelFunc
}

// Says is how the answer to a request must end, but for a new line. All answers
// begin with the process that gives them: pid=12 and more.
type Says func(id string, length int, digest string) string

// Everything is said by the servers of the tests: that the body came through, too.
func Everything(id string, length int, digest string) string {
	return fmt.Sprintf("id=%s length=%d sha256=%s", id, length, digest)
}

// Length is said by the applications of the bench.
func Length(id string, length int, _ string) string {
	return fmt.Sprintf("id=%s length=%d", id, length)
}

// Tally is what the clients of one kind saw.
type Tally struct {
	Answered int
	Took     []time.Duration
	Lost     map[string]int // by cause
	Failed   []Failure
	Reopened int // connections that were closed after an answer which said so
	Idle     int // connections that were closed unannounced, while nothing was asked
}

// Failure is a request that was lost.
type Failure struct {
	Kind         string
	Began, Ended time.Time
	Why          string // its cause
}

func (f Failure) String() string {
	return fmt.Sprintf("%s: %s, from %s to %s", f.Kind, f.Why, f.Began.Format(time.StampMicro), f.Ended.Format(time.StampMicro))
}

// Begin lets the clients ask until Halt, or until ctx ends.
func (c *Clients) Begin(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	c.stop, c.began = cancel, time.Now()
	c.Tallies = map[string]*Tally{}
	if c.Ways == nil {
		c.Ways = Kinds
	}
	for _, k := range c.Ways {
		c.Tallies[k.Name] = &Tally{Lost: map[string]int{}}
	}
	for _, k := range c.Ways {
		for range c.Of {
			c.running.Go(func() { c.run(ctx, k) })
		}
	}
}

// Halt lets the clients finish what they have begun.
func (c *Clients) Halt() {
	c.stop()
	c.running.Wait()
}

// run is one client.
func (c *Clients) run(ctx context.Context, k Kind) {
	body := make([]byte, k.Body)
	_, _ = rand.Read(body) // each client's own, so that a mix-up shows
	digest := fmt.Sprintf("%x", sha256.Sum256(body))
	says := c.Says
	if says == nil {
		says = Everything
	}
	var conn *Connection
	defer func() { conn.Close() }()
	for ctx.Err() == nil {
		began := time.Now()
		if conn != nil && conn.gone() {
			c.note(k, func(t *Tally) { t.Idle++ })
			conn.Close()
			conn = nil
		}
		var err error
		if conn == nil {
			conn, err = connectWithin(cmp.Or(c.Patience, patience), c.Addr)
		}
		if err == nil {
			id := fmt.Sprintf("%d-%d", os.Getpid(), c.ids.Add(1))
			err = conn.ask(k, c.path(id), body, says(id, k.Body, digest))
		}
		ended := time.Now()
		c.note(k, func(t *Tally) {
			if err == nil {
				t.Answered++
				t.Took = append(t.Took, ended.Sub(began))
				return
			}
			why := Cause(err)
			t.Lost[why]++
			t.Failed = append(t.Failed, Failure{k.Name, began, ended, why})
		})
		if conn != nil && conn.Ends {
			if err == nil && k.Keep {
				c.note(k, func(t *Tally) { t.Reopened++ })
			}
			conn.Close()
			conn = nil
		}
		select {
		case <-time.After(c.Pause - time.Since(began)):
		case <-ctx.Done():
		}
	}
}

func (c *Clients) note(k Kind, do func(*Tally)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(c.Tallies[k.Name])
}

func (c *Clients) path(id string) string {
	path := "/?id=" + id
	if kib := c.Leak.Load(); kib > 0 {
		path += fmt.Sprintf("&leak=%d", kib)
	}
	if c.Hold != "" {
		path += "&hold=" + c.Hold
	}
	return path
}

// Answered counts of all Kinds together.
func (c *Clients) Answered() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.Tallies {
		n += t.Answered
	}
	return n
}

// Lost counts what they lost, by cause.
func (c *Clients) Lost() (all map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all = map[string]int{}
	for _, t := range c.Tallies {
		for why, n := range t.Lost {
			all[why] += n
		}
	}
	return all
}

// Rate is how many were answered each second so far.
func (c *Clients) Rate() float64 {
	return float64(c.Answered()) / time.Since(c.began).Seconds()
}

// Failures are the lost requests of all Kinds, when all clients have ended.
func (c *Clients) Failures() (all []Failure) {
	for _, t := range c.Tallies {
		all = append(all, t.Failed...)
	}
	return all
}

func (t *Tally) String() string {
	return fmt.Sprintf("%7d answered, %d lost, p50 %s, p99 %s, slowest %s, %d connections closed as announced, %d while idle",
		t.Answered, len(t.Failed), t.Quantile(0.5), t.Quantile(0.99), t.Quantile(1), t.Reopened, t.Idle)
}

// Quantile is the time that this share of the answers took at most.
func (t *Tally) Quantile(share float64) time.Duration {
	if len(t.Took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.Took))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)].Round(100 * time.Microsecond)
}
