package front

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// A connection to a worker that has waited for long may be closed by the worker
// in the very moment when it is used again. Servers close idle ones after 2
// seconds (gunicorn) or more; below a second hardly any does. What may not be
// repeated gets a connection that was in use a moment ago, or a new one. An idle
// one is also not kept for longer because it blocks a server that handles one
// connection at a time.
const (
	longestIdle  = time.Second
	youngestIdle = 200 * time.Millisecond
)

// link is the way to one worker: its connections.
type link struct {
	dial      func() (net.Conn, error)
	maxHeader int
	http2     http2Link
	tls       sync.Once // the worker was asked whether it speaks that
	speaksTLS bool      // what it said

	mu      sync.Mutex
	idle    []*conn                  // the one used last is last
	fresh   map[netip.AddrPort]*conn // new ones that have had no answer, by their own address
	rescued map[netip.AddrPort]bool  // addresses of connections that the worker never accepted
	proven  bool                     // the worker has answered
	abrupt  bool                     // the worker closes connections right behind an answer, unannounced
	retired bool                     // no connection is kept any more
	janitor *time.Timer
}

func newLink(dial func() (net.Conn, error), maxHeader int) *link {
	return &link{dial: dial, maxHeader: maxHeader, fresh: map[netip.AddrPort]*conn{}, rescued: map[netip.AddrPort]bool{}}
}

// take is a kept connection, or a new one. A new one is made for nobody but the
// request at hand: one that was made in reserve and stays silent would block a
// server that handles one at a time.
func (l *link) take(repeatable bool) (*conn, error) {
	for {
		c := l.youngest(repeatable)
		if c == nil {
			break
		}
		if c.alive() {
			c.reused = true
			return c, nil
		}
		l.mu.Lock()
		l.abrupt = l.abrupt || c.idleFor < youngestIdle
		l.mu.Unlock()
		c.Close()
	}
	raw, err := l.dial()
	if err != nil {
		return nil, err
	}
	c := newConn(raw, l.maxHeader)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fresh[c.local] = c
	c.unaccepted.Store(l.rescued[c.local])
	return c, nil
}

// youngest is the connection that was used last, if it is young enough.
func (l *link) youngest(repeatable bool) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := longestIdle
	if !repeatable {
		most = youngestIdle
		if l.abrupt {
			return nil
		}
	}
	n := len(l.idle) - 1
	if n < 0 {
		return nil
	}
	c := l.idle[n]
	if c.idleFor = time.Since(c.idleSince); c.idleFor > most {
		return nil
	}
	l.idle = l.idle[:n]
	return c
}

// begun notes that a worker has begun to answer on a connection.
func (l *link) begun(c *conn) {
	if c.reused {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.fresh, c.local)
	l.proven = true
}

// refuses tells whether a worker which has never answered does not because it
// speaks TLS. It is asked once.
func (l *link) refuses() bool {
	l.mu.Lock()
	proven := l.proven
	l.mu.Unlock()
	if proven {
		return false
	}
	l.tls.Do(func() { l.speaksTLS = SpeaksTLS(l.dial) })
	return l.speaksTLS
}

// keep puts a connection aside for the next request.
func (l *link) keep(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired {
		c.Close()
		return
	}
	c.idleSince = time.Now()
	l.idle = append(l.idle, c)
	if l.janitor == nil {
		l.janitor = time.AfterFunc(longestIdle, l.clean)
	}
}

// drop closes a connection that is of no more use.
func (l *link) drop(c *conn) {
	l.mu.Lock()
	delete(l.fresh, c.local)
	l.mu.Unlock()
	c.Close()
}

// clean closes what has been idle for too long.
func (l *link) clean() {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.idle) && time.Since(l.idle[n].idleSince) >= longestIdle {
		l.idle[n].Close()
		n++
	}
	l.idle = append(l.idle[:0], l.idle[n:]...)
	l.janitor = nil
	if len(l.idle) > 0 {
		l.janitor = time.AfterFunc(longestIdle-time.Since(l.idle[0].idleSince), l.clean)
	}
}

// retire closes the idle connections: they would hold up a worker that drains.
// Those in use are closed once their answer is complete.
func (l *link) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = true
	for _, c := range l.idle {
		c.Close()
	}
	l.idle = nil
	l.http2.retire()
}

// close ends the link for good.
func (l *link) close() {
	l.retire()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.janitor != nil {
		l.janitor.Stop()
		l.janitor = nil
	}
}

// rescue marks the connections which the worker never accepted, so that what
// was sent on them may go to another one.
func (l *link) rescue(addresses []net.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range addresses {
		if tcp, ok := a.(*net.TCPAddr); ok {
			address := plain(tcp.AddrPort())
			l.rescued[address] = true // it may just be about to be noted
			if c := l.fresh[address]; c != nil {
				c.unaccepted.Store(true)
			}
		}
	}
}

// plain is an address without the IPv6 form of an IPv4 one.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
