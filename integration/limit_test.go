package integration

import (
	"fmt"
	"testing"
)

// TestLimitThatIsResized changes the limit of the container under a running pool,
// as Kubernetes does in place: what is a share of it follows, and no worker goes.
func TestLimitThatIsResized(t *testing.T) {
	t.Parallel()
	g := group(t, 256*mib)
	p := start(t, []string{"-w", "2", "--max-memory", "10%", "--sample-interval", "100ms", "--", buildServer(t, "hello")},
		inside(g), withEnv(fmt.Sprintf("PORT=%d", freePort(t))))
	p.awaitKind("pool ready", 1)
	p.metric("rota_memory_budget_bytes", 256*mib*9/10)
	if err := g.Limit(1024 * mib); err != nil {
		t.Fatal(err)
	}
	p.awaitKind("container limit changed", 1)
	p.awaitKind("configuration read again", 1)
	p.metric("rota_memory_budget_bytes", 1024*mib*9/10)
	p.metric(`rota_worker_cycles_total{trigger="generation"}`, 0)
	proveEnd(t, p, 2)
}
