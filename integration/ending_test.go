package integration

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Who balances the load learns at once that rota ends, and is served until it
// has acted on that.
func TestShutdownDelay(t *testing.T) {
	t.Parallel()
	const delay = 2 * time.Second
	site := newSite(t)
	p := site.start([]string{"-w", "2", "--shutdown-delay", delay.String()})
	p.awaitKind("pool ready", 1)
	p.isHealth("/readyz", 200, "ok")
	p.signal(syscall.SIGTERM)
	stopping := p.awaitKind("pool stopping", 1)
	p.isHealth("/readyz", 503, "stopping")
	p.isHealth("/livez", 200, "ok")
	for time.Since(stopping.time()) < delay/2 {
		site.ask("/")
	}
	draining := p.awaitKind("worker draining", 1)
	if waited := draining.time().Sub(stopping.time()); waited < delay {
		t.Errorf("drained after %s, want %s", waited, delay)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// Where workers accept themselves, the signal begins the drain. One that ignores
// it gets it once more, with its whole family, and is killed in the end.
func TestTimeoutsOfTheEnd(t *testing.T) {
	t.Parallel()
	notes := filepath.Join(t.TempDir(), "notes")
	site := newSite(t, "ON_TERM=family", "NOTES="+notes)
	p := site.start([]string{"--accept", "shared", "-w", "1", "--drain-timeout", "1s", "--stop-timeout", "2s"})
	p.awaitKind("pool ready", 1)
	leader := site.pid()
	family := children(leader)
	if len(family) != 1 {
		t.Fatalf("the worker has children %v, want 1", family)
	}
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll done", 1)

	draining, stopping, killed := p.awaitKind("worker draining", 1), p.awaitKind("worker stopping", 1), p.awaitKind("worker killed", 1)
	if d := stopping.time().Sub(draining.time()); d < time.Second || stopping.str("reason") != "not drained within the drain timeout of 1s" {
		t.Errorf("stopped after %s: %v", d, stopping)
	}
	if d := killed.time().Sub(stopping.time()); d < 2*time.Second || killed.str("reason") != "not gone within the stop timeout of 2s" {
		t.Errorf("killed after %s: %v", d, killed)
	}
	exited := p.awaitKind("worker exited", 1)
	if exited.str("exit") != "killed" || exited.str("status") != "SIGKILL (exit code 137)" || exited.num("pid") != leader {
		t.Errorf("reported as %v", exited)
	}
	p.metric(`rota_worker_exits_total{reason="killed"}`, 1)
	for _, pid := range append(family, leader) {
		if alive(pid) {
			t.Errorf("process %d (%s) lives", pid, commandLine(pid))
		}
	}
	counts := map[string]int{}
	for _, line := range lines(notes) {
		counts[line]++
	}
	if want := map[string]int{fmt.Sprintf("server %d: TERM", leader): 2, fmt.Sprintf("idler %d: TERM", family[0]): 1}; !maps.Equal(counts, want) {
		t.Errorf("signals %v, want %v", counts, want)
	}
}

// To many servers a second signal means to leave everything, so without time to
// drain there is still only one.
func TestNoTimeToDrain(t *testing.T) {
	t.Parallel()
	notes := filepath.Join(t.TempDir(), "notes")
	site := newSite(t, "ON_TERM=ignore", "NOTES="+notes)
	p := site.start([]string{"-w", "1", "--drain-timeout", "0s", "--stop-timeout", "1s"})
	p.awaitKind("pool ready", 1)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	p.awaitWith("worker exited", "exit", "killed", 1)
	if got := lines(notes); len(got) != 1 {
		t.Errorf("the worker got %d signals, want 1: %v", len(got), got)
	}
}

// shell is a leader that ends at once when it is asked to, in front of a child
// that serves.
var shell = []string{"sh", "-c", `trap "exit 0" TERM; "$0" & wait`}

func TestLeaderEndsFirst(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := start(t, append(append([]string{"-w", "1", "--"}, shell...), site.path), withEnv(site.env...))
	p.awaitKind("pool ready", 1)
	for n, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		worker := p.workers()[0]
		began := time.Now()
		request := site.hold(time.Second)
		p.signal(sig)
		if err := <-request; err != nil {
			t.Errorf("%s: the request in flight was lost: %v", sig, err)
		}
		e := p.awaitKind("worker exited", n+1)
		if e.num("pid") != worker || e.str("exit") != "drained" || e.num("cut") != 0 {
			t.Errorf("%s: the worker ended with %v", sig, e)
		}
		if took := e.time().Sub(began); took < time.Second {
			t.Errorf("%s: the worker is reported to have gone after %s, before its child", sig, took)
		}
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// Whatever ends rota ends the leaders of its workers.
func TestRotaKilled(t *testing.T) {
	t.Parallel()
	site := newSite(t, "ON_TERM=ignore")
	p := site.start([]string{"-w", "3"})
	p.awaitKind("pool ready", 1)
	p.signal(syscall.SIGKILL)
	if code := p.wait(); code != 137 {
		t.Errorf("exit code %d, want 137", code)
	}
	for slot, pid := range p.workers() {
		eventually(t, fmt.Sprintf("worker %d is gone", slot), func() bool { return !alive(pid) })
	}
	if len(p.workers()) != 3 {
		t.Errorf("%d workers served, want 3", len(p.workers()))
	}
}

// A child of a leader may outlive both, and serve where it accepts itself. The
// next rota says who it is.
func TestAddressHeldByAnOrphan(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := start(t, append(append([]string{"--accept", "shared", "-w", "1", "--"}, shell...), site.path), withEnv(site.env...))
	p.awaitKind("pool ready", 1)
	leader, orphan := p.workers()[0], site.pid()
	if leader == orphan {
		t.Fatalf("process %d is its own child", leader)
	}
	p.signal(syscall.SIGKILL)
	p.wait()
	eventually(t, "the leader is gone", func() bool { return !alive(leader) })
	defer eventually(t, "the orphan is gone", func() bool { return !alive(orphan) })
	defer syscall.Kill(orphan, syscall.SIGKILL)

	who := fmt.Sprintf("cannot listen on %s: address already in use by process %d (%s)", site.addr, orphan, commandLine(orphan))
	e := runRota(t, []string{"-l", site.addr, "--", site.path}, withEnv(site.env...))
	if e.code != 125 {
		t.Errorf("exit code %d, want 125", e.code)
	}
	e.oneLine(t, who)

	// Without --listen it is the worker that finds out.
	next := site.start([]string{"-w", "1"})
	next.awaitText("a worker asked for " + site.addr + ": " + who)
	if e := next.awaitKind("start failed", 1); !strings.Contains(e.str("message"), who) {
		t.Errorf("%q does not say %q", e.str("message"), who)
	}
	if code := next.wait(); code != 1 {
		t.Errorf("exit code %d, want the program's 1", code)
	}
}
