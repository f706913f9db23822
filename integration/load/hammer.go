package load

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Hammering is what a server stood.
type Hammering struct {
	PerSecond float64
	P50, P99  time.Duration
}

// Hammer has some clients ask for / as fast as they can for a while, one request
// after another each: on one connection that it keeps, or on a new one for each.
// Nothing may fail.
func Hammer(addr string, clients int, span time.Duration, keep bool) (Hammering, error) {
	ctx, cancel := context.WithTimeout(context.Background(), span)
	defer cancel()
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			took, err := strike(ctx, addr, keep)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil && failed == nil {
				failed = err
				cancel()
			}
		})
	}
	running.Wait()
	if failed != nil {
		return Hammering{}, fmt.Errorf("cannot measure %s: %w", addr, failed)
	}
	if len(all) == 0 {
		return Hammering{}, fmt.Errorf("cannot measure %s: nothing was answered in %s", addr, span)
	}
	slices.Sort(all)
	return Hammering{float64(len(all)) / span.Seconds(), all[len(all)/2], all[len(all)*99/100]}, nil
}

// strike is one client; it returns what each of its requests took, with the
// connection where that is new.
func strike(ctx context.Context, addr string, keep bool) (took []time.Duration, err error) {
	var c *Terse
	defer func() { c.Close() }()
	for ctx.Err() == nil {
		began := time.Now()
		if c == nil || !keep {
			c.Close()
			conn, err := net.DialTimeout("tcp", addr, patience)
			if err != nil {
				return nil, err
			}
			if end, ok := ctx.Deadline(); ok {
				_ = conn.SetDeadline(end.Add(patience))
			}
			c = NewTerse(conn, addr, keep)
		}
		if err := c.Ask(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}
