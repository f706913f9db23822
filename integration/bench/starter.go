package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// startServer is start_server of Server::Starter, which holds the socket, has one
// process serve on it, and on SIGHUP starts a new one and ends the old one with
// SIGTERM, as its documentation says. Its own --restart waits until that is done.
// It runs one copy, however many workers are wanted: the program is expected to use
// all processors by itself, as Go does.
func startServer() contender {
	return contender{
		name: "start_server, HUP", missing: lacks("start_server"), tools: []tool{{"start_server", []string{"start_server", "--version"}}},
		start: runStartServer,
	}
}

func runStartServer(b *bench, w want) (*pool, error) {
	path, env, err := b.goServer(w)
	if err != nil {
		return nil, err
	}
	dir, err := b.folder("start_server")
	if err != nil {
		return nil, err
	}
	addr, err := loopback()
	if err != nil {
		return nil, err
	}
	pid, status := filepath.Join(dir, "pid"), filepath.Join(dir, "status")
	// It takes a new process that stays for a second for one that serves. One that
	// takes longer to load needs the old one to stay for longer, which is what
	// --kill-old-delay is for.
	delay := strconv.Itoa(int(math.Ceil(w.boot.Seconds())))
	p, err := b.spawn(w.group, dir, append(env, "FD=3"), "start_server", "--port="+addr+"=3", "--pid-file="+pid,
		"--status-file="+status, "--backlog=4096", "--kill-old-delay="+delay, "--", path)
	if err != nil {
		return nil, err
	}
	err = p.answers(addr)
	if err == nil {
		err = until(b.ctx, "start_server to be content", func() bool { return len(generations(status)) == 1 })
	}
	if err != nil {
		p.end(syscall.SIGTERM)
		return nil, err
	}
	return &pool{
		addr:        addr,
		supervisors: func() []int { return []int{p.Process.Pid} },
		workers:     func() []int { return generations(status) },
		roll: func(ctx context.Context) error {
			cmd := exec.CommandContext(ctx, "start_server", "--restart", "--pid-file="+pid, "--status-file="+status)
			cmd.Env = append(os.Environ(), b.mark)
			if text, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("cannot restart with start_server: %w: %s", err, text)
			}
			return nil
		},
		stop: func() { p.end(syscall.SIGTERM) },
	}, nil
}

// generations are the processes in start_server's status file: lines of
// generation:pid.
func generations(status string) (pids []int) {
	text, _ := os.ReadFile(status)
	for line := range strings.Lines(string(text)) {
		_, after, _ := strings.Cut(strings.TrimSpace(line), ":")
		if pid, err := strconv.Atoi(after); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
