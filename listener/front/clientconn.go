package front

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// For how long a client may keep rota waiting; nginx's send_timeout and
// client_body_timeout.
const (
	writeStall = 60 * time.Second // without taking a byte of its answer
	bodyStall  = 60 * time.Second // without sending a byte of a body that is read
)

// stallParts is into how many parts a write divides its time, to see in which
// of them nothing went out. A client is given up after one part more at most.
const stallParts = 4

// clientListener wraps what it accepts into a clientConn.
type clientListener struct {
	net.Listener
	writeStall, bodyStall time.Duration // 0 for the usual
	front                 *Front        // that has the connections; nil for none
}

func (l *clientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := l.front.newClientConn(conn)
	if l.writeStall > 0 {
		c.writeStall = l.writeStall
	}
	if l.bodyStall > 0 {
		c.bodyStall = l.bodyStall
	}
	return c, nil
}

// newClientConn is for a connection that net/http is to serve. The front may be nil.
func (f *Front) newClientConn(conn net.Conn) *clientConn {
	c := &clientConn{Conn: conn, framing: newFraming(), writeStall: writeStall, bodyStall: bodyStall}
	if f != nil {
		c.refused, c.park = f.refused, f.park
	}
	return c
}

// clientConn is a client's connection under net/http's server. What is read is
// checked by framing, and a client that stalls a write or a body is given up.
//
// It has no ReadFrom: a copy in the kernel would have one deadline for all of
// it, and httputil.ReverseProxy does not use it.
type clientConn struct {
	net.Conn
	framing framing
	failed  error // what every Read returns from here on
	tunnel  atomic.Bool
	refused func(c net.Conn, status int) // see refusal; nil once it was
	client  *client                      // what the front notes of it
	park    func(*clientConn)            // keeps it while it is idle; nil if nobody does
	idled   bool                         // net/http was told that it has ended, since it is idle

	writeStall, bodyStall time.Duration

	mu    sync.Mutex // of the deadlines, which net/http sets from several goroutines
	read  readDeadline
	write deadline
}

// clientState is for http.Server.ConnState: a connection that a handler has
// taken over is not HTTP any more.
func clientState(c net.Conn, state http.ConnState) {
	if c, ok := c.(*clientConn); ok && state == http.StateHijacked {
		c.passthrough()
	}
}

// passthrough makes it a plain connection, when it was upgraded. Nothing may be
// read meanwhile; net/http sees to that in Hijack.
func (c *clientConn) passthrough() {
	c.framing.passthrough()
	c.tunnel.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write.ask(c.write.asked)
	c.Conn.SetReadDeadline(c.read.asked)
	c.Conn.SetWriteDeadline(c.write.asked)
}

// Read reads what the client sent, as far as it may be understood in one way
// only. From there on it returns a framingError.
func (c *clientConn) Read(p []byte) (int, error) {
	if c.tunnel.Load() && c.failed == nil {
		return c.Conn.Read(p)
	}
	// While a handler is at work and its request was read to the end, net/http
	// waits with one byte of space for the client to leave. An offence in the next
	// request must not look like that, or it would end the handler.
	watching := len(p) == 1 && c.framing.begun && !c.tunnel.Load()
	if c.failed != nil && watching {
		return c.discard()
	}
	if c.failed != nil {
		return 0, c.failed
	}
	body := c.framing.inBody() && !watching
	idle := c.park != nil && c.framing.idle() && !watching
	var limit time.Duration
	switch {
	case body:
		limit = c.bodyStall
	case idle:
		limit = parkAfter
	}
	n, err := c.readChecked(p, limit)
	switch {
	case idle && c.stayed(n, err):
		c.idled = true
		return 0, io.EOF
	case err == nil:
		return n, nil
	case errors.As(err, new(framingError)):
		c.failed = err
		if n > 0 {
			return n, nil
		}
		if watching {
			return c.discard()
		}
	case body:
		// After a body that failed net/http may take the rest of it for a request.
		c.failed = err
	}
	return n, err
}

// readChecked reads once, but of the preface of HTTP/2 all: its first line is a
// request to net/http, and must not reach it alone.
func (c *clientConn) readChecked(p []byte, limit time.Duration) (n int, err error) {
	for {
		m, err := c.readWithin(p[n:], limit)
		held := c.framing.undecided()
		passed, refused := c.framing.check(p[n : n+m])
		if refused != nil && held {
			return 0, refused
		}
		n += passed
		if refused != nil {
			return n, refused
		}
		if err != nil || n == len(p) || !c.framing.undecided() {
			return n, err
		}
	}
}

// discard waits until the client leaves.
func (c *clientConn) discard() (int, error) {
	for p := make([]byte, 4096); ; {
		if _, err := c.readWithin(p, 0); err != nil {
			return 0, err
		}
	}
}

// Write writes all of p, however long that takes, unless the client takes
// nothing for too long. Then what is on the way is dropped, so that the kernel
// does not keep it for a client that may never ask for it.
func (c *clientConn) Write(p []byte) (n int, err error) {
	if c.tunnel.Load() {
		return c.Conn.Write(p)
	}
	if code := refusal(p); code != 0 && c.refused != nil {
		c.refused(c.Conn, code)
		c.refused = nil
	}
	for idle := 0; ; {
		c.armWrite()
		m, err := c.Conn.Write(p[n:])
		n += m
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.writeAsked() {
			return n, err
		}
		if idle++; m > 0 {
			idle = 0
		}
		if idle == stallParts {
			if tcp, ok := c.Conn.(*net.TCPConn); ok {
				tcp.SetLinger(0)
			}
			return n, err
		}
	}
}

// Close is net/http's. A connection that is only idle is not closed.
func (c *clientConn) Close() error {
	if c.idled {
		c.park(c)
		return nil
	}
	return c.Conn.Close()
}

// CloseWrite tells the client that nothing more will come. net/http does so
// before it closes a connection that it has not read to the end.
func (c *clientConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
