package front

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a connection to a worker.
type conn struct {
	net.Conn
	local      netip.AddrPort
	in         *bufio.Reader
	out        []byte // what the last request was written into, for the next
	maxHeader  int
	budget     int // bytes that a header may still have; negative while a body is read
	reused     bool
	idleSince  time.Time
	idleFor    time.Duration // before it was taken again
	unaccepted atomic.Bool   // the worker has gone without accepting it
	closed     sync.Once

	raw   syscall.RawConn
	look  func(fd uintptr) // what raw runs to peek, made once
	state peeked
}

// peeked is what a look at the incoming side of a connection finds.
type peeked int

const (
	nothingYet peeked = iota
	something
	ended // the other side has closed it
)

func newConn(raw net.Conn, maxHeader int) *conn {
	c := &conn{Conn: raw, maxHeader: maxHeader, budget: -1}
	c.in = bufio.NewReader(c)
	if tcp, ok := raw.LocalAddr().(*net.TCPAddr); ok {
		c.local = plain(tcp.AddrPort())
	}
	if sc, ok := raw.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn()
		c.look = c.lookAt
	}
	return c
}

var errHeaderTooLarge = errors.New("the header of its answer is too large")

// Read reads from the worker. A header must not be longer than allowed.
func (c *conn) Read(p []byte) (int, error) {
	if c.budget == 0 {
		return 0, errHeaderTooLarge
	}
	if c.budget > 0 && len(p) > c.budget {
		p = p[:c.budget]
	}
	n, err := c.Conn.Read(p)
	if c.budget > 0 {
		c.budget -= n
	}
	return n, err
}

// expectHeader limits what is read next; expectBody lifts that.
func (c *conn) expectHeader() { c.budget = max(1, c.maxHeader-c.in.Buffered()) }
func (c *conn) expectBody()   { c.budget = -1 }

// peek looks whether something has come in, or the end, without waiting.
func (c *conn) peek() peeked {
	if c.in.Buffered() > 0 {
		return something
	}
	if c.raw == nil || c.raw.Control(c.look) != nil {
		return ended
	}
	return c.state
}

func (c *conn) lookAt(fd uintptr) { c.state = peekAt(fd) }

// peekAt looks at the incoming side of a socket.
func peekAt(fd uintptr) peeked {
	for {
		var first [1]byte
		n, _, err := unix.Recvfrom(int(fd), first[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return nothingYet
		case err != nil || n == 0:
			return ended
		default:
			return something
		}
	}
}

// alive tells whether a kept connection may be used: the worker has neither
// closed it nor sent something that nobody asked for.
func (c *conn) alive() bool { return c.peek() == nothingYet }

// deaf tells whether the worker had closed a connection before it got what was
// sent on it last, in one piece: reading has shown the worker's end, and that
// end did not acknowledge the piece. A worker that reads a request and then
// closes acknowledges it at the latest with that.
func (c *conn) deaf() (deaf bool) {
	if c.raw == nil {
		return false
	}
	err := c.raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		// A reset empties the queue, but leaves the counts; that of what was
		// acknowledged includes the SYN.
		deaf = err == nil && (info.Unacked > 0 || info.State == unix.BPF_TCP_CLOSE && info.Bytes_acked <= info.Bytes_sent)
	})
	return deaf && err == nil
}

// acknowledge tells the worker at once what has arrived. A server that writes the
// header and the body of an answer apart, without TCP_NODELAY, holds the body
// back until the header is acknowledged, and the kernel would wait for 40 ms
// with that (tcp(7), TCP_QUICKACK).
func (c *conn) acknowledge() {
	if c.raw != nil {
		_ = c.raw.Control(quickAck)
	}
}

func quickAck(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
}

// Close may be called more than once and by anybody.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.closed.Do(func() { err = c.Conn.Close() })
	return err
}
