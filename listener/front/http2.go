package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// http2Link is the way to a worker that speaks HTTP/2 without TLS, which gRPC
// servers do. Only a request that came as HTTP/2 goes there as HTTP/2.
type http2Link struct {
	asking sync.Mutex // held while the worker is asked, which takes time
	tries  int        // to find out, that failed
	known  bool

	mu        sync.Mutex
	transport *http.Transport // nil if the worker does not speak it
}

// mostAsked bounds how often a worker is asked that says neither yes nor no.
const mostAsked = 3

// dialError is a connection to a worker that could not be made.
type dialError struct{ error }

func (e dialError) Unwrap() error { return e.error }

// spoken tells whether the worker speaks HTTP/2, and asks it until that is
// known: there is no other way (RFC 9113, 3.3).
func (h *http2Link) spoken(l *link) bool {
	h.asking.Lock()
	defer h.asking.Unlock()
	if h.known || h.tries == mostAsked {
		return h.transport != nil
	}
	speaks, known := answersPreface(l.dial)
	h.known = known
	if !known {
		h.tries++
	}
	if !speaks {
		return false
	}
	t := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			c, err := l.dial()
			if err != nil {
				return nil, dialError{err}
			}
			return c, nil
		},
		DisableCompression:     true,
		IdleConnTimeout:        longestIdle,
		MaxResponseHeaderBytes: int64(l.maxHeader),
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetUnencryptedHTTP2(true)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.transport = t
	return true
}

// prefacePatience is how long a worker may take to answer the preface; one that
// does not speak HTTP/2 refuses it or waits for the end of a header.
const prefacePatience = time.Second

// answersPreface opens a connection as HTTP/2 (RFC 9113, 3.4) and sees whether
// the worker's first frame is its settings, as it must be. known is false if the
// worker could not be reached or said nothing.
func answersPreface(dial func() (net.Conn, error)) (speaks, known bool) {
	c, err := dial()
	if err != nil {
		return false, false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(prefacePatience))
	settings := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0} // of length 0, type SETTINGS, on stream 0
	if _, err := c.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings...)); err != nil {
		return false, true
	}
	header := make([]byte, 9)
	if _, err := io.ReadFull(c, header); err != nil {
		return false, !errors.Is(err, os.ErrDeadlineExceeded)
	}
	return header[3] == 4 && bytes.Equal(header[5:], []byte{0, 0, 0, 0}), true
}

// retire closes connections that have nothing under way; others are when they
// have been idle for a moment.
func (h *http2Link) retire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.transport != nil {
		h.transport.CloseIdleConnections()
	}
}

// sendHTTP2 gives the request to a worker that speaks HTTP/2. The transport
// sends it again only if the worker said that it has not begun with it.
func (x *exchange) sendHTTP2(out *http.Request, w *worker) (*http.Response, *failure) {
	out.URL.RawQuery = x.request.URL.RawQuery // as it came
	switch {
	case x.body != nil:
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.body)), nil }
		out.Body, _ = out.GetBody()
	case out.ContentLength == 0:
		out.Body = http.NoBody
	default:
		// The transport closes the body of a stream that has failed, and waits for
		// whoever reads it then. The reverse proxy's wrapper would not close it.
		out.Body = &sentBody{ReadCloser: x.request.Body}
	}
	res, err := w.link.http2.transport.RoundTrip(out)
	if err != nil {
		if errors.As(err, new(dialError)) {
			return nil, &failure{reason: FailConnect, err: err, unseen: true}
		}
		return nil, &failure{reason: FailClosed, err: err}
	}
	stream := res.Body
	// While the client still sends, the transport does not see that it is to end.
	stop := context.AfterFunc(out.Context(), func() { stream.Close() })
	x.open = &answerBody{ReadCloser: stream, exchange: x, worker: w, finish: func(bool) {
		stop()
		stream.Close()
	}}
	res.Body = x.open
	return res, nil
}

// sentBody is a client's body on its way to a worker. Before any of it was read,
// closing it means nothing: no connection could be made, and the next worker
// gets it.
type sentBody struct {
	io.ReadCloser
	begun atomic.Bool
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.begun.Store(true)
	return b.ReadCloser.Read(p)
}

func (b *sentBody) Close() error {
	if !b.begun.Load() {
		return nil
	}
	return b.ReadCloser.Close()
}
