package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"rota/integration/cgroup"
)

// patience is how long is waited for what must happen.
const patience = 60 * time.Second

// process is a program that was started, in a group of its own.
type process struct {
	*exec.Cmd
	log  string // of its output
	done chan struct{}
}

// spawn starts a program with more environment, inside of a control group if there is one.
func (b *bench) spawn(group *cgroup.Group, dir string, env []string, argv ...string) (*process, error) {
	return b.spawnHolding(nil, group, dir, env, argv...)
}

// spawnHolding does so with open files, from descriptor 3 on.
func (b *bench) spawnHolding(files []*os.File, group *cgroup.Group, dir string, env []string, argv ...string) (*process, error) {
	log, err := os.CreateTemp(b.dir, filepath.Base(argv[0])+"-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	name := argv[0]
	if group != nil {
		argv = append(group.Inside(), argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), b.mark, "XDG_RUNTIME_DIR="+b.dir), env...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	p := &process{cmd, log.Name(), make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// end sends a signal and waits for the end; what does not end is killed.
func (p *process) end(sig syscall.Signal) {
	_ = p.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(patience / 2):
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// said is the end of what a program wrote, for errors.
func (p *process) said() string {
	text, _ := os.ReadFile(p.log)
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return strings.TrimSpace(string(text))
}

// answers waits until a server answers with 200.
func (p *process) answers(addr string) error {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if r, err := client.Get("http://" + addr + "/"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it served: %s", p.Path, p.said())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not answer at %s: %s", p.Path, addr, p.said())
}

// workers are the processes that a master has started.
func (p *process) workers() []int { return children(p.Process.Pid) }

// master is the pool of a process that starts so many workers, once it has and
// answers, or else ends it.
func (b *bench) master(p *process, addr string, workers int, roll func(context.Context) error) (*pool, error) {
	stop := func() { p.end(syscall.SIGTERM) }
	err := p.answers(addr)
	if err == nil {
		err = until(b.ctx, "the workers of "+filepath.Base(p.Path), func() bool { return len(p.workers()) == workers })
	}
	if err != nil {
		stop()
		return nil, err
	}
	return &pool{
		addr:        addr,
		supervisors: func() []int { return []int{p.Process.Pid} },
		workers:     p.workers,
		roll:        roll,
		stop:        stop,
	}, nil
}
