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
	if want := "replaced 3 workers"; done.str("message") != want || done.str("trigger") != "generation" {
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
		if e := p.awaitKind("pool scaled", n); e.str("message") != want {
			t.Fatalf("scaled %q, want %q", e.str("message"), want)
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
