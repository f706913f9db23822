package listener

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// hasAccepted tells whether a process has a connection open that came in on one
// of the ports, by looking at copies of its sockets. That takes microseconds, so
// it also finds connections that last for less than a millisecond; a container
// may refuse it (pidfd_getfd), and then finds none.
func hasAccepted(pid int, ports map[uint16]bool) bool {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(pidfd)
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || SocketInode(dir+"/"+e.Name()) == 0 {
			continue
		}
		dup, err := unix.PidfdGetfd(pidfd, fd, 0)
		if err != nil {
			if err == unix.EBADF {
				continue // closed meanwhile
			}
			return false
		}
		accepted := connectedTo(dup, ports)
		unix.Close(dup)
		if accepted {
			return true
		}
	}
	return false
}

// connectedTo tells whether a socket is a connection with one of the ports on
// its own end.
func connectedTo(fd int, ports map[uint16]bool) bool {
	if _, err := unix.Getpeername(fd); err != nil {
		return false
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return false
	}
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		return ports[uint16(n.Port)]
	case *unix.SockaddrInet6:
		return ports[uint16(n.Port)]
	}
	return false
}
