package front

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lot is where idle clients are parked. One goroutine waits for them all, with an
// epoll of its own, and ends with the last. The zero value is not ready for use.
type lot struct {
	leave func(*client) // it has something to read, or has ended, or its time is over

	mu     sync.Mutex
	epoll  int      // a descriptor; valid while file is there
	file   *os.File // of it: Go's poller tells when one of epoll's has something
	parked map[int32]*client
}

// lotCheck is how often it is looked whose time is over.
const lotCheck = time.Second

// park takes a client in, on whose connection nothing may have been said.
func (l *lot) park(k *client) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	raw, err := k.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var added error
	err = raw.Control(func(fd uintptr) {
		id := int32(fd)
		if added = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: id}); added == nil {
			l.parked[id] = k
		}
	})
	if err != nil {
		return err
	}
	return added
}

func (l *lot) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("cannot wait for idle clients: %w", err)
	}
	_ = unix.SetNonblock(fd, true) // or Go does not poll it
	file := os.NewFile(uintptr(fd), "idle clients")
	raw, err := file.SyscallConn()
	if err == nil {
		err = file.SetReadDeadline(time.Now().Add(lotCheck))
	}
	if err != nil {
		file.Close()
		return fmt.Errorf("cannot wait for idle clients: %w", err)
	}
	l.epoll, l.file, l.parked = fd, file, map[int32]*client{}
	go l.wait(file, raw)
	return nil
}

// wait lets clients go until none is left.
func (l *lot) wait(file *os.File, raw syscall.RawConn) {
	events := make([]unix.EpollEvent, 64)
	for empty := false; !empty; {
		n := 0
		late := raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events, 0)
			return n != 0
		})
		var gone []*client
		gone, empty = l.take(events[:max(0, n)], late != nil)
		for _, k := range gone {
			l.leave(k)
		}
	}
}

// take lets those go that something has happened to and, if it is to check, those
// whose time is over. After the last one the lot is closed.
func (l *lot) take(events []unix.EpollEvent, check bool) (gone []*client, empty bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		if k := l.parked[e.Fd]; k != nil {
			l.remove(e.Fd)
			gone = append(gone, k)
		}
	}
	if now := time.Now(); check {
		_ = l.file.SetReadDeadline(now.Add(lotCheck))
		for fd, k := range l.parked {
			if !k.end.IsZero() && !now.Before(k.end) {
				l.remove(fd)
				gone = append(gone, k)
			}
		}
	}
	if len(l.parked) > 0 {
		return gone, false
	}
	l.file.Close()
	l.file = nil
	return gone, true
}

// remove must come before the descriptor is closed, which may be another's then.
func (l *lot) remove(fd int32) {
	delete(l.parked, fd)
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, int(fd), nil)
}
