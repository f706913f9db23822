package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// testBench is a bench that leaves nothing behind, or the test fails.
func testBench(t *testing.T) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	dir, err := os.MkdirTemp("", "rota-bench-") // a short name: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		ctx: ctx, quick: true, rounds: 1, rows: regexp.MustCompile(""), dir: dir, tools: map[string]tool{}, built: map[string]string{},
		mark: fmt.Sprintf("ROTA_BENCH_MARK=%d-%d", os.Getpid(), time.Now().UnixNano()),
	}
	t.Cleanup(func() {
		cancel()
		if left := marked(b.mark); len(left) != 0 {
			t.Errorf("processes were left behind: %v", left)
		}
		b.close()
	})
	if err := b.unpack(); err != nil {
		t.Fatal(err)
	}
	return b
}

// prove has a contender do all that a question asks of one.
func prove(t *testing.T, b *bench, c contender, w want) {
	t.Helper()
	b.uses(c)
	if versions := b.versions(); strings.Contains(versions, " ,") || strings.HasSuffix(versions, " .") {
		t.Errorf("a tool says no version: %s", versions)
	}
	p, err := c.start(b, w)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	asked(t, p)
	for round := range 2 { // what was started, and what took its place
		if p.roll == nil {
			break
		}
		before := p.workers()
		if err := p.roll(b.ctx); err != nil {
			t.Fatal(err)
		}
		for _, pid := range p.workers() {
			if slices.Contains(before, pid) {
				t.Errorf("roll %d replaced %v by %v", round, before, p.workers())
			}
		}
		asked(t, p)
	}
}

// asked checks what the application says, and by whom.
func asked(t *testing.T, p *pool) {
	t.Helper()
	// One that was replaced may not have been reaped yet.
	err := until(t.Context(), "all supervisors and workers to run", func() bool {
		pids := append(p.supervisors(), p.workers()...)
		return len(p.workers()) > 0 && !slices.ContainsFunc(pids, func(pid int) bool { return !alive(pid) })
	})
	if err != nil {
		t.Errorf("%v: %v and %v", err, p.supervisors(), p.workers())
	}
	const body = 100_000
	r, err := plain.Post("http://"+p.addr+"/?hold=0.01&leak=2048&id=abc", "text/plain", strings.NewReader(strings.Repeat("x", body)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var pid, length int
	if _, err := fmt.Sscanf(string(text), "pid=%d id=abc length=%d\n", &pid, &length); err != nil || length != body {
		t.Errorf("the answer is %d %q", r.StatusCode, text)
	}
	if workers := p.workers(); !slices.Contains(workers, pid) {
		t.Errorf("%d answered, the workers are %v", pid, workers)
	}
}

// plain asks on a new connection each time: what the others do to kept ones when a
// worker goes is for the tables to say, and no fault here.
var plain = http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
