package integration

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"rota/integration/load"
)

func TestSmoke(t *testing.T) {
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	p := start(t, []string{"-w", "3", "--", leaky}, withEnv(fmt.Sprintf("PORT=%d", port), "LEAK_KIB=1"))
	p.awaitKind("pool ready", 1)
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan *load.Seen)
	go func() { results <- load.Drive(ctx, addr, "/", 8) }()
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll done", 1)
	cancel()
	l := <-results
	t.Log(l)
	if l.Losses() != 0 || l.Answered == 0 {
		t.Errorf("lost requests: %v", l)
	}
	p.neverBelow(3)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}
