//go:build peers

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPrefork starts, asks, rolls and ends each server that forks its workers. Those
// that are not installed are left out, in CI too: it is not there to test others.
func TestPrefork(t *testing.T) {
	for _, c := range []contender{
		gunicornHUP(), gunicornUSR2(), gunicornSyncHUP(), uwsgiReload(), uwsgiChain(), pumaPhased(), pumaHot(), unicornHUP(), unicornUSR2(),
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			exercise(t, c, want{workers: 2, atOnce: 2, boot: 300 * time.Millisecond}, func(ctx context.Context, p *pool) {
				for range 2 { // the first replaces what was started, the second what took its place
					before := p.workers()
					if err := p.roll(ctx); err != nil {
						t.Fatal(err)
					}
					after := p.workers()
					if len(after) != len(before) || slices.ContainsFunc(after, func(pid int) bool { return slices.Contains(before, pid) }) {
						t.Errorf("a roll replaced %v by %v", before, after)
					}
					asked(t, p)
				}
			})
		})
	}
}

// TestPreforkLimit lets the workers of each that can do something against it leak,
// until one is replaced.
func TestPreforkLimit(t *testing.T) {
	for _, c := range []contender{
		gunicornMaxRequests(), uwsgiReloadOnRSS(), pumaWorkerKiller(), unicornWorkerKiller(),
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			exercise(t, c, want{workers: 2, atOnce: 2, limit: 60}, func(ctx context.Context, p *pool) {
				first := p.workers()
				for !slices.ContainsFunc(p.workers(), func(pid int) bool { return !slices.Contains(first, pid) }) {
					if r, err := plain.Get("http://" + p.addr + "/?leak=2048"); err == nil { // it may be lost as the worker goes
						r.Body.Close()
					}
					if ctx.Err() != nil {
						t.Fatal("no worker is replaced")
					}
				}
			})
		})
	}
}

// exercise starts a contender, has something done with it, and ends it.
func exercise(t *testing.T, c contender, w want, do func(context.Context, *pool)) {
	if missing := c.missing(nil); missing != "" {
		t.Skipf("not installed: %s (see integration/bench/install)", missing)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	b := &bench{ctx: ctx, dir: t.TempDir(), mark: fmt.Sprintf("ROTA_BENCH_MARK=%d-%s", time.Now().UnixNano(), t.Name())}
	b.tools = map[string]tool{}
	if err := b.unpack(); err != nil {
		t.Fatal(err)
	}
	defer b.sweep()
	b.uses(c)
	if versions := b.versions(); strings.Contains(versions, " ,") || strings.HasSuffix(versions, " .") {
		t.Errorf("a tool says no version: %s", versions)
	}
	p, err := c.start(b, w)
	if err != nil {
		t.Fatal(err)
	}
	asked(t, p)
	do(ctx, p)
	p.stop()
	if left := marked(b.mark); len(left) != 0 {
		t.Errorf("processes were left behind: %v", left)
	}
}
