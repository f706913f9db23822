package front

import (
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// linger is how long a client that says nothing may stay once the front closes.
// One that is in the middle of its work will have sent its next request by then,
// and was told with the answer to go.
const (
	linger      = time.Second
	lingerCheck = 20 * time.Millisecond
)

// Close takes no new connections and asks kept ones to go with their next
// answer. done is called once no client is left and no worker has anything in
// its hands; a worker's upgraded connections are for Cut to end.
func (f *Front) Close(done func()) {
	f.closing.Store(true)
	f.mu.Lock()
	sockets := f.sockets
	f.mu.Unlock()
	for _, s := range sockets {
		s.stop()
	}
	go func() {
		defer done()
		for _, s := range sockets {
			<-s.ended
		}
		tick := time.NewTicker(lingerCheck)
		defer tick.Stop()
		for began := time.Now(); f.clients.count() > 0 || f.dispatch.busy(); {
			now := <-tick.C
			f.clients.closeIdle(began, now.Add(-linger))
		}
	}()
}

// connState follows the clients' connections.
func (f *Front) connState(c net.Conn, state http.ConnState) {
	clientState(c, state)
	f.clients.note(c, state)
}

// socket is a listening socket that can be stopped without losing whoever waits
// in its queue.
type socket struct {
	net.Listener
	ours  bool
	ended chan struct{} // closed when it accepts no more
	short func(error)
}

// stop makes Accept return what is in the queue, and then end.
func (s *socket) stop() {
	if l, ok := s.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		_ = l.SetDeadline(time.Unix(1, 0))
	}
}

// acceptPause is how long accepting waits for what is short: descriptors, or
// memory of the kernel.
const acceptPause = 50 * time.Millisecond

// Accept waits for a client. Nothing ends it but stop: who waits in the queue is
// still there when what is short has come back.
func (s *socket) Accept() (net.Conn, error) {
	for {
		c, err := s.Listener.Accept()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c, err = s.last()
		}
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, errQueueEmpty), errors.Is(err, net.ErrClosed), errors.Is(err, unix.EINVAL): // EINVAL: it was shut
			s.Listener.Close()
			close(s.ended)
			return nil, http.ErrServerClosed
		}
		s.short(err)
		<-time.After(acceptPause)
	}
}

// shortPause is how often it is told that clients cannot be accepted.
const shortPause = time.Minute

// short tells why clients wait in the queue although rota would take them.
func (f *Front) short(err error) {
	last, now := f.lacked.Load(), time.Now().UnixNano()
	if f.hooks.Short != nil && now-last >= int64(shortPause) && f.lacked.CompareAndSwap(last, now) {
		f.hooks.Short(err)
	}
}

var errQueueEmpty = errors.New("nobody waits any more")

// last takes what is left in the queue. The socket is shut when that is empty:
// a copy of it would go on taking connections that nobody serves.
func (s *socket) last() (net.Conn, error) {
	if !s.ours {
		return nil, errQueueEmpty
	}
	raw, err := s.Listener.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, net.ErrClosed
	}
	fd := -1
	if raw.Control(func(listening uintptr) {
		fd, _, err = unix.Accept4(int(listening), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == unix.EAGAIN {
			err = errQueueEmpty
			_ = unix.Shutdown(int(listening), unix.SHUT_RDWR)
		}
	}) != nil {
		return nil, net.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "client")
	defer file.Close()
	return net.FileConn(file)
}
