package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"rota/integration/cgroup"
)

// goServer is the Go application with what it needs to know. As all who restart
// servers from outside ask of them in their documentation, it finishes on SIGTERM
// what it has begun, unless it is asked for as plain "go".
func (b *bench) goServer(w want) (path string, env []string, err error) {
	path, err = b.build("rota/integration/servers/hello")
	env = append(application(w), w.env...)
	if w.app != "go" {
		env = append(env, "DRAIN=1")
	}
	return path, env, err
}

// application is the environment that every application knows.
func application(w want) []string {
	return []string{"BOOT=" + strconv.FormatFloat(w.boot.Seconds(), 'f', -1, 64), "LIMIT=" + strconv.Itoa(w.atOnce)}
}

// behind is a server at an address of its own, for those who only pass on.
type behind struct {
	*process
	addr string
}

// behindServer starts one and waits until it answers.
func (b *bench) behindServer(group *cgroup.Group, path string, env []string) (*behind, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p, err := b.spawn(group, "", append([]string{"PORT=" + strconv.Itoa(port)}, env...), path)
	if err != nil {
		return nil, err
	}
	s := &behind{p, fmt.Sprintf("127.0.0.1:%d", port)}
	if err := p.answers(s.addr); err != nil {
		s.end(syscall.SIGTERM)
		return nil, err
	}
	return s, nil
}

// fleet are the servers behind somebody who only passes on. Whoever deploys
// replaces them; here that is the bench.
type fleet struct {
	start func() (*behind, error)

	mu      sync.Mutex
	servers []*behind
}

// newFleet starts as many servers as are wanted, all at once.
func (b *bench) newFleet(w want) (*fleet, error) {
	path, env, err := b.goServer(w)
	if err != nil {
		return nil, err
	}
	f := &fleet{start: func() (*behind, error) { return b.behindServer(w.group, path, env) }}
	errs := make([]error, w.workers)
	f.servers = make([]*behind, w.workers)
	var all sync.WaitGroup
	for i := range f.servers {
		all.Go(func() { f.servers[i], errs[i] = f.start() })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		f.end()
		return nil, err
	}
	return f, nil
}

func (f *fleet) all() []*behind {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.servers)
}

func (f *fleet) set(i int, s *behind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers[i] = s
}

func (f *fleet) pids() (pids []int) {
	for _, s := range f.all() {
		pids = append(pids, s.Process.Pid)
	}
	return pids
}

func (f *fleet) end() {
	for _, s := range f.all() {
		if s != nil {
			s.end(syscall.SIGTERM)
		}
	}
}

// folder makes a folder for a contender's files that a server which gives up its
// rights can enter too.
func (b *bench) folder(name string) (string, error) {
	if err := os.Chmod(b.dir, 0o711); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(b.dir, name+"-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// file writes a file into a contender's folder.
func file(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}
