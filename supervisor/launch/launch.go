// Package launch starts workers. A worker is first rota itself, executed again
// as package shim, which then becomes the command by exec, so that the command has
// the pid that rota knows. Every program that imports this package can be the shim.
package launch

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"rota/supervisor/launch/shim"
)

// Exit codes that shells give a command which cannot be executed.
const (
	ExitCannotRun = shim.ExitCannotRun
	ExitNotFound  = shim.ExitNotFound
)

// Spec is a worker to start.
type Spec struct {
	Path    string   // of the program
	Args    []string // argv, the program's name first
	Env     []string // all of it
	Sockets []int    // descriptors that become 3, 4, ... in the worker
	Adopt   bool     // trap bind and listen
	Stdout  int      // descriptors that become 1 and 2
	Stderr  int

	FileSize int64 // bytes of the largest file that it may write; 0 for any
	Score    int   // how much more its oom_score_adj is than rota's
}

// Child is a worker that was forked; it may not have become its command yet.
type Child struct {
	PID   int
	PidFD int // stays this process when the pid is used again; close it at the end

	control *net.UnixConn
}

// Outcome is how the shim got on.
type Outcome struct {
	Notify *os.File // where trapped calls arrive; nil without the filter
	Filter error    // why there is no filter although Spec.Adopt asked for it
	Score  error    // why the kernel does not prefer it to rota when memory runs out
	Exec   error    // why the command could not be executed
}

// Launcher forks workers, all from one thread: the kernel sends a
// parent-death signal when the thread that forked ends, not the process.
type Launcher struct {
	jobs chan job
	null *os.File
}

type job struct {
	spec  Spec
	reply chan<- reply
}

type reply struct {
	child Child
	err   error
}

// New starts the thread that forks. It lives as long as rota.
func New() (*Launcher, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s for the workers' input: %w", os.DevNull, err)
	}
	l := &Launcher{jobs: make(chan job), null: null}
	go func() {
		runtime.LockOSThread() // and never unlock
		for j := range l.jobs {
			child, err := l.fork(j.spec)
			j.reply <- reply{child, err}
		}
	}()
	return l, nil
}

// Fork starts the shim for a worker and returns at once.
func (l *Launcher) Fork(spec Spec) (Child, error) {
	answer := make(chan reply, 1)
	l.jobs <- job{spec, answer}
	r := <-answer
	return r.child, r.err
}

func (l *Launcher) fork(spec Spec) (Child, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Child{}, fmt.Errorf("cannot make a socket pair for a worker: %w", err)
	}
	defer unix.Close(pair[1])
	control, err := connOf(pair[0])
	if err != nil {
		return Child{}, err
	}
	files := []uintptr{l.null.Fd(), uintptr(spec.Stdout), uintptr(spec.Stderr)}
	for _, fd := range spec.Sockets {
		files = append(files, uintptr(fd))
	}
	files = append(files, uintptr(pair[1]))

	child := Child{PidFD: -1, control: control}
	// The kernel sends it to the leader when rota dies, however rota dies. KILL,
	// because a server that ignores another signal would hold the address.
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, PidFD: &child.PidFD}
	argv := append([]string{shim.Name, strconv.FormatBool(spec.Adopt), strconv.Itoa(len(spec.Sockets)), strconv.FormatInt(spec.FileSize, 10), strconv.Itoa(spec.Score), spec.Path}, spec.Args...)
	child.PID, _, err = syscall.StartProcess("/proc/self/exe", argv, &syscall.ProcAttr{
		Env: spec.Env, Files: files, Sys: attr,
	})
	if err != nil {
		control.Close()
		return Child{}, fmt.Errorf("cannot start a process for %s: %w", spec.Path, err)
	}
	return child, nil
}

func connOf(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "launch")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("cannot use a socket pair for a worker: %w", err)
	}
	return c.(*net.UnixConn), nil
}

// Await waits until the shim has become the command or has failed to.
func (c Child) Await() Outcome {
	defer c.control.Close()
	var out Outcome
	buf, oob := make([]byte, 512), make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := c.control.ReadMsgUnix(buf, oob)
		if err != nil || n == 0 {
			// The shim's end closes at its exec, or when it dies; the latter is
			// told by its exit status.
			return out
		}
		text := string(buf[1:n])
		switch buf[0] {
		case shim.Filter:
			out.Notify, out.Filter = receivedFile(oob[:oobn])
		case shim.NoFilter:
			out.Filter = errors.New(text)
		case shim.Score:
			out.Score = errors.New(text)
		case shim.Exec:
			out.Exec = errors.New(text)
		}
	}
}

// receivedFile takes the descriptor out of a control message. It is put into
// non-blocking mode so that the runtime polls it.
func receivedFile(oob []byte) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return nil, errors.New("internal error: the filter's descriptor did not arrive")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.New("internal error: the filter's descriptor did not arrive")
	}
	unix.CloseOnExec(fds[0])
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "seccomp-listener"), nil
}
