package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// http2Link is the way to a worker that speaks HTTP/2 without TLS, which gRPC
// servers do. Only a request that came as HTTP/2 goes there as HTTP/2.
type http2Link struct {
	asked     sync.Once
	mu        sync.Mutex
	transport *http.Transport // nil if the worker does not speak it
}

// spoken tells whether the worker speaks HTTP/2, and asks it the first time:
// there is no other way to know (RFC 9113, 3.3).
func (h *http2Link) spoken(dial func() (net.Conn, error)) bool {
	h.asked.Do(func() {
		if !answersPreface(dial) {
			return
		}
		t := &http.Transport{
			DialContext:        func(context.Context, string, string) (net.Conn, error) { return dial() },
			DisableCompression: true,
			IdleConnTimeout:    longestIdle,
			Protocols:          new(http.Protocols),
		}
		t.Protocols.SetUnencryptedHTTP2(true)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.transport = t
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.transport != nil
}

// prefacePatience is how long a worker may take to answer the preface; one that
// does not speak HTTP/2 refuses it or waits for the end of a header.
const prefacePatience = time.Second

// answersPreface opens a connection as HTTP/2 (RFC 9113, 3.4) and sees whether
// the worker's first frame is its settings, as it must be.
func answersPreface(dial func() (net.Conn, error)) bool {
	c, err := dial()
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(prefacePatience))
	settings := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0} // of length 0, type SETTINGS, on stream 0
	if _, err := c.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings...)); err != nil {
		return false
	}
	header := make([]byte, 9)
	if _, err := io.ReadFull(c, header); err != nil {
		return false
	}
	return header[3] == 4 && bytes.Equal(header[5:], []byte{0, 0, 0, 0})
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
	if x.body != nil {
		out.Body = io.NopCloser(bytes.NewReader(x.body))
	} else {
		// The transport closes the body of a stream that has failed, and waits for
		// whoever reads it then. The reverse proxy's wrapper would not close it.
		out.Body = x.request.Body
	}
	res, err := w.link.http2.transport.RoundTrip(out)
	if err != nil {
		reason := FailClosed
		if op := new(net.OpError); errors.As(err, &op) && op.Op == "dial" {
			reason = FailConnect
		}
		return nil, &failure{reason: reason, err: err, unseen: reason == FailConnect}
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
