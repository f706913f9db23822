package front

import (
	"net"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"
)

// To net/http an idle connection is a goroutine with the stack that its last
// request needed, and two buffers: some 20 KiB. One on which nothing was said
// for a while is parked: net/http is told that it has ended, and a goroutine that
// does nothing else waits for what the client says next. With that, net/http gets
// it as a new one.

// parkAfter is how long a client says nothing before its connection is parked.
// Parking and the way back cost about as much as half a request.
const parkAfter = time.Second

// park keeps a connection that net/http takes for closed.
func (f *Front) park(c *clientConn) {
	c.mu.Lock()
	end := c.read.asked
	c.mu.Unlock()
	_ = c.Conn.SetReadDeadline(end)
	go f.parked(c.client, end)
	f.thrift.parked()
}

// parked waits for a client to say something, until its time is over.
func (f *Front) parked(k *client, end time.Time) {
	if awaitBytes(k.conn) != nil {
		f.clients.remove(k)
		k.conn.Close()
		return
	}
	k.turn(true) // as if it was accepted now
	c := f.newClientConn(k.conn)
	c.client, c.framing.state, c.read.armed = k, atRequest, end
	_ = f.server.Serve(&single{c, false}) // it ends when that has been taken
}

// awaitBytes waits until there is something to read.
func awaitBytes(conn net.Conn) error {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	state := nothingYet
	err = raw.Read(func(fd uintptr) bool {
		state = peekAt(fd)
		return state != nothingYet
	})
	if state == ended {
		return net.ErrClosed
	}
	return err
}

// single is a listener of one connection.
type single struct {
	conn  net.Conn
	taken bool
}

func (s *single) Accept() (net.Conn, error) {
	if s.taken {
		return nil, net.ErrClosed
	}
	s.taken = true
	return s.conn, nil
}

func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }

// Close leaves the connection to who has taken it.
func (s *single) Close() error { return nil }

// thrift gives memory back to the system that many connections have left behind,
// once no more of them are parked. The collector would not come by while nothing
// is asked for.
type thrift struct{ count atomic.Int64 }

// It is worth the collector's work where some 10 MiB were left behind.
const (
	thriftLeast = 1000 // connections
	thriftCheck = 500 * time.Millisecond
)

func (t *thrift) parked() {
	if n := t.count.Add(1); n == thriftLeast {
		time.AfterFunc(thriftCheck, func() { t.check(n) })
	}
}

// check gives back if hardly any connection was parked since there were so many.
func (t *thrift) check(before int64) {
	if n := t.count.Load(); n-before > thriftLeast/10 {
		time.AfterFunc(thriftCheck, func() { t.check(n) })
		return
	}
	t.count.Store(0)
	runtime.GC() // what is in a sync.Pool outlives one run of the collector
	debug.FreeOSMemory()
}
