package integration

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rota/integration/load"
)

// TestOOM has a worker take more than its container holds, at once, which
// nobody can foresee. The kernel kills it and nobody else, and rota says so.
// A worker that somebody else kills later is not taken for another such.
//
// What it has killed may take milliseconds to give its memory back. Should it
// have to kill once more in that time, it is to be the other worker: only rota
// may not go. Nothing runs beside the test, so that this is rare.
func TestOOM(t *testing.T) {
	hungry := buildServer(t, "hungry")
	for name, command := range map[string][]string{
		"one process": {hungry},
		// The shell survives, and ends as if all were well.
		"behind a shell": {"sh", "-c", hungry + "; true"},
	} {
		t.Run(name, func(t *testing.T) { outOfMemory(t, command) })
	}
}

func outOfMemory(t *testing.T, command []string) {
	const workers = 2
	g := group(t, 256*mib)
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	p := start(t, slices.Concat([]string{"-w", strconv.Itoa(workers), "--max-total-memory", "off", "--min-uptime", "0s", "--"}, command),
		inside(g), withEnv(fmt.Sprintf("PORT=%d", port)))
	p.awaitKind("pool ready", 1)
	own := oomScoreAdj(t, p.rota())
	for _, pid := range g.Processes() {
		if pid != p.rota() && oomScoreAdj(t, pid) <= own {
			t.Errorf("oom_score_adj of %s is %d, want more than the %d of rota", commandLine(pid), oomScoreAdj(t, pid), own)
		}
	}
	exits := func(reason string, want float64) {
		t.Helper()
		p.metric(fmt.Sprintf("rota_worker_exits_total{reason=%q}", reason), want)
	}

	// Others go on asking; what they lose is at most what was in that worker's hands.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	others := make(chan *load.Arrivals, 1)
	go func() { others <- load.Arrive(ctx, addr, "/", 20) }()
	if body, err := load.Get(addr, "/?take=600"); err == nil || load.Cause(err) != "status: 502" {
		t.Errorf("600 MiB in a container of 256: %v %q, want status 502", err, body)
	}
	p.awaitKind("worker crashed", 1)
	p.awaitKind("worker ready", workers+1)
	kills := int(g.OOMKills()) // by now all that one request can lead to
	if kills > workers {
		t.Errorf("the kernel killed %d processes, of which there were %d beside rota", kills, workers)
	}
	for i := range kills {
		if e := p.awaitKind("worker crashed", i+1); e.str("exit") != "oom" {
			t.Errorf("exit %q, want oom: %v", e.str("exit"), e)
		}
	}
	exits("oom", float64(kills))
	exits("crash", 0)
	p.awaitKind("worker ready", workers+kills)

	// Now one dies the same death, but not for want of memory.
	victim := p.workers()[0]
	if err := syscall.Kill(serverOf(victim), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	e := p.awaitKind("worker crashed", kills+1)
	if e.str("exit") != "crash" || e.num("pid") != victim {
		t.Errorf("exit %q of process %d, want crash of %d: %v", e.str("exit"), e.num("pid"), victim, e)
	}
	exits("oom", float64(kills))
	exits("crash", 1)
	p.awaitKind("worker ready", workers+kills+1)
	cancel()
	seen := <-others
	t.Log(seen)
	only(t, "while workers die", seen, 200, 502)
	if n := seen.Count(502); n > kills+1 {
		t.Errorf("%d answers with status 502, of which each death explains one", n)
	}
	if n := int(g.OOMKills()); n != kills {
		t.Errorf("the kernel killed %d processes, and %d before", n, kills)
	}
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	p.neverBelow(workers - kills)
}

// rota is the process of the pool itself, which stands where the shell was that
// put it into its group.
func (p *pool) rota() int { return p.cmd.Process.Pid }

// stop ends the pool and returns its exit code.
func (p *pool) stop() int {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	return p.wait()
}

// serverOf is the process of a worker that serves: its leader, or what that runs.
func serverOf(leader int) int {
	if below := children(leader); len(below) > 0 {
		return below[0]
	}
	return leader
}

func oomScoreAdj(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
