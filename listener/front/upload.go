package front

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// upload is the sending of one request to a worker.
type upload struct {
	expects bool          // the client waits for leave to send the body
	leave   chan struct{} // closed when the worker gives it
	ended   chan struct{} // closed when all was sent, or that failed
	err     error         // why it failed; to be read after ended
	written int64         // bytes of it, before it failed
	inline  bool          // it was sent at once
	held    []byte        // the body that was read meanwhile, if that is all of it
}

// inline is how much is sent before the answer is waited for: it fits into any
// socket's buffer, so that writing it never waits for the worker.
const inline = 8 << 10

// mostHeld is how much of a body of unknown length is kept while it is sent, so
// that it can be sent again if nobody has seen it.
const mostHeld = 16 << 10

// expectPatience is how long the worker's leave to send a body is waited for,
// which a server need not give (RFC 9110, 10.1.1).
const expectPatience = time.Second

// over is the end of an upload that was sent at once.
var over = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// upload begins to send a request. What is not sent at once is sent by a
// goroutine of its own, since the worker may answer meanwhile.
func (c *conn) upload(x *exchange, out *http.Request) *upload {
	if c.out == nil {
		c.out = make([]byte, 0, 1<<10)
	}
	message := append(head(c.out[:0], x, out), x.body...)
	if !x.streams() && len(message) <= inline {
		c.out = message
		u := &upload{inline: true, ended: over}
		u.write(c, message)
		return u
	}
	u := &upload{ended: make(chan struct{})}
	if x.streams() {
		u.expects = out.Header.Get("Expect") != ""
		u.leave = make(chan struct{})
	}
	c.out = nil // it is the goroutine's
	go func() {
		defer close(u.ended)
		if u.write(c, message); u.err == nil && x.streams() {
			u.stream(c, x, out)
		}
	}()
	return u
}

func (u *upload) write(c *conn, p []byte) {
	var n int
	n, u.err = c.Conn.Write(p)
	u.written += int64(n)
}

// stream sends a body as it comes in. Where the client fails, so does the
// exchange: the worker must not take a part for the whole.
func (u *upload) stream(c *conn, x *exchange, out *http.Request) {
	if u.expects {
		select {
		case <-u.leave:
		case <-time.After(expectPatience):
		case <-out.Context().Done():
			return
		}
	}
	chunked := out.ContentLength < 0
	buffer := buffers.Get()
	defer buffers.Put(buffer)
	held := []byte{}
	for {
		n, err := out.Body.Read(buffer)
		if held != nil && len(held)+n <= mostHeld {
			held = append(held, buffer[:n]...)
		} else {
			held = nil
		}
		if n > 0 && u.err == nil {
			if chunked {
				u.chunk(c, buffer[:n])
			} else {
				u.write(c, buffer[:n])
			}
		}
		if u.err != nil {
			return
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			x.cancel(&clientError{err})
			u.err = err
			return
		}
	}
	if chunked {
		u.write(c, lastChunk(x.request.Trailer))
	}
	if len(x.request.Trailer) == 0 {
		u.held = held
	}
}

func (u *upload) chunk(c *conn, p []byte) {
	size := append(strconv.AppendInt(nil, int64(len(p)), 16), "\r\n"...)
	parts := net.Buffers{size, p, []byte("\r\n")}
	n, err := parts.WriteTo(c.Conn)
	u.written, u.err = u.written+n, err
}

func lastChunk(trailer http.Header) []byte {
	return append(fields([]byte("0\r\n"), trailer), "\r\n"...)
}

// complete tells whether all was sent.
func (u *upload) complete() bool {
	select {
	case <-u.ended:
		return u.err == nil
	default:
		return false
	}
}

// whole is the body that was sent, if all of it was read and is in memory; else nil.
func (u *upload) whole() []byte {
	if !u.complete() {
		return nil
	}
	return u.held
}

// clientError is a client that did not send its request as announced.
type clientError struct{ err error }

func (e *clientError) Error() string { return fmt.Sprintf("cannot read the request's body: %v", e.err) }
func (e *clientError) Unwrap() error { return e.err }

// head adds the beginning of a request as the worker gets it.
func head(b []byte, x *exchange, out *http.Request) []byte {
	b = append(append(append(b, out.Method...), ' '), target(x.request)...)
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), out.Host...), "\r\n"...)
	b = fields(b, out.Header)
	switch {
	case out.ContentLength < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
		for name := range x.request.Trailer {
			b = append(append(append(b, "Trailer: "...), name...), "\r\n"...)
		}
	case out.ContentLength > 0 || len(x.request.Header["Content-Length"]) > 0:
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), out.ContentLength, 10), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// fields adds header fields, but for those that say how the message is framed:
// the front frames it anew.
func fields(b []byte, h http.Header) []byte {
	for name, values := range h {
		switch name {
		case "Content-Length", "Transfer-Encoding", "Host", "Trailer":
			continue
		case "User-Agent": // what the reverse proxy sets where the client sent none
			if len(values) == 1 && values[0] == "" {
				continue
			}
		}
		for _, v := range values {
			b = append(append(append(append(b, name...), ": "...), v...), "\r\n"...)
		}
	}
	return b
}

// buffers hold a part of a body.
var buffers = &bufferPool{sync.Pool{New: func() any { return new([32 << 10]byte) }}}

// bufferPool is a httputil.BufferPool.
type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) Get() []byte  { return p.pool.Get().(*[32 << 10]byte)[:] }
func (p *bufferPool) Put(b []byte) { p.pool.Put((*[32 << 10]byte)(b)) }
