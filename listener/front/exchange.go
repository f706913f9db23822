package front

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"sync/atomic"
	"time"
)

// exchange is one request on its way through the front. It is the transport of
// its own reverse proxy.
type exchange struct {
	front    *Front
	proxy    httputil.ReverseProxy
	request  *http.Request // as it came, but for its context
	held     int64         // bytes of memory that are taken for body
	body     []byte        // all of it, where it is small; else it is read as it is sent
	health   bool
	cancel   context.CancelCauseFunc
	upgraded atomic.Bool
	open     *answerBody // the worker's answer, once there is one
	answer   Answer
}

// errCut is why an exchange ends whose worker has run out of time to drain.
var errCut = errors.New("its worker was ended")

// shed is an answer of 503 that no worker has to do with.
type shed struct{ reason string }

func (s shed) Error() string { return "no worker for it: " + s.reason }

// failure is an answer that did not come as it should have.
type failure struct {
	reason  string // one of Failures
	err     error
	rescued bool // the worker has gone without accepting the connection
	unseen  bool // the worker cannot have begun to act on the request
	stale   bool // the connection had been used before, and the worker may just have closed it
}

func (f *failure) Error() string { return f.reason + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// mostTries bounds how often one request is sent. Each further one needs a
// worker that provably did not act on the one before.
const mostTries = 3

// RoundTrip sends the request to a worker, once there is one, and returns the
// beginning of its answer. It is sent again, to whoever is next, only if that
// cannot make anything happen twice.
func (x *exchange) RoundTrip(out *http.Request) (*http.Response, error) {
	ctx := out.Context()
	d := &x.front.dispatch
	began := time.Now()
	for try := 1; ; {
		w, waited, why, err := d.acquire(ctx, x)
		x.answer.Waited += waited
		if w == nil {
			x.answer.Slot = NoSlot
		}
		if why != "" {
			return nil, shed{why}
		}
		if err != nil {
			return nil, err
		}
		x.answer.Slot = w.slot
		res, failed := x.send(out, w)
		if failed == nil {
			return res, nil
		}
		if failed.reason == FailConnect {
			d.shun(w)
		}
		d.release(w, x)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		switch {
		case failed.reason == FailConnect && time.Since(began) < x.front.config.Load().QueueTimeout:
			continue // nothing was sent, so whoever is next may have it
		case !x.mayRepeat(out, failed):
			return nil, failed
		case failed.rescued: // by rota, not by chance: all that wait in a queue are at once
		case try == mostTries || !x.front.retries.take():
			return nil, failed
		default:
			try++
		}
		x.answer.Retried = true
	}
}

// send gives the request to one worker.
func (x *exchange) send(out *http.Request, w *worker) (*http.Response, *failure) {
	if out.ProtoMajor == 2 && w.link.http2.spoken(w.link) {
		return x.sendHTTP2(out, w)
	}
	c, err := w.link.take(idempotent(out) && !x.streams())
	if err != nil {
		return nil, &failure{reason: FailConnect, err: err, unseen: true}
	}
	stop := context.AfterFunc(out.Context(), func() { c.Close() })
	upload := c.upload(x, out)
	res, err := c.receive(out, upload)
	if err != nil {
		failed := c.explain(err, upload)
		if held := upload.whole(); held != nil {
			x.body, out.ContentLength = held, int64(len(held))
		}
		stop()
		w.link.drop(c)
		if failed.reason == FailClosed && !failed.unseen && w.link.refuses() {
			failed.reason, failed.err = FailTLS, ErrTLS
		}
		return nil, failed
	}
	w.link.begun(c)
	if res.ContentLength >= 0 && res.ContentLength <= int64(c.in.Buffered()) {
		x.proxy.FlushInterval = 0 // nothing is waited for, and a timer would be made
	}
	body := &answerBody{ReadCloser: res.Body, exchange: x, worker: w, finish: func(complete bool) {
		watched := stop()
		if complete && watched && !res.Close && upload.complete() && c.in.Buffered() == 0 {
			w.link.keep(c)
		} else {
			w.link.drop(c)
		}
	}}
	x.open = body
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
		x.upgraded.Store(true)
		res.Body = &upgradedBody{body, c}
	case res.Body == http.NoBody:
		body.end(nil)
	default:
		res.Body = body
	}
	return res, nil
}

// mayRepeat tells whether a request that failed may be sent again. What was read
// from the client and not kept cannot be. One that may be what ends workers is
// sent no third time.
func (x *exchange) mayRepeat(out *http.Request, f *failure) bool {
	if x.streams() {
		return false
	}
	return f.unseen || f.stale && idempotent(out) && !x.answer.Retried
}

// streams tells whether the request has a body that is read as it is sent.
func (x *exchange) streams() bool {
	return x.body == nil && x.request.ContentLength != 0
}

// idempotent tells whether doing it twice is as doing it once (RFC 9110, 9.2.2).
func idempotent(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// passOn tells the client of an interim answer, which HTTP/1.0 does not know.
func passOn(out *http.Request, res *http.Response) {
	if !out.ProtoAtLeast(1, 1) {
		return
	}
	trace := httptrace.ContextClientTrace(out.Context())
	if trace != nil && trace.Got1xxResponse != nil {
		// An error of it means that the client has gone, which its context tells too.
		_ = trace.Got1xxResponse(res.StatusCode, textproto.MIMEHeader(res.Header))
	}
}
