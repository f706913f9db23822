package integration

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rota/integration/load"
)

// slow is a pool of servers of a known capacity: each holds so many requests at
// once, each of them for so long. It sleeps meanwhile, so that the capacity is a
// matter of the numbers and not of the cores that other things need too.
type slow struct {
	workers, atOnce int
	hold, boot      time.Duration
}

// perSecond is how many requests the pool can answer.
func (s slow) perSecond() float64 {
	return float64(s.workers*s.atOnce) / s.hold.Seconds()
}

// start runs the pool behind the front, and returns where it serves.
func (s slow) start(t *testing.T, flags ...string) (*pool, string) {
	t.Helper()
	port := freePort(t)
	args := append([]string{"-w", strconv.Itoa(s.workers), "--accept", "front"}, flags...)
	p := start(t, append(args, "--", buildServer(t, "hello")), withEnv(fmt.Sprintf("PORT=%d", port),
		"DELAY="+s.hold.String(), "BOOT="+s.boot.String(), "LIMIT="+strconv.Itoa(s.atOnce)))
	p.awaitKind("pool ready", 1)
	return p, fmt.Sprintf("127.0.0.1:%d", port)
}

// TestOverload sends twice of what a pool can answer. What is beyond it is
// refused at once, and what is taken is answered as if nothing was wrong.
//
// It is not parallel to other tests, and nor is TestCapacityWhileCycling: both
// measure time.
func TestOverload(t *testing.T) {
	const span, waiting = 10 * time.Second, 2
	// A request that waits does so for two of the pool's 20 answers a second: that
	// is 100 ms of the 500 ms by which the median may grow. A stall of the machine
	// is short against what a request takes.
	s := slow{workers: 2, atOnce: 10, hold: time.Second}
	p, addr := s.start(t, "--max-concurrency", strconv.Itoa(s.atOnce), "--queue", strconv.Itoa(waiting),
		"--queue-timeout", "5s", "--health-path", "/healthz")
	during := func(d time.Duration, path string, rate float64) *load.Arrivals {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		return load.Arrive(ctx, addr, path, rate)
	}
	alone := during(4*time.Second, "/", s.perSecond()/4)
	t.Logf("unloaded: %v", alone)
	only(t, "unloaded", alone, 200)

	health, loads := make(chan *load.Arrivals, 1), make(chan *load.Arrivals, 1)
	go func() { health <- during(span, "/healthz", 10) }()
	go func() { loads <- during(span, "/", 2*s.perSecond()) }()
	seen, lengths := watch(p, "rota_http_queue_length", loads)
	checks := <-health
	t.Logf("at twice the capacity: %v", seen)
	t.Logf("health checks: %v", checks)

	only(t, "at twice the capacity", seen, 200, 503)
	only(t, "health checks", checks, 200)
	if seen.Hasty > 0 {
		t.Errorf("%d of the 503s lack Retry-After", seen.Hasty)
	}
	unloaded, loaded := alone.Quantile(200, 0.5), seen.Quantile(200, 0.5)
	if loaded > unloaded*3/2 {
		t.Errorf("the median of the 200s is %v, %.2f of the %v without load; want at most 1.5",
			loaded, loaded.Seconds()/unloaded.Seconds(), unloaded)
	}
	if good, want := float64(seen.Count(200)), 0.9*s.perSecond()*seen.Span.Seconds(); good < want {
		t.Errorf("%.0f good answers, want at least %.0f", good, want)
	}
	if refused := seen.Quantile(503, 0.5); refused > unloaded/4 {
		t.Errorf("the median of the 503s is %v: they are to come at once", refused)
	}

	p.metric("rota_http_queue_length", 0)
	p.metric(`rota_http_requests_total{code="503"}`, float64(seen.Count(503)))
	p.metric(`rota_http_requests_total{code="200"}`, float64(seen.Count(200)+alone.Count(200)+checks.Count(200)))
	if shed := sum(p, "rota_http_requests_shed_total{"); shed != seen.Count(503) {
		t.Errorf("%d requests shed by the metrics, %d by the clients", shed, seen.Count(503))
	}
	if len(lengths) == 0 || slices.Max(lengths) < 1 || slices.Max(lengths) > waiting {
		t.Errorf("the queue had these lengths: %v, want some to be 1, and none over %d", lengths, waiting)
	}
}

// watch reads a metric ten times a second until a load is over.
func watch(p *pool, series string, loads <-chan *load.Arrivals) (seen *load.Arrivals, values []float64) {
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			now, _ := p.scrape()
			values = append(values, now[series])
		case seen = <-loads:
			return seen, values
		}
	}
}

// sum adds up the series that begin alike.
func sum(p *pool, prefix string) (n int) {
	values, _ := p.scrape()
	for series, v := range values {
		if strings.HasPrefix(series, prefix) {
			n += int(v)
		}
	}
	return n
}
