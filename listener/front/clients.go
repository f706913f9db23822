package front

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// clients are the open connections of clients. The zero value is ready for use.
type clients struct {
	mu   sync.Mutex
	open map[*client]struct{}
}

// client is one of them. It stays the same while its connection is parked.
type client struct {
	conn net.Conn // as it was accepted

	mu    sync.Mutex
	idle  bool
	since time.Time

	end time.Time // of its time to say nothing; for the lot
}

// note follows a connection through its states; it is a http.Server's ConnState.
func (c *clients) note(conn net.Conn, state http.ConnState) {
	under, ok := conn.(*clientConn)
	if !ok {
		return
	}
	switch state {
	case http.StateNew:
		if under.client == nil { // else it was parked
			under.client = &client{conn: under.Conn, idle: true, since: time.Now()}
			c.add(under.client)
		}
	case http.StateActive, http.StateIdle:
		under.client.turn(state == http.StateIdle)
	case http.StateClosed, http.StateHijacked: // what was hijacked is in a worker's hands
		if !under.idled {
			c.remove(under.client)
		}
	}
}

// turn notes that a client has begun with a request, or is idle from now on.
func (k *client) turn(idle bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle, k.since = idle, time.Now()
}

// silent tells whether a client has said nothing since a time.
func (k *client) silent(since time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.idle && k.since.Before(since)
}

func (c *clients) add(k *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[*client]struct{}{}
	}
	c.open[k] = struct{}{}
}

func (c *clients) remove(k *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, k)
}

func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// closeIdle ends those that have said nothing since a time, and not before began:
// whoever waits for them finds the end, and closes them.
func (c *clients) closeIdle(began, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if began.After(since) {
		return
	}
	for k := range c.open {
		if k.silent(since) && incoming(k.conn) != something {
			_ = k.conn.(interface{ CloseRead() error }).CloseRead()
		}
	}
}
