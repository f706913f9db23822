package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rota/supervisor/admin/api"
)

// rota runs the application that is wanted, in one of the three ways to accept and
// with its defaults, but for some flags. It rolls by its own command, which waits.
func rota(accept string, flags ...string) contender {
	return contender{
		name:    "rota " + accept,
		missing: func(b *bench) string { return b.refused("--accept", accept) },
		tools:   []tool{{"Go", []string{"go", "version"}}},
		start: func(b *bench, w want) (*pool, error) {
			return b.startRota(w, append([]string{"--accept", accept}, flags...))
		},
	}
}

// rotaServing is rota before an application that may be missing.
func rotaServing(accept, app string) contender {
	c, s := rota(accept), served[app]
	if s.tool.name != "" {
		c.tools = append(c.tools, s.tool)
	}
	if s.missing != nil {
		inner := c.missing
		c.missing = func(b *bench) string {
			if why := inner(b); why != "" {
				return why
			}
			return s.missing(b)
		}
	}
	return c
}

// refused is what this rota says of flags that it does not take.
func (b *bench) refused(flags ...string) string {
	text, err := exec.CommandContext(b.ctx, b.rota, append(append([]string{"check"}, flags...), "--", "true")...).CombinedOutput()
	if err == nil {
		return ""
	}
	why, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return strings.TrimPrefix(why, "rota: ")
}

// startRota starts the pool and waits until all of its workers are ready.
func (b *bench) startRota(w want, flags []string) (*pool, error) {
	s, ok := served[w.app]
	if !ok {
		return nil, fmt.Errorf("rota serves no application that is called %q", w.app)
	}
	addr, err := loopback()
	if err != nil {
		return nil, err
	}
	command, env, err := s.command(b, w, addr)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "rota-")
	if err != nil {
		return nil, err
	}
	control := filepath.Join(dir, "control")
	argv := append([]string{b.rota, "-w", strconv.Itoa(w.workers), "--admin", "off", "--control", control}, flags...)
	if w.limit > 0 {
		argv = append(argv, "--max-memory", fmt.Sprintf("%dMiB", w.limit))
	}
	argv = append(append(argv, w.flags...), "--")
	p, err := b.spawn(w.group, b.app(""), append(env, w.env...), append(argv, command...)...)
	if err != nil {
		return nil, err
	}
	r := &runningRota{b, p, control}
	stop := func() { p.end(syscall.SIGTERM) }
	err = p.answers(addr)
	if err == nil {
		err = r.complete()
	}
	if err != nil {
		stop()
		return nil, err
	}
	pid := p.Process.Pid
	return &pool{
		addr:        addr,
		supervisors: func() []int { return []int{pid} },
		workers:     func() []int { return children(pid) },
		roll:        func(ctx context.Context) error { return r.operate(ctx, "roll", "--wait") },
		stop:        stop,
	}, nil
}

// runningRota is one with its control socket.
type runningRota struct {
	b *bench
	*process
	control string
}

// complete waits until all workers are ready.
func (r *runningRota) complete() error {
	client := api.NewClient(r.control)
	return until(r.b.ctx, "all workers of rota", func() bool {
		return client.Health(r.b.ctx, true) == nil
	})
}

// operate gives a command as an operator would.
func (r *runningRota) operate(ctx context.Context, command ...string) error {
	cmd := exec.CommandContext(ctx, r.b.rota, append(command, "--control", r.control)...)
	cmd.Env = append(os.Environ(), r.b.mark)
	cmd.WaitDelay = time.Second
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot do rota %s: %w: %s\n%s", strings.Join(command, " "), err, text, r.said())
	}
	return nil
}
