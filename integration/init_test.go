package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// asInit runs rota as PID 1 of a namespace of its own.
func asInit() option { return under("unshare", "--pid", "--fork", "--mount-proc") }

// initPool is a pool whose rota is PID 1. The process that was started is
// unshare, which keeps signals to itself.
type initPool struct {
	*pool
	pid int // of rota, as seen from outside
}

func startInit(t *testing.T, args []string, options ...option) initPool {
	t.Helper()
	needRoot(t)
	p := start(t, args, append(options, asInit())...)
	rota := func() int {
		if pids := children(p.cmd.Process.Pid); len(pids) == 1 {
			return pids[0]
		}
		return 0
	}
	t.Cleanup(func() { // before the pool's own
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			if pid := rota(); pid != 0 {
				_ = syscall.Kill(pid, sig)
			}
			select {
			case <-p.done:
				return
			case <-time.After(patience):
				t.Errorf("rota did not end on %s", sig)
			}
		}
	})
	p.awaitKind("metrics and health", 1)
	return initPool{p, rota()}
}

func (p initPool) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(p.pid, sig); err != nil {
		p.t.Fatalf("%s to rota, process %d: %v", sig, p.pid, err)
	}
}

// zombies are the processes of the namespace that have ended and that nobody
// has reaped.
func (p initPool) zombies() []string {
	p.t.Helper()
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/root/proc/[0-9]*/stat", p.pid))
	if err != nil || len(stats) == 0 {
		p.t.Fatalf("cannot see the processes of the namespace: %v", err)
	}
	return slices.DeleteFunc(stats, func(path string) bool {
		state, _ := processState(path)
		return state != 'Z'
	})
}

// As PID 1 rota reaps every orphan, while workers come and go, and takes no
// exit code of a worker for an orphan's.
func TestInitReaps(t *testing.T) {
	t.Parallel()
	const workers, orphans, rolls, crashes = 4, 50, 5, 5
	notes := filepath.Join(t.TempDir(), "notes")
	// Each worker ends with its own pid as the code, so rota's log tells which
	// code belongs to whom.
	site := newSite(t, "ON_TERM=code", "NOTES="+notes, fmt.Sprintf("ORPHANS=%d", orphans))
	p := startInit(t, []string{"-w", strconv.Itoa(workers), "--min-uptime", "0s", "--", site.path}, withEnv(site.env...))
	p.awaitKind("pool ready", 1)
	for n := range rolls {
		p.signal(syscall.SIGHUP)
		p.awaitKind("roll done", n+1)
	}
	for n := range crashes {
		ready := p.count("worker ready")
		site.crash("")
		p.awaitKind("worker crashed", n+1)
		p.awaitKind("worker ready", ready+1)
	}
	started := p.of("worker started")
	if want := workers*(1+rolls) + crashes; len(started) != want {
		t.Errorf("%d workers were started, want %d", len(started), want)
	}
	// Those that crashed may have been in the middle of their orphans.
	if least := workers * (1 + rolls) * orphans; least < 1000 {
		t.Fatalf("%d orphans are too few", least)
	} else {
		eventually(t, "all orphans have run", func() bool { return len(lines(notes+".orphans")) >= least })
	}
	var left []string
	eventually(t, "no zombie is left", func() bool { left = p.zombies(); return len(left) == 0 })
	t.Logf("%d workers, %d orphans, zombies left: %d", len(started), len(lines(notes+".orphans")), len(left))

	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	// An init that goes first takes its namespace with it: nobody would have
	// been reported.
	codes := map[int]string{}
	for _, e := range p.of("worker exited", "worker crashed") {
		if _, twice := codes[e.num("pid")]; twice {
			t.Errorf("worker %d ended twice", e.num("pid"))
		}
		codes[e.num("pid")] = e.str("status")
	}
	for _, e := range started {
		pid := e.num("pid")
		if want := fmt.Sprintf("exit code %d", pid%256); codes[pid] != want {
			t.Errorf("worker %d ended with %q, want %q", pid, codes[pid], want)
		}
	}
	p.neverBelowBeforeCrashes(workers)
}

// neverBelowBeforeCrashes is neverBelow up to the first crash, since a crash
// takes a worker away by itself.
func (p initPool) neverBelowBeforeCrashes(want int) {
	p.t.Helper()
	for _, e := range p.of("worker ready", "worker draining", "worker exited", "worker crashed", "pool ready") {
		if e.is("worker crashed") {
			return
		}
		if e.num("generation") > 1 && e.num("ready") < want {
			p.t.Errorf("%d workers ready, want at least %d, at %v", e.num("ready"), want, e)
		}
	}
}

// As PID 1 rota ends last: a worker's child that still works is not killed with
// the namespace.
func TestInitEndsLast(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := startInit(t, append(append([]string{"-w", "2", "--"}, shell...), site.path), withEnv(site.env...))
	p.awaitKind("pool ready", 1)
	began := time.Now()
	request := site.hold(time.Second)
	p.signal(syscall.SIGTERM)
	if err := <-request; err != nil {
		t.Errorf("the request in flight was lost: %v", err)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("rota ended after %s, before its worker", took)
	}
	if n := p.count("worker exited"); n != 2 || p.count("worker killed") != 0 {
		t.Errorf("%d workers are reported to have ended, want 2: %v", n, p.of("worker exited", "worker killed"))
	}
}

// A pool that cannot be brought up ends with the code of its last worker.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	type end struct {
		command string
		code    int
		status  string
	}
	var ends []end
	for _, code := range []int{0, 1, 2, 3, 64, 125, 126, 127, 128, 129, 137, 143, 200, 254, 255} {
		e := end{fmt.Sprintf("exit %d", code), code, fmt.Sprintf("exit code %d", code)}
		if code == 0 {
			e.code = 125 // it ended as if all were well, but served nothing
		}
		ends = append(ends, e)
	}
	for _, sig := range []struct {
		number int
		name   string
	}{{1, "SIGHUP"}, {2, "SIGINT"}, {3, "SIGQUIT"}, {6, "SIGABRT"}, {9, "SIGKILL"}, {11, "SIGSEGV"}, {15, "SIGTERM"}} {
		ends = append(ends, end{fmt.Sprintf("kill -%d $$", sig.number), 128 + sig.number, fmt.Sprintf("%s (exit code %d)", sig.name, 128+sig.number)})
	}
	for name, options := range map[string][]option{"child": nil, "init": {asInit()}} {
		t.Run(name, func(t *testing.T) {
			if options != nil {
				needRoot(t)
			}
			// Each takes a while, but not of the processors.
			pools := make([]*pool, len(ends))
			for i, end := range ends {
				pools[i] = start(t, []string{"-w", "1", "--", "sh", "-c", end.command}, options...)
			}
			for i, end := range ends {
				p := pools[i]
				if code := p.wait(); code != end.code {
					t.Errorf("%s: exit code %d, want %d", end.command, code, end.code)
				}
				p.awaitKind("pool given up", 1)
				failed := p.of("start failed")
				for _, e := range failed {
					if e.str("status") != end.status {
						t.Errorf("%s: reported as %v, want %q", end.command, e, end.status)
					}
				}
				if len(failed) != 3 {
					t.Errorf("%s: tried %d times, want 3", end.command, len(failed))
				}
				if want := fmt.Sprintf("rota: the pool has ended (exit code %d)\n", end.code); p.output.String() != want {
					t.Errorf("%s: output %q, want %q", end.command, p.output, want)
				}
			}
		})
	}
}
