package integration

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// arrivals are requests that come by a schedule, whether or not those before
// them were answered, as those of many people do. Every second one is on a
// connection of its own, the others are on connections that are kept. None is
// sent twice.
type arrivals struct {
	addr, path string
	began      time.Time
	span       time.Duration // from the first to the last

	mu      sync.Mutex
	took    map[int][]time.Duration // by status, from when the request was due
	lost    map[string]int          // by cause
	hasty   int                     // 503s that do not say when to come again
	idle    []*keptOpen
	pending sync.WaitGroup
}

// keptOpen is a connection between two requests.
type keptOpen struct {
	net.Conn
	r *bufio.Reader
}

// arrive sends so many requests a second, evenly, until ctx ends, and returns
// once all of them are over.
func arrive(ctx context.Context, addr, path string, rate float64) *arrivals {
	a := &arrivals{addr: addr, path: path, began: time.Now(), took: map[int][]time.Duration{}, lost: map[string]int{}}
	for n := 0; ; n++ {
		due := a.began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		timer := time.NewTimer(time.Until(due))
		select {
		case <-timer.C:
			a.pending.Go(func() { a.send(due, n%2 == 1) })
			continue
		case <-ctx.Done():
			timer.Stop()
		}
		break
	}
	a.span = time.Since(a.began)
	a.pending.Wait()
	for _, c := range a.idle {
		c.Close()
	}
	return a
}

func (a *arrivals) send(due time.Time, keep bool) {
	response, err := a.exchange(keep)
	took := time.Since(due)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.lost[cause(err)]++
		return
	}
	a.took[response.StatusCode] = append(a.took[response.StatusCode], took)
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "" {
		a.hasty++
	}
}

func (a *arrivals) exchange(keep bool) (*http.Response, error) {
	c, err := a.connection(keep)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	done := c.Close
	defer func() { _ = done() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n", a.path, a.addr)
	if !keep {
		head += "Connection: close\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if keep && !response.Close {
		done = func() error {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.idle = append(a.idle, c)
			return nil
		}
	}
	return response, nil
}

// connection is a new one, or the kept one that was used last.
func (a *arrivals) connection(keep bool) (*keptOpen, error) {
	a.mu.Lock()
	if n := len(a.idle); keep && n > 0 {
		c := a.idle[n-1]
		a.idle = a.idle[:n-1]
		a.mu.Unlock()
		return c, nil
	}
	a.mu.Unlock()
	conn, err := net.DialTimeout("tcp", a.addr, patience)
	if err != nil {
		return nil, err
	}
	return &keptOpen{conn, bufio.NewReader(conn)}, nil
}

// quantile of what answers of a status took.
func (a *arrivals) quantile(status int, q float64) time.Duration {
	took := slices.Sorted(slices.Values(a.took[status]))
	if len(took) == 0 {
		return 0
	}
	return took[int(q*float64(len(took)-1))]
}

func (a *arrivals) count(status int) int { return len(a.took[status]) }

// only checks that all requests were answered, with one of some statuses.
func (a *arrivals) only(t *testing.T, what string, statuses ...int) {
	t.Helper()
	for why, n := range a.lost {
		t.Errorf("%s: %d lost: %s", what, n, why)
	}
	for status, took := range a.took {
		if !slices.Contains(statuses, status) {
			t.Errorf("%s: %d answers with status %d", what, len(took), status)
		}
	}
}

func (a *arrivals) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%.1f s", a.span.Seconds())
	for _, status := range slices.Sorted(maps.Keys(a.took)) {
		fmt.Fprintf(&s, ", %d x %d (median %d ms, p99 %d ms)", a.count(status), status,
			a.quantile(status, 0.5).Milliseconds(), a.quantile(status, 0.99).Milliseconds())
	}
	fmt.Fprintf(&s, ", lost %v", a.lost)
	return s.String()
}
