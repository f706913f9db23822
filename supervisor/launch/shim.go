package launch

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"rota/listener"
	"rota/listener/adopt"
)

// shimName is argv[0] of rota as the shim, followed by: whether to install the
// filter, how many sockets are inherited, how large a file it may write, by how
// much its score is raised, the program's path, its argv.
const shimName = "rota-launch"

// What the shim tells rota, each a packet: a kind and a text.
const (
	msgFilter   = 'F' // the filter is in place; its descriptor comes along
	msgNoFilter = 'N' // why not
	msgExec     = 'X' // why the command could not be executed
	msgScore    = 'S' // why the kernel could not be told whom to kill first
)

// Exit codes that shells give a command which cannot be executed.
const (
	ExitCannotRun = 126
	ExitNotFound  = 127
)

// IsShim tells whether this process was started to become a worker.
func IsShim() bool { return len(os.Args) > 0 && os.Args[0] == shimName }

// Shim becomes the worker. It does not return.
func Shim() {
	if len(os.Args) < 7 {
		fmt.Fprintln(os.Stderr, "internal error: the shim was started without a command")
		os.Exit(ExitCannotRun)
	}
	sockets, _ := strconv.Atoi(os.Args[2])
	control := listener.FirstFD + sockets
	fileSize, _ := strconv.ParseUint(os.Args[3], 10, 64)
	score, _ := strconv.Atoi(os.Args[4])
	path, argv := os.Args[5], os.Args[6:]
	unix.CloseOnExec(control)

	if fileSize > 0 {
		limitFiles(fileSize)
	}
	// The filter is the calling thread's, and so is the exec that keeps it.
	runtime.LockOSThread()
	offer(control, score)
	if os.Args[1] == "true" {
		installFilter(control)
	}
	env := os.Environ()
	if sockets > 0 {
		env = append(env, "LISTEN_PID="+strconv.Itoa(os.Getpid()))
	}
	err := syscall.Exec(path, argv, env)
	tell(control, msgExec, err.Error(), nil)
	if errors.Is(err, syscall.ENOENT) {
		os.Exit(ExitNotFound)
	}
	os.Exit(ExitCannotRun)
}

// limitFiles keeps each file that the command writes below a size, or below the
// limit that there is already, which may not be raised.
func limitFiles(bytes uint64) {
	limit := unix.Rlimit{Cur: bytes, Max: bytes}
	var had unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_FSIZE, &had) == nil && had.Max < bytes {
		limit = unix.Rlimit{Cur: had.Max, Max: had.Max}
	}
	_ = unix.Setrlimit(unix.RLIMIT_FSIZE, &limit) // lowering it needs no privilege
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
		tell(control, msgScore, err.Error(), nil)
	}
}

func raiseScore(raise int) error {
	text, err := os.ReadFile(scoreFile)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", scoreFile, err)
	}
	score, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", scoreFile, err)
	}
	if score >= scoreMost {
		return nil
	}
	if err := os.WriteFile(scoreFile, []byte(strconv.Itoa(min(score+raise, scoreMost))), 0); err != nil {
		return fmt.Errorf("cannot raise the worker's score: %w", err)
	}
	return nil
}

func installFilter(control int) {
	fd, err := adopt.Install()
	if err != nil {
		tell(control, msgNoFilter, err.Error(), nil)
		return
	}
	tell(control, msgFilter, "", unix.UnixRights(fd))
	unix.Close(fd)
}

// tell cannot report its own failure: if rota has gone, so will this process.
func tell(control int, kind byte, text string, rights []byte) {
	_ = unix.Sendmsg(control, append([]byte{kind}, text...), rights, nil, unix.MSG_NOSIGNAL)
}
