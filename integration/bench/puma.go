package main

import (
	"fmt"
	"syscall"
)

// pumaPhased rolls as Restarts, Phased restart has it: one worker after another is
// ended and started again.
func pumaPhased() contender { return puma("phased restart") }

// pumaHot rolls as Restarts, Hot restart has it: the workers end, and the master
// executes itself again.
func pumaHot() contender { return puma("hot restart") }

// pumaWorkerKiller looks at the memory of all, and ends the largest worker.
func pumaWorkerKiller() contender {
	c := puma("puma_worker_killer")
	c.missing = lacksGem("puma", "puma_worker_killer")
	c.tools = append(c.tools, tool{"puma_worker_killer", []string{"ruby", "-r", "puma_worker_killer", "-e", "puts PumaWorkerKiller::VERSION"}})
	return c
}

func puma(kind string) contender {
	return contender{
		name:    "Puma, " + kind,
		missing: lacks("puma"),
		tools:   []tool{{"Puma", []string{"puma", "--version"}}, {"Ruby", []string{"ruby", "--version"}}},
		start: func(b *bench, w want) (*pool, error) {
			addr, err := loopback()
			if err != nil {
				return nil, err
			}
			threads := max(w.atOnce, 1)
			argv := []string{"puma", "--config", b.app("puma.rb"), "--environment", "production", "--bind", "tcp://" + addr,
				"--workers", fmt.Sprint(w.workers), "--threads", fmt.Sprintf("%d:%d", threads, threads), b.app("config.ru")}
			var env []string
			sig := syscall.SIGUSR2
			if kind == "phased restart" {
				env, sig = append(env, "PUMA_PHASED=1"), syscall.SIGUSR1
			}
			if w.limit > 0 {
				env = append(env, fmt.Sprintf("PUMA_RAM_MIB=%d", w.limit*w.workers))
			}
			m, err := b.prefork(w, w.workers, syscall.SIGTERM, addr, env, argv...)
			if err != nil {
				return nil, err
			}
			return m.pool(addr, m.signalled(sig)), nil
		},
	}
}
