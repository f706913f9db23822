package front

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"os"
	"time"
)

// A small body is read before the request is given to a worker: a client that
// sends slowly then does not occupy one, and the request can be sent again to
// another as long as no worker has seen it. All bodies together are bounded.
const (
	smallBody  = 256 << 10
	allBodies  = 64 << 20
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
	out := &recorder{ResponseWriter: w, front: f, http1: r.ProtoMajor == 1}
	defer x.over(out)

	if r.Method == http.MethodConnect {
		http.Error(out, "CONNECT is for proxies", http.StatusMethodNotAllowed)
		return
	}
	held, err := x.hold(r)
	defer f.bodies.Add(-held)
	if err != nil {
		x.refuse(out, r, &clientError{err})
		return
	}
	if x.streams() && r.ProtoMajor == 1 {
		// The worker may answer before it has got all.
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	proxy := httputil.ReverseProxy{
		Rewrite: x.rewrite, Transport: x, ErrorHandler: x.refuse, BufferPool: buffers,
		FlushInterval: flushInterval, ErrorLog: f.log,
	}
	proxy.ServeHTTP(out, x.request)
}

// flushInterval bounds how long a part of an answer of known length waits for
// more of it. One of unknown length is passed on as it comes.
const flushInterval = 20 * time.Millisecond

// hold reads a small body whole, and returns how much memory that takes.
func (x *exchange) hold(r *http.Request) (int64, error) {
	n := r.ContentLength
	if n <= 0 || n > smallBody || r.Header.Get("Expect") != "" {
		return 0, nil
	}
	if x.front.bodies.Add(n) > allBodies {
		return n, nil // streamed then
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return n, err
	}
	x.body = body
	return n, nil
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
