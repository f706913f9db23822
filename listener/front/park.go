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
// for a while is parked: net/http is told that it has ended, and gets it as a new
// one as soon as the client says something.

// parkAfter is how long a client says nothing before its connection is parked.
// Parking and the way back cost about as much as half a request.
const parkAfter = time.Second

// park keeps a connection that net/http takes for closed.
func (f *Front) park(c *clientConn) {
	k := c.client
	c.mu.Lock()
	k.end = c.read.asked
	c.mu.Unlock()
	if f.lot.park(k) != nil {
		f.unpark(k) // out of descriptors: who is idle goes first
		return
	}
	f.thrift.parked()
}

// unpark is for a client of the lot that has said something, or has left, or has
// been silent for too long. A request may have come in that very moment.
func (f *Front) unpark(k *client) {
	if incoming(k.conn) == something {
		f.serve(k)
		return
	}
	f.clients.remove(k)
	k.conn.Close()
}

// serve gives a client's connection to net/http once more.
func (f *Front) serve(k *client) {
	k.turn(true) // as if it was accepted now
	c := f.newClientConn(k.conn)
	c.client, c.framing.state = k, atRequest
	_ = f.server.Serve(&single{c, false}) // it ends when that has been taken
}

// incoming looks at what a connection has to read.
func incoming(conn net.Conn) (state peeked) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil || raw.Control(func(fd uintptr) { state = peekAt(fd) }) != nil {
		return ended
	}
	return state
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
