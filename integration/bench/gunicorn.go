package main

import (
	"context"
	"fmt"
	"syscall"
)

// gunicorn with threads (gthread), which its documentation advises under Design,
// Choosing a Worker Type, for applications that wait for others; sync, a process
// for each request, is what it is without any flag.
type gunicorn struct {
	sync bool
	kind string // of roll, or what it does against leaks
}

// gunicornHUP rolls as Signal Handling, Reload the configuration says: new workers
// start, and the old ones are told to go at once.
func gunicornHUP() contender { return gunicorn{kind: "HUP"}.contender() }

// gunicornUSR2 rolls as Signal Handling, Upgrading to a new binary on the fly says:
// USR2 for a new master, then TERM for the old one. WINCH between the two is for
// daemons only; gunicorn takes no notice of it in the foreground.
func gunicornUSR2() contender { return gunicorn{kind: "USR2"}.contender() }

func gunicornSyncHUP() contender { return gunicorn{true, "HUP"}.contender() }

// gunicornMaxRequests is what Settings, max_requests offers against leaks, with the
// jitter that max_requests_jitter advises against all workers going at once.
func gunicornMaxRequests() contender { return gunicorn{kind: "max-requests"}.contender() }

func (g gunicorn) contender() contender {
	worker := "gthread"
	if g.sync {
		worker = "sync"
	}
	return contender{
		name:    fmt.Sprintf("gunicorn %s, %s", worker, g.kind),
		missing: lacks("gunicorn"),
		tools:   []tool{{"gunicorn", []string{"gunicorn", "--version"}}},
		start:   g.start,
	}
}

func (g gunicorn) start(b *bench, w want) (*pool, error) {
	addr, err := loopback()
	if err != nil {
		return nil, err
	}
	// FAQ, How do I avoid Gunicorn excessively blocking in os.fchmod?
	argv := []string{"gunicorn", "--bind", addr, "--worker-tmp-dir", "/dev/shm", "--log-level", "warning"}
	processes := w.workers
	if g.sync {
		processes = w.single()
		argv = append(argv, "--worker-class", "sync")
	} else {
		argv = append(argv, "--worker-class", "gthread", "--threads", fmt.Sprint(max(w.atOnce, 1)))
	}
	argv = append(argv, "--workers", fmt.Sprint(processes))
	if w.limit > 0 {
		// A request leaks a MiB, so this is how many a worker may have; a quarter of
		// them, at most, by lot. The application does not change, so it can be loaded
		// before the fork, which Settings, preload_app advises for memory and a fast start.
		most := w.share(processes)
		argv = append(argv, "--max-requests", fmt.Sprint(most-most/4), "--max-requests-jitter", fmt.Sprint(most/4), "--preload")
	}
	m, err := b.prefork(w, processes, syscall.SIGTERM, addr, nil, append(argv, "app:application")...)
	if err != nil {
		return nil, err
	}
	roll := m.signalled(syscall.SIGHUP)
	if g.kind == "USR2" {
		roll = func(ctx context.Context) error { return m.succeeded(ctx, syscall.SIGTERM) }
	}
	return m.pool(addr, roll), nil
}
