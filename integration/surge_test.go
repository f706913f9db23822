package integration

import (
	"fmt"
	"syscall"
	"testing"
)

// TestRollBySurge rolls twelve workers with a surge of four: so many come at a time
// and no more, and what is ready never falls below what is wanted.
func TestRollBySurge(t *testing.T) {
	const workers, surge = 12, 4
	hello := buildServer(t, "hello")
	for _, accept := range []string{"front", "shared", "steered"} {
		t.Run(accept, func(t *testing.T) {
			p := start(t, []string{"-w", fmt.Sprint(workers), "--accept", accept, "--max-surge", fmt.Sprint(surge), "--", hello},
				withEnv(fmt.Sprintf("PORT=%d", freePort(t)), "BOOT=200ms"))
			p.awaitKind("pool ready", 1)
			p.signal(syscall.SIGHUP)
			p.awaitKind("roll done", 1)
			proveEnd(t, p, workers)
			if n := p.count("cycle began"); n != workers {
				t.Errorf("%d cycles, want one for each of %d workers", n, workers)
			}
			most := 0
			for _, e := range p.history() {
				most = max(most, e.num("alive"))
			}
			if most != workers+surge {
				t.Errorf("at most %d workers alive, want %d and a surge of %d", most, workers, surge)
			}
		})
	}
}
