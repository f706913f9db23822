package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

func rota(accept string, flags ...string) contender {
	name := "rota " + accept
	if accept == "steered" {
		accept = "shared"
	}
	return contender{name: name, start: func(b *bench, w want) (*pool, error) {
		server, err := b.build("rota/integration/servers/hello")
		if err != nil {
			return nil, err
		}
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		env := append([]string{fmt.Sprint("PORT=", port), fmt.Sprint("LIMIT=", w.atOnce), fmt.Sprint("BOOT=", w.boot.Seconds())}, w.env...)
		argv := append([]string{b.rota, "-w", fmt.Sprint(w.workers), "--accept", accept, "--admin", "off"}, append(flags, w.flags...)...)
		p, err := b.spawn(w.group, "", env, append(argv, "--", server)...)
		if err != nil {
			return nil, err
		}
		addr := fmt.Sprint("127.0.0.1:", port)
		if err := p.answers(addr); err != nil {
			return nil, err
		}
		pid := p.Process.Pid
		workers := func() []int { return children(pid) }
		for len(workers()) < w.workers {
			time.Sleep(20 * time.Millisecond)
		}
		return &pool{addr: addr, supervisors: func() []int { return []int{pid} }, workers: workers,
			roll: func(ctx context.Context) error {
				before := strings.Count(readAll(p.log), "roll done")
				_ = p.Process.Signal(syscall.SIGHUP)
				for strings.Count(readAll(p.log), "roll done") <= before {
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(20 * time.Millisecond):
					}
				}
				return nil
			}, stop: func() { p.end(syscall.SIGTERM) }}, nil
	}}
}

func readAll(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}
