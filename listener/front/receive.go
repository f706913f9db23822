package front

import (
	"errors"
	"io"
	"net/http"
	"syscall"
)

// mostInterim bounds the interim answers (1xx) before the final one.
const mostInterim = 100

var (
	errClosed   = errors.New("it closed the connection without an answer")
	errNotHTTP  = errors.New("what it sent is not HTTP")
	errInterims = errors.New("it sent interim answers without end")
)

// receive reads the beginning of the final answer.
func (c *conn) receive(out *http.Request, u *upload) (*http.Response, error) {
	left := u.leave != nil
	for range mostInterim {
		c.expectHeader()
		first, err := c.in.Peek(1)
		if err != nil {
			return nil, errors.Join(errClosed, err)
		}
		if begin, _ := c.in.Peek(min(2, c.in.Buffered())); first[0] < ' ' && LooksLikeTLS(begin) {
			return nil, ErrTLS
		}
		res, err := http.ReadResponse(c.in, out)
		if errors.Is(err, errHeaderTooLarge) {
			return nil, err
		}
		if err != nil {
			return nil, errors.Join(errNotHTTP, err)
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			c.expectBody()
			if res.Body != http.NoBody && (res.ContentLength < 0 || res.ContentLength > int64(c.in.Buffered())) {
				c.acknowledge()
			}
			if c.refusedPlain(res) {
				return nil, ErrTLS
			}
			return res, nil
		}
		if res.StatusCode != http.StatusContinue || u.expects {
			passOn(out, res)
		}
		if res.StatusCode == http.StatusContinue && left {
			left = false
			close(u.leave)
		}
	}
	return nil, errInterims
}

// refusedPlain tells whether the answer is that of a Go server which wants TLS.
func (c *conn) refusedPlain(res *http.Response) bool {
	if res.StatusCode != http.StatusBadRequest || res.ProtoMinor != 0 || len(res.Header) > 0 {
		return false
	}
	got, _ := c.in.Peek(100)
	return MentionsTLS(got)
}

// The end of a connection tells what became of a request on it. An end (EOF, or
// EPIPE where a reset came behind it) that did not acknowledge the request was
// sent before the worker could see it. A reset alone says only that the worker
// had not read all, or did not want to close in order.

// explain says what a missing answer means for the request.
func (c *conn) explain(err error, u *upload) *failure {
	f := &failure{reason: FailMalformed, err: err}
	switch {
	case errors.Is(err, ErrTLS):
		f.reason = FailTLS
	case errors.Is(err, errHeaderTooLarge):
		f.reason = FailHeader
	case errors.Is(err, errClosed):
		f.reason = FailClosed
		f.rescued = c.unaccepted.Load()
		f.unseen = f.rescued || u.nothing() ||
			u.inline && (errors.Is(err, io.EOF) && c.deaf() || errors.Is(err, syscall.EPIPE))
		// A server that closes an idle connection may have what came meanwhile in
		// its hands, unread. One that was in use a moment ago is closed for a
		// reason: the request may be it.
		f.stale = c.reused && (c.idleFor > youngestIdle || reset(err))
	}
	return f
}

// nothing tells whether no byte of the request was sent.
func (u *upload) nothing() bool {
	select {
	case <-u.ended:
		return u.written == 0
	default:
		return false
	}
}

// reset tells whether a connection was torn down rather than closed: the other
// end was closed already, or had not read all that it got.
func reset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
