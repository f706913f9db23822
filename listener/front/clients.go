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
	open map[net.Conn]*client
}

// client is one of them.
type client struct {
	idle  bool
	since time.Time
}

// note follows a connection through its states; it is a http.Server's ConnState.
func (c *clients) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateClosed, http.StateHijacked: // what was hijacked is in a worker's hands
		delete(c.open, conn)
	case http.StateNew:
		if c.open == nil {
			c.open = map[net.Conn]*client{}
		}
		c.open[conn] = &client{idle: true, since: time.Now()}
	case http.StateActive, http.StateIdle:
		if k := c.open[conn]; k != nil {
			k.idle, k.since = state == http.StateIdle, time.Now()
		}
	}
}

func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// closeIdle closes those that have said nothing since a time, and not before began.
func (c *clients) closeIdle(began, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if began.After(since) {
		return
	}
	for conn, k := range c.open {
		if k.idle && k.since.Before(since) {
			conn.Close()
		}
	}
}
