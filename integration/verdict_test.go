package integration

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"rota/integration/load"
)

// TestVerdict has workers that keep 64 KiB of each request and are cycled every
// few seconds: rota finds the leak out, and its size. The same that keep nothing
// are not said to leak.
func TestVerdict(t *testing.T) {
	t.Parallel()
	const kib = 64
	verdictOf := func(e event) string {
		kind, _, _ := strings.Cut(e.str("message"), ":")
		return kind
	}
	leaks := func(e event) bool { return e.is("verdict") && verdictOf(e) == "leak" }
	run := func(t *testing.T, keep int) (p *pool, stop func()) {
		port := freePort(t)
		p = start(t, []string{"-w", "2", "--max-memory", "64MiB", "--sample-interval", "200ms", "--", leaky},
			withEnv(fmt.Sprintf("PORT=%d", port), fmt.Sprintf("LEAK_KIB=%d", keep)))
		p.awaitKind("pool ready", 1)
		ctx, cancel := context.WithCancel(t.Context())
		var l *load.Seen
		var running sync.WaitGroup
		running.Go(func() { l = load.Drive(ctx, fmt.Sprintf("127.0.0.1:%d", port), "/?hold=0.02", 8) })
		return p, func() {
			cancel()
			running.Wait()
			t.Log(l)
			if l.Losses() > 0 {
				t.Errorf("requests lost: %v", l)
			}
		}
	}

	t.Run("leak", func(t *testing.T) {
		t.Parallel()
		p, stop := run(t, kib)
		defer stop()
		e := p.await("a leak to be called one", 1, leaks)
		t.Log(e.str("message"))
		p.await("more lives to measure it", 8, func(e event) bool { return e.is("cycle done") && e.str("trigger") == "memory" })
		values := scrape(t, p)
		if values[`rota_memory_verdict{verdict="leak"}`] != 1 {
			t.Errorf("the metrics do not say that it is a leak")
		}
		grows := values["rota_memory_growth_bytes_per_request"]
		t.Logf("%.1f KiB a request, %.1f MiB an hour", grows/1024, values["rota_memory_growth_bytes_per_hour"]/mib)
		if math.Abs(grows-kib<<10) > 0.2*(kib<<10) {
			t.Errorf("a leak of %.1f KiB a request, want %d within a fifth", grows/1024, kib)
		}
	})

	t.Run("no leak", func(t *testing.T) {
		t.Parallel()
		p, stop := run(t, 0)
		defer stop()
		awaitSamples(t, p, 100, func(values map[string]float64) {
			if values[`rota_memory_verdict{verdict="leak"}`] != 0 {
				t.Errorf("called a leak")
			}
		})
		if slices.ContainsFunc(p.history(), leaks) {
			t.Errorf("called a leak")
		}
		if scrape(t, p)[`rota_memory_verdict{verdict="unknown"}`] != 1 {
			t.Errorf("something is said of 100 samples, which tell nothing yet")
		}
	})
}
