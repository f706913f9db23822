package load

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Seen is what clients that never retry saw.
type Seen struct {
	Answered int
	Lost     map[string]int // by cause
	Slowest  time.Duration  // of the answers

	mu sync.Mutex
}

// Drive sends requests on new connections from some clients at once, each as
// soon as the one before is answered, until ctx ends.
func Drive(ctx context.Context, addr, path string, clients int) *Seen {
	return DriveAt(ctx, addr, path, clients, 0)
}

// DriveAt does so with a pause, from one request of a client to its next, at least.
func DriveAt(ctx context.Context, addr, path string, clients int, pause time.Duration) *Seen {
	l := &Seen{Lost: map[string]int{}}
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				_, err := Get(addr, path)
				l.note(err, time.Since(began))
				select {
				case <-time.After(pause - time.Since(began)):
				case <-ctx.Done():
				}
			}
		})
	}
	wg.Wait()
	return l
}

func (l *Seen) note(err error, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.Lost[Cause(err)]++
		return
	}
	l.Answered++
	l.Slowest = max(l.Slowest, took)
}

// Losses are those of all causes.
func (l *Seen) Losses() int {
	n := 0
	for _, k := range l.Lost {
		n += k
	}
	return n
}

func (l *Seen) String() string {
	return fmt.Sprintf("%d answered, %d lost %v, slowest %s", l.Answered, l.Losses(), l.Lost, l.Slowest.Round(time.Millisecond))
}
