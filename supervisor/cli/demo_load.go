package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// demoLoad sends requests at a steady rate, each on a new connection and each
// once: what fails is counted, never tried again.
type demoLoad struct {
	url    string
	client *http.Client

	sent, failed atomic.Int64

	mu        sync.Mutex
	latencies []time.Duration // of those that were answered
	lastError string
}

func newDemoLoad(url string) *demoLoad {
	return &demoLoad{url: url, client: &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true},
	}}
}

// run sends until ctx ends, and then waits for the answers. A tick that came
// late is made up for: the rate is kept on a busy machine too.
func (l *demoLoad) run(ctx context.Context, rate int) {
	began := time.Now()
	every := time.NewTicker(time.Second / time.Duration(rate))
	defer every.Stop()
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			for due := int64(time.Since(began).Seconds() * float64(rate)); l.sent.Load() < due; {
				l.sent.Add(1)
				inFlight.Go(l.request)
			}
		}
	}
}

func (l *demoLoad) request() {
	began := time.Now()
	err := l.get()
	took := time.Since(began)
	if err != nil {
		l.failed.Add(1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.lastError = err.Error()
		return
	}
	l.latencies = append(l.latencies, took)
}

func (l *demoLoad) get() error {
	response, err := l.client.Get(l.url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

// percentile is the latency that a share of the answers, from 0 to 1, stayed within.
func (l *demoLoad) percentile(share float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l.latencies))
	return sorted[int(share*float64(len(sorted)-1))]
}
