package admin

import (
	"context"
	"net"
	"sync"
	"time"
)

// mostConnections bounds what the clients of a listener can make rota hold: some
// 30 KiB each, and a file. The streams of events are half of it at most.
const mostConnections = 512

// crowd is a listener whose connections are limited in number. One more is not
// kept waiting, since it may be a health probe: the one goes that has been without
// a request for longest, as those of a client do that opens many and sends
// little. Where all are being answered, the oldest goes.
type crowd struct {
	net.Listener
	most int

	mu     sync.Mutex
	guests map[*guest]struct{}
}

// guest is a connection of a crowd.
type guest struct {
	net.Conn
	crowd *crowd
	since time.Time // it came, or its last request was answered
	busy  bool      // a request of it is being answered
}

func newCrowd(l net.Listener, most int) *crowd {
	return &crowd{Listener: l, most: most, guests: map[*guest]struct{}{}}
}

// Accept waits for a connection, and makes room for it.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g := &guest{Conn: conn, crowd: c, since: time.Now()}
	c.mu.Lock()
	var leaves *guest
	if len(c.guests) >= c.most {
		leaves = c.next()
		delete(c.guests, leaves)
	}
	c.guests[g] = struct{}{}
	c.mu.Unlock()
	if leaves != nil {
		leaves.Conn.Close()
	}
	return g, nil
}

// next is who has to leave.
func (c *crowd) next() (leaves *guest) {
	for g := range c.guests {
		switch {
		case leaves == nil, leaves.busy && !g.busy, leaves.busy == g.busy && g.since.Before(leaves.since):
			leaves = g
		}
	}
	return leaves
}

// Close ends the connection.
func (g *guest) Close() error {
	g.crowd.mu.Lock()
	delete(g.crowd.guests, g)
	g.crowd.mu.Unlock()
	return g.Conn.Close()
}

// CloseWrite lets net/http end an answer that its client has not read yet.
func (g *guest) CloseWrite() error {
	if c, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// NetConn is the connection itself.
func (g *guest) NetConn() net.Conn { return g.Conn }

// work notes whether a request is being answered.
func (g *guest) work(busy bool) {
	g.crowd.mu.Lock()
	g.busy, g.since = busy, time.Now()
	g.crowd.mu.Unlock()
}

type guestKey struct{}

// arrive carries a request's connection to its handler, and sets the kernel's
// limits for it.
func arrive(ctx context.Context, conn net.Conn) context.Context {
	for {
		if g, ok := conn.(*guest); ok {
			ctx = context.WithValue(ctx, guestKey{}, g)
		}
		inner, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			bound(conn)
			return ctx
		}
		conn = inner.NetConn()
	}
}
