package front

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"os"
	"slices"
	"time"

	"golang.org/x/net/http/httpguts"
)

// A small body is read before the request is given to a worker: a client that
// sends slowly then does not occupy one, and the request can be sent again to
// another as long as no worker has seen it. All bodies together are bounded.
const (
	smallBody  = 256 << 10
	allBodies  = 64 << 20
	firstHeld  = 4 << 10
	retryAfter = "1" // seconds: what is shed can be tried again soon, somewhere else at once
)

// ServeHTTP forwards one request.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	x := &exchange{front: f, request: r.WithContext(ctx), cancel: cancel}
	x.answer = Answer{Request: r, Client: clientOf(r), Slot: NoSlot, Began: time.Now(), Kind: KindRequest}
	config := f.config.Load()
	f.retries.earn()
	x.health = config.HealthPath != "" && r.URL.Path == config.HealthPath
	out := &recorder{ResponseWriter: w, front: f}
	defer x.over(out)
	if r.ProtoMajor == 2 {
		if !wellFormed(r) {
			http.Error(out, "the request cannot be written as HTTP/1.1", http.StatusBadRequest)
			return
		}
		out.stalls = http.NewResponseController(w)
		x.request.Body = &streamBody{r.Body, out.stalls}
	}

	if r.Method == http.MethodConnect {
		http.Error(out, "CONNECT is for proxies", http.StatusMethodNotAllowed)
		return
	}
	defer func() { f.bodies.Add(-x.held) }()
	if err := x.hold(); err != nil {
		x.refuse(out, r, &clientError{err})
		return
	}
	if x.streams() && r.ProtoMajor == 1 {
		// The worker may answer before it has got all.
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	x.proxy = httputil.ReverseProxy{
		Rewrite: x.rewrite, Transport: x, ErrorHandler: x.refuse, BufferPool: buffers,
		FlushInterval: flushInterval, ErrorLog: f.log,
	}
	x.proxy.ServeHTTP(out, x.request)
}

// flushInterval bounds how long a part of an answer of known length waits for
// more of it. One of unknown length is passed on as it comes.
const flushInterval = 20 * time.Millisecond

// wellFormed tells whether the request line that an HTTP/1 worker gets of a
// request that came as HTTP/2 is what it says. net/http is lenient there.
func wellFormed(r *http.Request) bool {
	return tokenLen([]byte(r.Method)) == len(r.Method) && targetLen([]byte(r.RequestURI)) == len(r.RequestURI) &&
		httpguts.ValidHostHeader(r.Host)
}

// hold reads a small body whole. Memory is taken as it comes: who only announces
// a body must not keep others from having theirs held.
func (x *exchange) hold() error {
	r := x.request
	n := r.ContentLength
	if n <= 0 || n > smallBody || r.Header.Get("Expect") != "" || x.front.bodies.Load() > allBodies {
		return nil
	}
	body := make([]byte, 0, min(n, firstHeld))
	for int64(len(body)) < n {
		if len(body) == cap(body) {
			body = slices.Grow(body, min(len(body), int(n)-len(body)))
		}
		more := int64(cap(body)) - x.held
		x.held += more
		x.front.bodies.Add(more)
		got, err := r.Body.Read(body[len(body):min(cap(body), int(n))])
		body = body[:len(body)+got]
		if err != nil && int64(len(body)) < n {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	x.body = body
	return nil
}

// refuse answers a request that got no answer from a worker.
func (x *exchange) refuse(w http.ResponseWriter, _ *http.Request, err error) {
	var why shed
	var failed *failure
	var client *clientError
	header := w.Header()
	switch {
	case x.left(err):
		x.answer.Code, x.answer.Error = CodeClientGone, err
		panic(http.ErrAbortHandler)
	case errors.As(err, &why):
		x.answer.Shed, x.answer.Error = why.reason, err
		header.Set("Retry-After", retryAfter)
		http.Error(w, "no worker is free; try again", http.StatusServiceUnavailable)
	case errors.As(err, &client):
		x.answer.Error = err
		header.Set("Connection", "close")
		if errors.Is(err, os.ErrDeadlineExceeded) {
			http.Error(w, "the request's body did not come in time", http.StatusRequestTimeout)
			return
		}
		http.Error(w, "the request's body is malformed", http.StatusBadRequest)
	case errors.Is(err, errCut):
		x.fail(FailEnded, err)
		http.Error(w, "the worker was ended before it had answered", http.StatusBadGateway)
	case errors.As(err, &failed):
		x.fail(failed.reason, failed.err)
		http.Error(w, "the worker gave no valid answer", http.StatusBadGateway)
	case x.answer.Slot == NoSlot: // an upgrade to what is no name of a protocol
		x.answer.Error = err
		http.Error(w, "the request is malformed", http.StatusBadRequest)
	default:
		x.fail(FailMalformed, err)
		http.Error(w, "the worker gave no valid answer", http.StatusBadGateway)
	}
}

// left tells whether the client has gone: its connection ended, or its body did
// before the end.
func (x *exchange) left(err error) bool {
	var client *clientError
	return errors.Is(context.Cause(x.request.Context()), context.Canceled) ||
		errors.As(err, &client) && errors.Is(err, io.ErrUnexpectedEOF)
}

// fail notes what was wrong with the worker's answer.
func (x *exchange) fail(reason string, err error) {
	a := &x.answer
	a.Failure, a.Error = reason, err
	a.Cut = reason == FailClosed || reason == FailTruncated || reason == FailEnded
}

// over tells of a request that is over. It runs while the handler unwinds, also
// when that panics to cut the client's connection.
func (x *exchange) over(out *recorder) {
	if x.open != nil {
		x.open.end(errAbandoned) // an upgraded connection is closed by a goroutine, some time
	}
	a := &x.answer
	if x.upgraded.Load() {
		a.Kind = KindUpgrade
	}
	if a.Code == 0 {
		a.Code = out.code
	}
	if a.Code == 0 { // it panicked before it wrote anything
		a.Code = CodeClientGone
	}
	a.Bytes, a.Duration = out.bytes, time.Since(a.Began)
	x.front.hooks.Answered(*a)
}
