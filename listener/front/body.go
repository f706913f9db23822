package front

import (
	"context"
	"errors"
	"io"
	"sync"
)

// errAbandoned is why an answer ends that was not taken to its end.
var errAbandoned = errors.New("abandoned")

// answerBody is the body of a worker's answer. With its end, the worker has done
// its part.
type answerBody struct {
	io.ReadCloser
	exchange *exchange
	worker   *worker
	finish   func(complete bool) // gives the connection back or up
	once     sync.Once
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.end(nil)
	} else if err != nil {
		b.end(err)
	}
	return n, err
}

func (b *answerBody) Close() error {
	b.end(errAbandoned)
	return nil
}

// end takes the request out of the worker's hands; err says why its answer is
// not complete.
func (b *answerBody) end(err error) {
	b.once.Do(func() {
		x := b.exchange
		b.finish(err == nil)
		x.front.dispatch.release(b.worker, x)
		ctx := x.request.Context()
		switch {
		case err == nil:
		case errors.Is(context.Cause(ctx), errCut):
			x.fail(FailEnded, errCut)
		case ctx.Err() == nil && err != errAbandoned:
			x.fail(FailTruncated, err)
		}
	})
}

// upgradedBody is a connection that is not HTTP any more.
type upgradedBody struct {
	*answerBody
	conn *conn
}

// Read fails where the connection was cut, also if the worker, which is told to
// end at the same time, has closed it first: after a mere end the proxy would wait
// for the client to end its side as well.
func (u *upgradedBody) Read(p []byte) (int, error) {
	n, err := u.conn.in.Read(p)
	if err == io.EOF && errors.Is(context.Cause(u.exchange.request.Context()), errCut) {
		err = errCut
	}
	return n, err
}

func (u *upgradedBody) Write(p []byte) (int, error) { return u.conn.Conn.Write(p) }

// CloseWrite tells the worker that the client will send no more.
func (u *upgradedBody) CloseWrite() error {
	if c, ok := u.conn.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
