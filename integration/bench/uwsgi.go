package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// uwsgiReload rolls as The Art of Graceful Reloading has it under Standard graceful
// reload: the master waits for its workers and executes itself again.
func uwsgiReload() contender { return uwsgi("reload") }

// uwsgiChain rolls as the same article has it under Chain reloading, which needs
// lazy-apps: one worker after another.
func uwsgiChain() contender { return uwsgi("chain-reload") }

// uwsgiReloadOnRSS replaces a worker once its resident memory is over a limit. Its
// evil twin, evil-reload-on-rss, has the master kill the worker with its requests.
func uwsgiReloadOnRSS() contender { return uwsgi("reload-on-rss") }

func uwsgi(kind string) contender {
	return contender{
		name:    "uWSGI, " + kind,
		missing: lacks("uwsgi_python3"), // this name loads Debian's plugin
		tools:   []tool{{"uWSGI", []string{"uwsgi_python3", "--version"}}},
		start: func(b *bench, w want) (*pool, error) {
			addr, err := loopback()
			if err != nil {
				return nil, err
			}
			fifo := filepath.Join(b.dir, "uwsgi-"+addr)
			m, err := b.prefork(w, w.workers, syscall.SIGTERM, addr, nil, uwsgiCommand(kind, w, addr, fifo)...)
			if err != nil {
				return nil, err
			}
			roll := m.signalled(syscall.SIGHUP)
			if kind == "chain-reload" {
				// The Master FIFO, Available commands.
				roll = func(ctx context.Context) error {
					return m.replaced(ctx, m.workers(), insisting(func() error { return os.WriteFile(fifo, []byte("c"), 0) }))
				}
			}
			return m.pool(addr, roll), nil
		},
	}
}

func uwsgiCommand(kind string, w want, addr, fifo string) []string {
	argv := []string{
		"uwsgi_python3", "--wsgi-file", "app.py", "--master", "--processes", fmt.Sprint(w.workers), "--threads", fmt.Sprint(max(w.atOnce, 1)),
		// Not the application tells that it is there: a worker that has loaded it does not
		// heed signals yet, and a reload would wait a minute for it.
		"--hook-accepting", "exec:: >$LOADED/$PPID",
		// Native HTTP support: what to use behind a full web server. It closes each
		// connection after its answer, so that none can be lost for being kept, but
		// says so only if it is told to: HTTP Keep-Alive has the option.
		"--http-socket", addr, "--add-header", "Connection: close",
		// The listen queue, in The Art of Graceful Reloading: as many as are to wait meanwhile.
		"--listen", fmt.Sprint(min(1024, somaxconn())),
		// Things to know: fail without an application, and end on TERM.
		"--need-app", "--die-on-term", "--single-interpreter", "--disable-logging", "--master-fifo", fifo,
	}
	if kind == "chain-reload" {
		argv = append(argv, "--lazy-apps")
	}
	if w.limit > 0 {
		// It looks after each request, and replaces no worker that is younger than a
		// minute unless told; with this leak that would be too late.
		argv = append(argv, "--memory-report", "--reload-on-rss", fmt.Sprint(w.limit), "--min-worker-lifetime", "1")
	}
	return argv
}

// somaxconn is the longest queue that the kernel gives a listening socket; uWSGI
// does not start with a longer one.
func somaxconn() (n int) {
	data, _ := os.ReadFile("/proc/sys/net/core/somaxconn")
	if _, err := fmt.Sscan(string(data), &n); err != nil {
		return 100
	}
	return n
}
