package integration

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// futileCycles is how often a cycle that does not help may be repeated.
const futileCycles = 3

// TestFutile has limits below what a fresh worker needs. rota finds that out by
// trying, says so and lets the workers be, and nobody loses anything by it.
func TestFutile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, trigger string
		flags         []string
		says          string // the limit, as the message names it
	}{
		{"max-memory", "memory", []string{"--max-memory", "50MiB"}, "50MiB"},
		{"max-total-memory", "total", []string{"--max-total-memory", "150MiB"}, "150MiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			p := start(t, append(test.flags, "-w", "2", "--min-uptime", "1s", "--sample-interval", "200ms", "--", buildServer(t, "hungry")),
				withEnv(fmt.Sprintf("PORT=%d", port), "BALLAST_MIB=100"))
			p.awaitKind("pool ready", 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			result := make(chan *arrivals, 1)
			go func() { result <- arrive(ctx, fmt.Sprintf("127.0.0.1:%d", port), leakPath, 20) }()

			paused := p.futile(test.trigger, test.says, 1)
			// A new generation may need less. This one does not.
			p.signal(syscall.SIGHUP)
			p.awaitKind("memory cycles resumed", 1)
			p.awaitKind("roll done", 1)
			again := p.futile(test.trigger, test.says, 2)
			cancel()
			load := <-result
			t.Logf("%d cycles, then: %s", paused, p.awaitKind("memory cycles paused", 1).str("reason"))
			t.Logf("%d cycles more; %v", again, load)
			load.only(t, "under a limit that is too low", 200)
			proveEnd(t, p, 2)
		})
	}
}

// futile waits until the cycles of a trigger are paused for the n-th time, checks
// that it is said well and after how many, and that none follows. It returns how
// many there were since the last time that they were resumed.
func (p *pool) futile(trigger, limit string, n int) (cycles int) {
	p.t.Helper()
	e := p.awaitKind("memory cycles paused", n)
	if e.str("trigger") != trigger {
		p.t.Errorf("trigger %q, want %s: %v", e.str("trigger"), trigger, e)
	}
	// What is set, what a fresh worker has (its ballast, and a few MiB of Go's), and the flag to change.
	for _, want := range []string{limit, "fresh", "10", "MiB", "--max-"} {
		if !strings.Contains(e.str("reason"), want) {
			p.t.Errorf("%q is missing in the reason: %q", want, e.str("reason"))
		}
	}
	// Each would be over the limit in three of these.
	awaitSamples(p.t, p, 20, func(map[string]float64) {})
	paused := false
	for _, e := range p.of("memory cycles paused", "memory cycles resumed", "cycle began") {
		switch {
		case e.is("memory cycles paused"):
			paused = true
		case e.is("memory cycles resumed"):
			paused, cycles = false, 0
		case e.str("trigger") != trigger:
		case paused:
			p.t.Errorf("cycled although that is paused: %v", e)
		default:
			cycles++
		}
	}
	if cycles < 1 || cycles > futileCycles {
		p.t.Errorf("%d cycles before the pause, want 1 to %d", cycles, futileCycles)
	}
	return cycles
}
