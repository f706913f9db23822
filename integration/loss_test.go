package integration

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

// rollUnderLoad replaces all workers again and again, without a pause, under
// clients that never retry, and returns what they saw.
func rollUnderLoad(t *testing.T, p *pool, addr string, rolls, clients int) *load.Seen {
	t.Helper()
	p.awaitKind("pool ready", 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results := make(chan *load.Seen, 1)
	// New workers need the processor too: clients that waited for nothing would take all of it.
	go func() { results <- load.DriveAt(ctx, addr, "/", clients, 20*time.Millisecond) }()
	for i := range rolls {
		p.signal(syscall.SIGHUP)
		p.awaitKind("roll done", i+1)
	}
	cancel()
	l := <-results
	t.Logf("%d rolls: %v", rolls, l)
	for _, why := range slices.Sorted(maps.Keys(l.Lost)) {
		t.Logf("%6d lost: %s", l.Lost[why], why)
	}
	return l
}

// TestLoss rolls servers that drain on SIGTERM and accept themselves. A server that does it well
// loses nothing; what one that does not loses, it loses by itself, in ways that
// are known.
func TestLoss(t *testing.T) {
	t.Parallel()
	const workers, clients = 2, 16
	tests := []struct {
		name    string
		rolls   int
		command func(t *testing.T, port string) []string
		known   []string // causes that are the server's own
	}{
		{"gunicorn sync", 10, gunicorn(), nil},
		{"gunicorn gthread", 10, gunicorn("--worker-class", "gthread", "--threads", "4"), nil},
		{"go that closes well", 30, func(t *testing.T, port string) []string {
			return []string{"env", "PORT=" + port, "LEAK_KIB=0", leaky}
		}, nil},
		// Once Shutdown has begun, net/http hangs up on a connection that was
		// accepted but whose request has not been read.
		{"go with Shutdown", 30, func(t *testing.T, port string) []string {
			return []string{goServer(t), "-shutdown", "-addr", "127.0.0.1:" + port}
		}, []string{"answer: closed unanswered", "answer: reset", "send: reset"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			command := test.command(t, strconv.Itoa(port))
			p := start(t, slices.Concat([]string{"--accept", "shared", "-w", strconv.Itoa(workers), "--"}, command), quiet(t))
			rolls := test.rolls
			if os.Getenv("TEST_RACE") != "" {
				rolls /= 3 // races show soon; losses are counted without the detector
			}
			l := rollUnderLoad(t, p, fmt.Sprintf("127.0.0.1:%d", port), rolls, clients)
			if l.Answered < clients*rolls {
				t.Errorf("only %d were answered: that is no load", l.Answered)
			}
			for why, n := range l.Lost {
				if !slices.Contains(test.known, why) {
					t.Errorf("%d requests lost: %s", n, why)
				}
			}
			proveEnd(t, p, workers)
		})
	}
}
