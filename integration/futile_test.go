package integration

import (
	"context"
	"fmt"
	"regexp"
	"syscall"
	"testing"

	"rota/integration/load"
)

// futileCycles is how often a cycle that does not help may be repeated.
const futileCycles = 3

// TestFutile has limits below what a fresh worker needs. rota finds that out,
// by trying if need be, says so and lets the workers be, and nobody loses
// anything by it.
func TestFutile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, trigger string
		flags         []string
		says          *regexp.Regexp // the limit, what a fresh worker needs or all do, and what would work
	}{
		{"max-memory", "memory", []string{"--max-memory", "50MiB"},
			regexp.MustCompile(`max-memory of 50MiB .*fresh worker needs.* 10[0-9.]+MiB.*Set it to 1[0-9.]+MiB or more`)},
		{"max-total-memory", "total", []string{"--max-total-memory", "150MiB"},
			regexp.MustCompile(`of 150MiB.*fresh one.*2 workers need 2[0-9.]+MiB.*allow 2[0-9.]+MiB`)},
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
			result := make(chan *load.Arrivals, 1)
			go func() { result <- load.Arrive(ctx, fmt.Sprintf("127.0.0.1:%d", port), leakPath, 20) }()

			paused := p.futile(test.trigger, test.says, 1)
			// A new generation may need less. This one does not.
			p.signal(syscall.SIGHUP)
			p.awaitKind("memory cycles resumed", 1)
			p.awaitKind("roll done", 1)
			again := p.futile(test.trigger, test.says, 2)
			cancel()
			seen := <-result
			t.Logf("%d cycles, then: %s", paused, p.awaitKind("memory cycles paused", 1).str("reason"))
			t.Logf("%d cycles more; %v", again, seen)
			only(t, "under a limit that is too low", seen, 200)
			proveEnd(t, p, 2)
		})
	}
}

// futile waits until the cycles of a trigger are paused for the n-th time, checks
// that it is said well and after how many, and that none follows. It returns how
// many there were since the last time that they were resumed.
func (p *pool) futile(trigger string, says *regexp.Regexp, n int) (cycles int) {
	p.t.Helper()
	e := p.awaitKind("memory cycles paused", n)
	if e.str("trigger") != trigger {
		p.t.Errorf("trigger %q, want %s: %v", e.str("trigger"), trigger, e)
	}
	if !says.MatchString(e.str("reason")) {
		p.t.Errorf("reason %q, want %s", e.str("reason"), says)
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
	if cycles > futileCycles {
		p.t.Errorf("%d cycles before the pause, want %d at most", cycles, futileCycles)
	}
	return cycles
}
