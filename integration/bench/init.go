package main

import (
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// tini and dumbInit run one server as the first process of a container would: as
// their READMEs have it in an ENTRYPOINT. They replace nothing.
func tini() contender {
	return underInit("tini", tool{"tini", []string{"tini", "--version"}}, "tini", "--")
}

func dumbInit() contender {
	return underInit("dumb-init", tool{"dumb-init", []string{"dumb-init", "--version"}}, "dumb-init", "--")
}

func underInit(name string, version tool, argv ...string) contender {
	return contender{
		name: name, missing: lacks(argv[0]), tools: []tool{version},
		start: func(b *bench, w want) (*pool, error) { return startUnderInit(b, w, argv) },
	}
}

func startUnderInit(b *bench, w want, argv []string) (*pool, error) {
	path, env, err := b.goServer(w)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p, err := b.spawn(w.group, "", append(env, "PORT="+strconv.Itoa(port), "TINI_SUBREAPER=1"), append(argv, path)...)
	if err != nil {
		return nil, err
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	if err := p.answers(addr); err != nil {
		p.end(syscall.SIGTERM)
		return nil, err
	}
	return &pool{
		addr:        addr,
		supervisors: func() []int { return []int{p.Process.Pid} },
		workers:     func() []int { return children(p.Process.Pid) },
		stop:        func() { p.end(syscall.SIGTERM) },
	}, nil
}

// first is something that can be the first process of a container.
type first struct {
	name    string
	argv    []string // before the command that it runs
	missing string
	tools   []tool
	same    bool // as the one before, but for what it does with signals
}

// firsts are those of the table. tini -g is what its README advises where a signal
// has to reach more than its child.
func (b *bench) firsts() []first {
	quiet := []string{b.rota, "-w", "1", "--admin", "off", "--control", "off", "--log-level", "error"}
	return []first{
		{name: "rota", argv: append(slices.Clone(quiet), "--")},
		{name: "rota `--accept shared`", argv: append(slices.Clone(quiet), "--accept", "shared", "--"), same: true},
		{name: "tini", argv: []string{"tini", "--"}, missing: tini().missing(b), tools: tini().tools},
		{name: "tini `-g`", argv: []string{"tini", "-g", "--"}, same: true, missing: tini().missing(b), tools: tini().tools},
		{name: "dumb-init", argv: []string{"dumb-init", "--"}, missing: dumbInit().missing(b), tools: dumbInit().tools},
		{name: "a script, `sh` without `exec`", argv: []string{"sh", b.app("entry.sh")}},
		{name: "none: the command itself"},
	}
}

// container is the first process of a process namespace of its own.
type container struct {
	*process     // unshare, which ends as that does
	pid      int // of the first process, as seen from outside
}

// contain starts a command under a first process, with no more of a container
// around it than a namespace of processes.
func (b *bench) contain(f first, env []string, argv ...string) (*container, error) {
	unshare := []string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"}
	p, err := b.spawn(nil, b.dir, env, append(append(unshare, f.argv...), argv...)...)
	if err != nil {
		return nil, err
	}
	c := &container{process: p}
	err = until(b.ctx, "unshare to fork", func() bool {
		if pids := children(p.Process.Pid); len(pids) == 1 {
			c.pid = pids[0]
		}
		return c.pid != 0 || !alive(p.Process.Pid)
	})
	return c, err
}

// ended waits for the end and says whether it came in time.
func (c *container) ended(within time.Duration) bool {
	select {
	case <-c.done:
		return true
	case <-time.After(within):
		return false
	}
}

// kill ends the container with all that is in it.
func (c *container) kill() {
	if c.pid != 0 {
		_ = syscall.Kill(c.pid, syscall.SIGKILL)
	}
	c.end(syscall.SIGKILL)
}

// code is what a container's runtime says that it ended with.
func (c *container) code() int {
	status := c.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// canContain tells what is missing for a namespace of processes; empty if nothing.
func canContain() string {
	if exec.Command("unshare", "--pid", "--fork", "--mount-proc", "true").Run() != nil {
		return "the right to make a namespace of processes (unshare, as root)"
	}
	return ""
}
