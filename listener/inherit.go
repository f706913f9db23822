package listener

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// FirstFD is the first descriptor that a process inherits sockets at, see
// sd_listen_fds(3).
const FirstFD = 3

// Inherited are the descriptors that rota itself was started with by socket
// activation: LISTEN_FDS of them from FirstFD, if LISTEN_PID names this process.
func Inherited() []int {
	if pid, err := strconv.Atoi(os.Getenv("LISTEN_PID")); err != nil || pid != os.Getpid() {
		return nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n < 1 {
		return nil
	}
	fds := make([]int, n)
	for i := range fds {
		fds[i] = FirstFD + i
	}
	return fds
}

// Environ is what tells a worker about the sockets that it inherits, in order,
// from FirstFD: systemd's variables but for LISTEN_PID, which is the worker's
// own pid and set by the worker itself; Einhorn's; and those of Server::Starter.
func Environ(sockets []*Socket) []string {
	if len(sockets) == 0 {
		return nil
	}
	names := make([]string, len(sockets))
	starter := make([]string, len(sockets))
	env := []string{"LISTEN_FDS=" + strconv.Itoa(len(sockets)), "EINHORN_FD_COUNT=" + strconv.Itoa(len(sockets))}
	for i, s := range sockets {
		fd := FirstFD + i
		names[i] = "rota"
		env = append(env, fmt.Sprintf("EINHORN_FD_%d=%d", i, fd))
		switch a := s.Address(); {
		case a.Family == Unix:
			starter[i] = fmt.Sprintf("%s=%d", a.Path, fd)
		case a.Wildcard():
			starter[i] = fmt.Sprintf("%d=%d", a.Port, fd)
		default:
			starter[i] = fmt.Sprintf("%s=%d", a, fd)
		}
	}
	return append(env, "LISTEN_FDNAMES="+strings.Join(names, ":"), "SERVER_STARTER_PORT="+strings.Join(starter, ";"))
}
