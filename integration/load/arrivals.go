package load

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Arrivals are requests that come by a schedule, whether or not those before
// them were answered, as those of many people do. Every second one is on a
// connection of its own, the others are on connections that are kept. None is
// sent twice.
type Arrivals struct {
	Took  map[int][]time.Duration // by status, from when the request was due to the end of its answer
	Lost  map[string]int          // by cause
	Hasty int                     // 503s that do not say when to come again
	Idle  int                     // kept connections that were found closed before they were asked again
	Span  time.Duration           // from the first to the last

	addr, path string
	patience   time.Duration
	began      time.Time
	mu         sync.Mutex
	idle       []*Connection
	pending    sync.WaitGroup
}

// Arrive sends so many requests a second, evenly, until ctx ends, and returns
// once all of them are over.
func Arrive(ctx context.Context, addr, path string, perSecond float64) *Arrivals {
	return ArriveWithin(ctx, patience, addr, path, perSecond)
}

// ArriveWithin does so, and each of them gives up after so long.
func ArriveWithin(ctx context.Context, patience time.Duration, addr, path string, perSecond float64) *Arrivals {
	a := &Arrivals{addr: addr, path: path, patience: patience, began: time.Now(), Took: map[int][]time.Duration{}, Lost: map[string]int{}}
	for n := 0; ; n++ {
		due := a.began.Add(time.Duration(float64(n) / perSecond * float64(time.Second)))
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
	a.Span = time.Since(a.began)
	a.pending.Wait()
	for _, c := range a.idle {
		c.Close()
	}
	return a
}

func (a *Arrivals) send(due time.Time, keep bool) {
	response, err := a.exchange(keep)
	took := time.Since(due)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.Lost[Cause(err)]++
		return
	}
	a.Took[response.StatusCode] = append(a.Took[response.StatusCode], took)
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "" {
		a.Hasty++
	}
}

func (a *Arrivals) exchange(keep bool) (*http.Response, error) {
	c, err := a.connection(keep)
	if err != nil {
		return nil, err
	}
	done := c.Close
	defer func() { done() }()
	_ = c.SetDeadline(time.Now().Add(a.patience))
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
		done = func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.idle = append(a.idle, c)
		}
	}
	return response, nil
}

// connection is a new one, or the kept one that was used last. Like any client it
// looks whether the server has closed a kept one meanwhile, and then takes another.
func (a *Arrivals) connection(keep bool) (*Connection, error) {
	for keep {
		c := a.lastKept()
		if c == nil {
			break
		}
		if !c.gone() {
			return c, nil
		}
		c.Close()
		a.mu.Lock()
		a.Idle++
		a.mu.Unlock()
	}
	return connectWithin(a.patience, a.addr)
}

func (a *Arrivals) lastKept() *Connection {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.idle)
	if n == 0 {
		return nil
	}
	c := a.idle[n-1]
	a.idle = a.idle[:n-1]
	return c
}

// Quantile is that of what answers of a status took.
func (a *Arrivals) Quantile(status int, q float64) time.Duration {
	took := slices.Sorted(slices.Values(a.Took[status]))
	if len(took) == 0 {
		return 0
	}
	return took[int(q*float64(len(took)-1))]
}

// Count tells how many answers had a status.
func (a *Arrivals) Count(status int) int { return len(a.Took[status]) }

func (a *Arrivals) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%.1f s", a.Span.Seconds())
	for _, status := range slices.Sorted(maps.Keys(a.Took)) {
		fmt.Fprintf(&s, ", %d x %d (median %d ms, p99 %d ms)", a.Count(status), status,
			a.Quantile(status, 0.5).Milliseconds(), a.Quantile(status, 0.99).Milliseconds())
	}
	fmt.Fprintf(&s, ", lost %v, closed while idle %d", a.Lost, a.Idle)
	return s.String()
}
