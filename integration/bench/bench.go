package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// bench is what all questions share: where things are, and what was started.
type bench struct {
	ctx    context.Context
	quick  bool
	rounds int            // paired runs
	rows   *regexp.Regexp // of tables that are asked for
	dir    string         // temporary; removed at the end
	rota   string         // the built binary
	mark   string         // in the environment of every process that is started

	unstarted []string // entries of the question that did not start

	mu    sync.Mutex
	tools map[string]tool // asked for their versions at the end
	built map[string]string
}

func newBench(ctx context.Context, o options, rows *regexp.Regexp) (*bench, error) {
	dir, err := os.MkdirTemp("", "rota-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{
		ctx: ctx, quick: o.quick, rounds: 5, rows: rows, dir: dir, tools: map[string]tool{}, built: map[string]string{},
		mark: fmt.Sprintf("ROTA_BENCH_MARK=%d-%d", os.Getpid(), time.Now().UnixNano()),
	}
	if o.quick {
		b.rounds = 1
	}
	if o.runs > 0 {
		b.rounds = o.runs
	}
	if b.rota, err = b.build("rota"); err == nil {
		err = b.unpack()
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// build compiles a package of this module, once.
func (b *bench) build(pkg string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if path := b.built[pkg]; path != "" {
		return path, nil
	}
	path := filepath.Join(b.dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build %s: %w\n%s", pkg, err, text)
	}
	b.built[pkg] = path
	return path, nil
}

// say tells whoever waits what is going on.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// close ends whatever was started and is still there, and removes every file.
func (b *bench) close() {
	b.sweep()
	os.RemoveAll(b.dir)
}

// sweep kills what is left of what was started: some servers leave their group.
func (b *bench) sweep() {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		left := marked(b.mark)
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.say("some processes do not end: %v", marked(b.mark))
}

// marked are the processes with a line in their environment.
func marked(mark string) (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		var pid int
		if _, err := fmt.Sscan(e.Name(), &pid); err != nil || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && strings.Contains("\x00"+string(environ), "\x00"+mark+"\x00") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// freePort is one of 127.0.0.1 that nobody uses.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
