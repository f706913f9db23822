package integration

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Each of the signals that ask for an end lets every request finish.
func TestSignalsThatEnd(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(fmt.Sprint(sig), func(t *testing.T) {
			t.Parallel()
			site := newSite(t)
			p := site.start([]string{"-w", "2"})
			p.awaitKind("pool ready", 1)
			request := site.hold(500 * time.Millisecond)
			p.signal(sig)
			if err := <-request; err != nil {
				t.Errorf("the request in flight was lost: %v", err)
			}
			if code := p.wait(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			for _, e := range p.of("worker exited") {
				if e.str("exit") != "drained" || e.str("status") != "exit code 0" {
					t.Errorf("a worker did not drain: %v", e)
				}
			}
			if n := p.count("worker exited"); n != 2 {
				t.Errorf("%d workers ended, want 2", n)
			}
			if p.output.String() != "" {
				t.Errorf("there is output: %s", p.output)
			}
		})
	}
}

// A pool that is still starting ends as well as any.
func TestEndsWhileStarting(t *testing.T) {
	t.Parallel()
	p := start(t, []string{"-w", "2", "--", "sleep", "600"})
	p.awaitKind("worker started", 2)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	for _, e := range p.of("worker exited") {
		if e.str("exit") != "stopped" || e.str("trigger") != "shutdown" {
			t.Errorf("a worker is reported as %v, want it stopped with the pool", e)
		}
	}
	if n := p.count("worker exited"); n != 2 || p.count("start failed") != 0 {
		t.Errorf("%d workers ended as asked, want 2", n)
	}
}

// The second signal, of whichever kind, does not wait for anybody.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start([]string{"-w", "2", "--drain-timeout", "1h", "--stop-timeout", "1h"})
	p.awaitKind("pool ready", 1)
	request := site.hold(time.Hour)
	p.signal(syscall.SIGTERM)
	p.awaitKind("worker draining", 2)
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if err := <-request; err == nil {
		t.Error("a request of an hour was answered")
	}
	p.awaitWith("worker exited", "exit", "killed", 1)
	for _, e := range p.of("worker killed") {
		if e.str("reason") != "asked to end at once" {
			t.Errorf("killed for %q", e.str("reason"))
		}
	}
}

func TestHangupRolls(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start([]string{"-w", "3"})
	p.awaitKind("pool ready", 1)
	before := p.workers()
	p.signal(syscall.SIGHUP)
	done := p.awaitKind("roll done", 1)
	if want := "replaced 3 workers"; done.str("detail") != want || done.str("trigger") != "generation" {
		t.Errorf("the roll ended with %v, want %q", done, want)
	}
	after := p.workers()
	if len(after) != 3 {
		t.Errorf("%d workers serve, want 3: %v", len(after), after)
	}
	for slot, pid := range after {
		if before[slot] == pid {
			t.Errorf("worker %d of slot %d was not replaced", pid, slot)
		}
	}
	if answer := site.ask("/"); !strings.Contains(answer, "generation=2") {
		t.Errorf("answered by %q, want generation 2", answer)
	}
	p.neverBelow(3)
}

func TestOneMoreOneFewer(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start([]string{"-w", "1", "--drain-timeout", "5m"})
	p.awaitKind("pool ready", 1)
	first := p.workers()[0]
	scaled := func(n int, want string) {
		t.Helper()
		if e := p.awaitKind("pool scaled", n); e.str("detail") != want {
			t.Fatalf("scaled %q, want %q", e.str("detail"), want)
		}
	}
	p.signal(syscall.SIGTTIN)
	scaled(1, "2 workers wanted, 1 before")
	p.awaitKind("worker ready", 2)
	p.signal(syscall.SIGTTIN)
	scaled(2, "3 workers wanted, 2 before")
	p.awaitKind("worker ready", 3)
	p.metric("rota_workers_desired", 3)
	p.isHealth("/healthz", 200, "ok")

	// The number is kept up, also by a roll.
	if err := syscall.Kill(p.workers()[2], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.awaitKind("worker crashed", 1)
	p.awaitWith("worker ready", "slot", 2, 2)
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll done", 1)
	if after := p.workers(); len(after) != 3 {
		t.Errorf("%d workers serve, want 3", len(after))
	}
	if p.workers()[0] == first {
		t.Error("the first worker was not replaced by the roll")
	}

	first = p.workers()[0]
	p.signal(syscall.SIGTTOU)
	scaled(3, "2 workers wanted, 3 before")
	p.awaitWith("worker draining", "trigger", "scale", 1)
	p.signal(syscall.SIGTTOU)
	scaled(4, "1 workers wanted, 2 before")
	p.awaitWith("worker exited", "trigger", "scale", 2)
	// One more signal changes nothing: the next change starts from 1.
	p.signal(syscall.SIGTTOU)
	p.isHealth("/healthz", 200, "ok")
	if got := p.workers(); !maps.Equal(got, map[int]int{0: first}) {
		t.Errorf("workers %v serve, want %d alone", got, first)
	}
	// Signals that come together are handled in the order of their numbers, so
	// rota must have taken that one before the next is sent.
	eventually(t, "the signal is taken", func() bool { return !pending(p.cmd.Process.Pid, syscall.SIGTTOU) })
	for n := range 2 {
		p.signal(syscall.SIGUSR2)
		p.await("USR2", n+1, func(e event) bool { return strings.Contains(e.str("@message"), "SIGUSR2") })
	}
	p.signal(syscall.SIGTTIN)
	scaled(5, "2 workers wanted, 1 before")
	p.awaitWith("worker ready", "slot", 1, 3)
	p.metric(`rota_worker_exits_total{reason="drained"}`, 3+2)
	p.metric(`rota_worker_cycles_total{trigger="scale"}`, 0) // nobody came in their place
}

// pending tells whether a signal that was sent to a process still waits.
func pending(pid int, sig syscall.Signal) bool {
	for _, line := range lines(fmt.Sprintf("/proc/%d/status", pid)) {
		var mask uint64
		if _, err := fmt.Sscanf(line, "ShdPnd: %x", &mask); err == nil {
			return mask&(1<<(sig-1)) != 0
		}
	}
	return false
}

func TestReopenLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log, old := filepath.Join(dir, "rota.log"), filepath.Join(dir, "rota.log.1")
	has := func(path, text string) bool {
		return slices.ContainsFunc(lines(path), func(l string) bool { return strings.Contains(l, `"@message":"`+text+`"`) })
	}
	site := newSite(t)
	p := site.start([]string{"-w", "1", "--log-file", log})
	eventually(t, "the pool is ready", func() bool { return has(log, "pool ready") })
	if err := os.Rename(log, old); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGUSR1)
	eventually(t, "the log is opened anew", func() bool { _, err := os.Stat(log); return err == nil })
	p.signal(syscall.SIGHUP)
	eventually(t, "the roll is in the new log", func() bool { return has(log, "roll done") })
	if has(old, "roll began") || has(log, "pool ready") {
		t.Errorf("lines are in the wrong file:\n%s\n--\n%s", strings.Join(lines(old), "\n"), strings.Join(lines(log), "\n"))
	}
	if p.output.String() != "" {
		t.Errorf("there is output beside the log: %s", p.output)
	}
}

func TestReexecuteIsRefused(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start([]string{"-w", "1"})
	p.awaitKind("pool ready", 1)
	p.signal(syscall.SIGUSR2)
	if e := p.awaitText("SIGUSR2"); e.str("@level") != "warn" {
		t.Errorf("no warning: %v", e)
	}
	site.ask("/")
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// How a serving worker ended is reported as the kernel told it.
func TestCrashCodes(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start([]string{"-w", "1", "--min-uptime", "0s"})
	n := 0
	crashed := func(end func(), want string) {
		t.Helper()
		n++
		p.awaitKind("worker ready", n)
		pid := site.pid()
		end()
		e := p.awaitKind("worker crashed", n)
		if e.str("status") != want || e.num("pid") != pid || e.str("@level") != "error" {
			t.Errorf("reported as %v, want %q of %d", e, want, pid)
		}
	}
	for _, code := range []int{0, 1, 42, 255} {
		crashed(func() { site.crash(fmt.Sprintf("?code=%d", code)) }, fmt.Sprintf("exit code %d", code))
	}
	crashed(func() { _ = syscall.Kill(site.pid(), syscall.SIGKILL) }, "SIGKILL (exit code 137)")
	p.awaitKind("worker ready", n+1)
	// Those were no ends of the pool.
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

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

// A worker that ignores the signal gets it once more, with its whole family,
// and is killed in the end.
func TestTimeoutsOfTheEnd(t *testing.T) {
	t.Parallel()
	notes := filepath.Join(t.TempDir(), "notes")
	site := newSite(t, "ON_TERM=family", "NOTES="+notes)
	p := site.start([]string{"-w", "1", "--drain-timeout", "1s", "--stop-timeout", "2s"})
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

// A child of a leader may outlive both. The next rota says who it is.
func TestAddressHeldByAnOrphan(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := start(t, append(append([]string{"-w", "1", "--"}, shell...), site.path), withEnv(site.env...))
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
	if e := next.awaitKind("start failed", 1); !strings.Contains(e.str("detail"), who) {
		t.Errorf("%q does not say %q", e.str("detail"), who)
	}
	if code := next.wait(); code != 1 {
		t.Errorf("exit code %d, want the program's 1", code)
	}
}

// A release that does not get ready takes nobody's place, and the one that is
// mended does.
func TestBrokenRelease(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]string{"ends": "exit 3", "never listens": "exec sleep 60"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := filepath.Join(t.TempDir(), "app")
			site := newSite(t)
			release := func(line string) { put(t, script, "#!/bin/sh\n"+line+"\n", 0o755) }
			release("exec " + site.path)
			p := start(t, []string{"-w", "2", "--start-timeout", "2s", "--", script}, withEnv(site.env...))
			p.awaitKind("pool ready", 1)
			before := p.workers()

			release(broken)
			p.signal(syscall.SIGHUP)
			failed := p.awaitKind("roll failed", 1)
			if failed.str("@level") != "error" || !strings.Contains(failed.str("detail"), "going on with generation 1") {
				t.Errorf("reported as %v", failed)
			}
			if name == "ends" {
				p.awaitWith("start failed", "status", "exit code 3", 1)
			} else if e := p.awaitKind("start failed", 1); !strings.Contains(e.str("detail"), "it bound no TCP port") {
				t.Errorf("reported as %v", e)
			}
			p.metric(`rota_rolls_total{result="failed",trigger="generation"}`, 1)
			p.metric(`rota_rolls_total{result="done",trigger="generation"}`, 0)
			p.isHealth("/healthz", 200, "ok")
			if got := p.workers(); !maps.Equal(got, before) || len(got) != 2 {
				t.Errorf("workers %v serve, want %v", got, before)
			}
			if answer := site.ask("/"); !strings.Contains(answer, "generation=1") {
				t.Errorf("answered by %q, want generation 1", answer)
			}

			release("GREETING=mended exec " + site.path)
			p.signal(syscall.SIGHUP)
			p.awaitKind("roll done", 1)
			if answer := site.ask("/"); !strings.Contains(answer, "generation=3 greeting=mended") {
				t.Errorf("answered by %q, want the mended release", answer)
			}
			p.metric(`rota_rolls_total{result="failed",trigger="generation"}`, 1)
			p.metric(`rota_rolls_total{result="done",trigger="generation"}`, 1)
			p.neverBelow(2)
		})
	}
}

// A release that does not get ready takes nobody's place either if the worker
// that it was to replace is lost meanwhile.
func TestBrokenReleaseAndCrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rota.yaml")
	site := newSite(t)
	release := func(command string) {
		t.Helper()
		put(t, path, "workers: 1\nstart-timeout: 2s\nstop-timeout: 1s\ncommand: ["+command+"]\n", 0o600)
	}
	release(site.path)
	p := start(t, []string{"--config", path}, withEnv(site.env...))
	p.awaitKind("pool ready", 1)

	release("sleep, 600")
	broken := p.awaitWith("worker started", "generation", 2, 1).num("pid")
	site.crash("")
	first := p.awaitKind("worker crashed", 1).num("pid")
	// Two failures of one release are one too many.
	e := p.await("the good release is back", 1, func(e event) bool {
		return e.is("worker ready") && e.num("pid") != first ||
			e.is("worker stopping") && e.num("pid") != broken
	})
	if !e.is("worker ready") || e.num("generation") != 1 {
		t.Errorf("the broken release was tried again: %v", e)
	}
	if done := p.of("roll done"); len(done) > 0 {
		t.Errorf("the roll is said to be done: %v", done)
	}
	if n := p.count("roll failed"); n != 1 {
		t.Errorf("the roll is said to have failed %d times, want once", n)
	}
}
