// Package shim is what a worker is before it is the command: rota itself, executed
// again, which prepares what only the process itself can prepare (the filter that
// adopt needs, its own pid in LISTEN_PID) and then becomes the command by exec.
//
// It does so while Go initialises packages, and imports package syscall and little
// else: Go takes packages in the order of their paths, each as soon as those that it
// imports are ready, so that this one comes before nearly all that rota is made of.
// Most of what a worker's start costs is memory that is touched for the first time.
// In another order of packages it would cost more and work as well.
package shim

import (
	"errors"
	"runtime"
	"strconv"
	"syscall"

	"rota/listener/adopt/filter"
)

// Name is argv[0] of rota as the shim. It is followed by: whether to install the
// filter, how many sockets are inherited, how large a file it may write, by how
// much its score is raised, the program's path, its argv. The descriptor after the
// inherited sockets is the socket on which it tells rota how it gets on.
const Name = "rota-launch"

// What the shim tells rota, each a packet: a kind and a text.
const (
	Filter   = 'F' // the filter is in place; its descriptor comes along
	NoFilter = 'N' // why not
	Exec     = 'X' // why the command could not be executed
	Score    = 'S' // why the kernel could not be told whom to kill first
)

// Exit codes that shells give a command which cannot be executed.
const (
	ExitCannotRun = 126
	ExitNotFound  = 127
)

// firstFD is the first inherited descriptor, see sd_listen_fds(3).
const firstFD = 3

func init() {
	if args := arguments(); len(args) > 0 && args[0] == Name {
		become(args)
	}
}

// arguments are those of this process, which package os does not know yet.
func arguments() []string {
	text, err := read("/proc/self/cmdline")
	if err != nil {
		return nil // then there can be no shim either: it is executed from /proc
	}
	var args []string
	for begin, i := 0, 0; i < len(text); i++ {
		if text[i] == 0 {
			args = append(args, string(text[begin:i]))
			begin = i + 1
		}
	}
	return args
}

// become makes this process the worker. It does not return.
func become(args []string) {
	if len(args) < 7 {
		_, _ = syscall.Write(2, []byte("internal error: the shim was started without a command\n"))
		syscall.Exit(ExitCannotRun)
	}
	sockets, _ := strconv.Atoi(args[2])
	control := firstFD + sockets
	fileSize, _ := strconv.ParseUint(args[3], 10, 64)
	score, _ := strconv.Atoi(args[4])
	path, argv := args[5], args[6:]
	syscall.CloseOnExec(control)

	if fileSize > 0 {
		limitFiles(fileSize)
	}
	// The filter is the calling thread's, and so is the exec that keeps it.
	runtime.LockOSThread()
	offer(control, score)
	if args[1] == "true" {
		installFilter(control)
	}
	env := syscall.Environ()
	if sockets > 0 {
		env = append(env, "LISTEN_PID="+strconv.Itoa(syscall.Getpid()))
	}
	err := syscall.Exec(path, argv, env)
	tell(control, Exec, err.Error(), nil)
	if err == syscall.ENOENT {
		syscall.Exit(ExitNotFound)
	}
	syscall.Exit(ExitCannotRun)
}

// limitFiles keeps each file that the command writes below a size, or below the
// limit that there is already, which may not be raised.
func limitFiles(bytes uint64) {
	limit := syscall.Rlimit{Cur: bytes, Max: bytes}
	var had syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_FSIZE, &had) == nil && had.Max < bytes {
		limit = syscall.Rlimit{Cur: had.Max, Max: had.Max}
	}
	_ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit) // lowering it needs no privilege
}

// The score that the kernel adds to a process's own, see proc(5), and the most
// that it takes.
const (
	scoreFile = "/proc/self/oom_score_adj"
	scoreMost = 1000
)

// offer has the kernel prefer the worker to rota. To raise the score takes no
// privilege; where it is refused all the same (gVisor) there is nothing to do.
func offer(control, raise int) {
	if err := raiseScore(raise); err != nil {
		tell(control, Score, err.Error(), nil)
	}
}

func raiseScore(raise int) error {
	text, err := read(scoreFile)
	if err != nil {
		return errors.New("cannot read " + scoreFile + ": " + err.Error())
	}
	for len(text) > 0 && text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	}
	score, err := strconv.Atoi(string(text))
	if err != nil {
		return errors.New("cannot read " + scoreFile + ": " + err.Error())
	}
	if err := write(scoreFile, strconv.Itoa(min(score+raise, scoreMost))); err != nil {
		return errors.New("cannot raise the worker's score: cannot write " + scoreFile + ": " + err.Error())
	}
	if score+raise > scoreMost {
		return errors.New("the kernel may kill rota rather than a worker when memory runs out: rota's oom_score_adj is " + strconv.Itoa(score) +
			", which leaves " + strconv.Itoa(max(0, scoreMost-score)) + " of " + strconv.Itoa(raise) +
			" to put workers above it (Kubernetes gives containers a lower one the more memory they request)")
	}
	return nil
}

func installFilter(control int) {
	fd, err := filter.Install()
	if err != nil {
		tell(control, NoFilter, err.Error(), nil)
		return
	}
	tell(control, Filter, "", syscall.UnixRights(fd))
	syscall.Close(fd)
}

// tell cannot report its own failure: if rota has gone, so will this process.
func tell(control int, kind byte, text string, rights []byte) {
	_ = syscall.Sendmsg(control, append([]byte{kind}, text...), rights, nil, syscall.MSG_NOSIGNAL)
}
