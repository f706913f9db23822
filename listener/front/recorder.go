package front

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// recorder passes an answer on to the client and notes what it was.
type recorder struct {
	http.ResponseWriter
	front  *Front
	stalls *http.ResponseController // for HTTP/2, whose streams stall one by one; else nil
	code   int
	bytes  int64
}

// Unwrap lets http.ResponseController find what the recorder does not have.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(code int) {
	h := r.Header()
	if code < 200 && code != http.StatusSwitchingProtocols {
		r.ResponseWriter.WriteHeader(code)
		return
	}
	r.code = code
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // net/http would guess one
	}
	if r.front.closing.Load() && code != http.StatusSwitchingProtocols {
		h.Set("Connection", "close")
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.code == 0 {
		r.WriteHeader(http.StatusOK)
	}
	r.arm()
	defer r.disarm()
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// FlushError passes on what was written so far.
func (r *recorder) FlushError() error {
	r.arm()
	defer r.disarm()
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// arm and disarm bound how long a client may take nothing of its answer.
func (r *recorder) arm() {
	if r.stalls != nil {
		_ = r.stalls.SetWriteDeadline(time.Now().Add(writeStall))
	}
}

func (r *recorder) disarm() {
	if r.stalls != nil {
		_ = r.stalls.SetWriteDeadline(time.Time{})
	}
}

// streamBody is the body of a request on a stream of HTTP/2. A client may not
// send nothing of it for ever.
type streamBody struct {
	io.ReadCloser
	stalls *http.ResponseController
}

func (b *streamBody) Read(p []byte) (int, error) {
	_ = b.stalls.SetReadDeadline(time.Now().Add(bodyStall))
	n, err := b.ReadCloser.Read(p)
	_ = b.stalls.SetReadDeadline(time.Time{})
	return n, err
}

// Hijack takes the connection over for another protocol. What the client sent
// right behind its request belongs to that.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	r.code = http.StatusSwitchingProtocols
	if rw.Reader.Buffered() > 0 {
		c = &hijacked{c, rw.Reader}
	}
	return c, rw, nil
}

// hijacked is a client's connection of which some bytes were read already.
type hijacked struct {
	net.Conn
	in *bufio.Reader
}

func (h *hijacked) Read(p []byte) (int, error) { return h.in.Read(p) }

// CloseWrite tells the client that no more will come.
func (h *hijacked) CloseWrite() error {
	if c, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
