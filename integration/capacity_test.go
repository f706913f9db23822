package integration

import (
	"context"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

// TestCapacityWhileCycling replaces the workers again and again, at 85 % of what
// they can answer and with a boot of three seconds: a request is to take no
// longer for it than it did before.
//
// A ratio of two measured times is asserted, which noise must not decide: each
// request is held for the same second, nothing waits at 85 % since requests
// come evenly and go where the fewest are, and the bound is another half second
// for the slowest hundredth, which the stalls of a busy machine do not add up to.
// If one worker of the two was missing, 17 requests more a second would come than
// go, and within a second those that wait would pass that bound.
func TestCapacityWhileCycling(t *testing.T) {
	const rolls, rest = 3, 10 * time.Second
	s := slow{workers: 2, atOnce: 24, hold: time.Second, boot: 3 * time.Second}
	p, addr := s.start(t)
	phase := func(ctx context.Context) *load.Arrivals { return load.Arrive(ctx, addr, "/", 0.85*s.perSecond()) }

	ctx, cancel := context.WithTimeout(t.Context(), rest)
	defer cancel()
	resting := phase(ctx)
	t.Logf("at rest: %v", resting)

	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	result := make(chan *load.Arrivals, 1)
	go func() { result <- phase(ctx) }()
	for i := range rolls {
		p.signal(syscall.SIGHUP)
		p.awaitKind("roll done", i+1)
	}
	cancel()
	cycling := <-result
	t.Logf("in %d rolls: %v", rolls, cycling)

	only(t, "at rest", resting, 200)
	only(t, "while cycling", cycling, 200)
	before, meanwhile := resting.Quantile(200, 0.99), cycling.Quantile(200, 0.99)
	if meanwhile > before*3/2 {
		t.Errorf("p99 is %v while cycling, %.2f of the %v at rest; want at most 1.5",
			meanwhile, meanwhile.Seconds()/before.Seconds(), before)
	}
	proveEnd(t, p, s.workers)
}
