package main

import (
	"context"
	"fmt"
	"syscall"
)

// unicornUSR2 rolls as its SIGNALS document has it under Procedure to replace a
// running unicorn executable: USR2, then WINCH and QUIT for the old master.
func unicornUSR2() contender { return unicorn("USR2") }

// unicornHUP rolls as the same document has it under Master Process: each worker
// ends after its request and is started again. It loads no new code with it, since
// unicorn loads the application before it forks.
func unicornHUP() contender { return unicorn("HUP") }

// unicornWorkerKiller has each worker look at its own memory between requests.
func unicornWorkerKiller() contender {
	c := unicorn("unicorn-worker-killer")
	c.missing = lacksGem("unicorn", "unicorn", "unicorn/worker_killer")
	// It knows no version of its own, and neither does the gem's file in Debian.
	return c
}

// unicorn is a process for each request.
func unicorn(kind string) contender {
	return contender{
		name:    "unicorn, " + kind,
		missing: lacks("unicorn"),
		tools:   []tool{{"unicorn", []string{"unicorn", "--version"}}, {"Ruby", []string{"ruby", "--version"}}},
		start: func(b *bench, w want) (*pool, error) {
			addr, err := loopback()
			if err != nil {
				return nil, err
			}
			processes := w.single()
			env := []string{fmt.Sprintf("WORKERS=%d", processes)}
			if w.limit > 0 {
				share := w.share(processes)
				// Not all at the same size, so that not all go at once.
				env = append(env, fmt.Sprintf("UNICORN_MIN_MIB=%d", share-share/4), fmt.Sprintf("UNICORN_MAX_MIB=%d", share))
			}
			m, err := b.prefork(w, processes, syscall.SIGQUIT, addr, env,
				"unicorn", "--config-file", b.app("unicorn.rb"), "--env", "production", "--listen", addr, b.app("config.ru"))
			if err != nil {
				return nil, err
			}
			roll := m.signalled(syscall.SIGHUP)
			if kind == "USR2" {
				roll = func(ctx context.Context) error { return m.succeeded(ctx, syscall.SIGWINCH, syscall.SIGQUIT) }
			}
			return m.pool(addr, roll), nil
		},
	}
}
