package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// prefork is a server whose master forks the workers that serve.
type prefork struct {
	*process
	loaded string         // folder in which each worker that has loaded the application leaves a file, named by its pid
	count  int            // workers that it is to have
	quit   syscall.Signal // ends the master, and the workers with it

	mu     sync.Mutex
	master int // a new one after its program was replaced on the fly
}

// look is how often something that must happen soon is looked for.
const look = 10 * time.Millisecond

// prefork starts such a server at an address and waits until all its workers serve.
func (b *bench) prefork(w want, count int, quit syscall.Signal, addr string, env []string, argv ...string) (*prefork, error) {
	loaded, err := os.MkdirTemp(b.dir, "loaded-")
	if err != nil {
		return nil, err
	}
	env = slices.Concat([]string{"LOADED=" + loaded, fmt.Sprintf("BOOT=%g", w.boot.Seconds())}, w.env, env)
	p, err := b.spawn(w.group, b.app(""), env, argv...)
	if err != nil {
		return nil, err
	}
	m := &prefork{process: p, loaded: loaded, count: count, quit: quit, master: p.Process.Pid}
	if err := p.answers(addr); err != nil {
		m.stop()
		return nil, err
	}
	if err := m.await(b.ctx, "all workers serve", func() bool { return len(m.workers()) == count }); err != nil {
		m.stop()
		return nil, err
	}
	return m, nil
}

// pool is what the questions see of it.
func (m *prefork) pool(addr string, roll func(context.Context) error) *pool {
	return &pool{addr: addr, supervisors: m.masters, workers: m.workers, roll: roll, stop: m.stop}
}

// masters are the master and, while its program is being replaced, the next one:
// a child of it that has children.
func (m *prefork) masters() []int {
	masters := []int{m.at()}
	for _, pid := range descendants(m.at()) {
		if len(descendants(pid)) > 0 {
			masters = append(masters, pid)
		}
	}
	return masters
}

// workers are those that have loaded the application, and live.
func (m *prefork) workers() []int { return m.below(m.at()) }

func (m *prefork) below(master int) (workers []int) {
	for _, pid := range descendants(master) {
		_, err := os.Stat(filepath.Join(m.loaded, strconv.Itoa(pid)))
		if err == nil && alive(pid) && len(descendants(pid)) == 0 { // not one that was forked to become the next master
			workers = append(workers, pid)
		}
	}
	return workers
}

func (m *prefork) at() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.master
}

// signalled is a way to roll that needs one signal to the master.
func (m *prefork) signalled(sig syscall.Signal) func(context.Context) error {
	return func(ctx context.Context) error {
		old := m.workers()
		if err := syscall.Kill(m.at(), sig); err != nil {
			return fmt.Errorf("cannot ask %s for a roll: %w", m.Path, err)
		}
		return m.replaced(ctx, old, func() {})
	}
}

// replaced waits until none of some workers is left and new ones serve; as long as
// none has gone, it asks for it.
func (m *prefork) replaced(ctx context.Context, old []int, ask func()) error {
	return m.await(ctx, "all workers are replaced", func() bool {
		left := slices.DeleteFunc(slices.Clone(old), func(pid int) bool { return !alive(pid) })
		if len(left) == len(old) {
			ask()
		}
		return len(left) == 0 && len(m.workers()) == m.count
	})
}

// insisting asks at once and then every other second. It is for requests of which a
// master takes no notice while one is under way, or while it has not noted that one
// has ended.
func insisting(ask func() error) func() {
	var asked time.Time
	return func() {
		if time.Since(asked) > 2*time.Second {
			_ = ask() // what does not arrive shows in what does not happen
			asked = time.Now()
		}
	}
}

// succeeded replaces the master by a new one with the program as it is now, as
// unicorn has brought it from nginx: USR2 starts the new master with its workers
// beside the old one, and then the old one is told to go, with the last of some
// signals; those before are for its workers.
func (m *prefork) succeeded(ctx context.Context, signals ...syscall.Signal) error {
	old, next := m.at(), 0
	ask := insisting(func() error { return syscall.Kill(old, syscall.SIGUSR2) })
	err := m.await(ctx, "a new master has its workers", func() bool {
		if len(m.masters()) == 1 {
			ask()
		}
		for _, next = range m.masters()[1:] {
			if len(m.below(next)) == m.count {
				return true
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	before := slices.DeleteFunc(m.below(old), func(pid int) bool { return slices.Contains(m.below(next), pid) })
	m.mu.Lock()
	m.master = next
	m.mu.Unlock()
	for _, sig := range signals {
		err = syscall.Kill(old, sig)
		if err == nil {
			err = m.await(ctx, "the old workers have ended", func() bool { return !slices.ContainsFunc(before, alive) })
		}
		if err != nil {
			return fmt.Errorf("cannot end the old master of %s: %w", m.Path, err)
		}
	}
	return m.await(ctx, "the old master has ended", func() bool { return !alive(old) && len(m.workers()) == m.count })
}

// await looks for something until it is there, the context ends or patience does.
func (m *prefork) await(ctx context.Context, what string, there func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !there() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain until %s of %s (workers %v): %s", what, m.Path, m.workers(), m.said())
		case <-time.After(look):
		}
	}
	return nil
}

// stop ends it all. The master need not be our child any more.
func (m *prefork) stop() {
	_ = syscall.Kill(m.at(), m.quit)
	_ = m.await(context.Background(), "the master has ended", func() bool { return !alive(m.at()) })
	_ = syscall.Kill(-m.Process.Pid, syscall.SIGKILL) // whatever is left of its group
	<-m.done
	os.RemoveAll(m.loaded)
}

// alive tells whether a process runs: one that only waits to be reaped does not.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := strings.TrimSpace(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// lacks says which of some programs are not installed, for contender.missing.
func lacks(programs ...string) func(*bench) string {
	return func(*bench) string {
		missing := map[string]bool{}
		for _, program := range programs {
			if _, err := exec.LookPath(program); err != nil {
				missing[program] = true
			}
		}
		return strings.Join(slices.Sorted(maps.Keys(missing)), ", ")
	}
}

// lacksGem says so of a library of Ruby, beside the program that it belongs to.
func lacksGem(program string, requires ...string) func(*bench) string {
	return func(b *bench) string {
		if missing := lacks("ruby", program)(b); missing != "" {
			return missing
		}
		var argv []string
		for _, name := range requires {
			argv = append(argv, "-r", name)
		}
		if exec.Command("ruby", append(argv, "-e", "")...).Run() != nil {
			return "the gem of " + strings.Join(requires, ", ")
		}
		return ""
	}
}

// loopback is an address of 127.0.0.1 that nobody uses.
func loopback() (string, error) {
	port, err := freePort()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}

// single is how many processes hold as many requests as some workers, if each holds one.
func (w want) single() int { return w.workers * max(w.atOnce, 1) }

// share is the memory in MiB that each of some processes may leak, of the limit of
// all workers.
func (w want) share(processes int) int { return max(w.limit*w.workers/processes, 4) }
