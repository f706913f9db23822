package front

import "time"

// deadline is that of one direction of a clientConn: the one that net/http, or
// a handler, asked for, and the one that is armed if that is earlier.
type deadline struct {
	asked time.Time // zero for none
	armed time.Time // when it was; zero if what was asked for is in force
}

// within is the deadline to set so that what begins now ends within limit. It
// is the zero time where that was done a moment ago, which is as good and
// spares the call.
func (d *deadline) within(limit, moment time.Duration) time.Time {
	now := time.Now()
	if !d.armed.IsZero() && now.Sub(d.armed) < moment {
		return time.Time{}
	}
	d.armed = now
	if t := now.Add(limit); d.asked.IsZero() || t.Before(d.asked) {
		return t
	}
	return d.asked
}

// ask notes what was asked for, which is in force at once.
func (d *deadline) ask(t time.Time) { *d = deadline{asked: t} }

// A deadline is armed again after a sixtieth of what a client may stall: after
// a second, usually.
const stallMoments = 60

// armRead sets the deadline of a read: of a body, or of anything else.
func (c *clientConn) armRead(body bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !body {
		if !c.read.armed.IsZero() {
			c.read.ask(c.read.asked)
			c.Conn.SetReadDeadline(c.read.asked)
		}
		return
	}
	if t := c.read.within(c.bodyStall, c.bodyStall/stallMoments); !t.IsZero() {
		c.Conn.SetReadDeadline(t)
	}
}

// armWrite sets the deadline of a part of a write.
func (c *clientConn) armWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.write.within(c.writeStall/stallParts, c.writeStall/stallMoments); !t.IsZero() {
		c.Conn.SetWriteDeadline(t)
	}
}

// writeAsked tells whether the deadline that was asked for has passed.
func (c *clientConn) writeAsked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.write.asked.IsZero() && !time.Now().Before(c.write.asked)
}

// SetReadDeadline is net/http's, and ends a Read that waits: the deadline of a
// body is armed by the next Read again.
func (c *clientConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.ask(t)
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is net/http's. It clears it after every request, though it
// has set none: that needs no call.
func (c *clientConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.IsZero() && c.write.asked.IsZero() && !c.tunnel.Load() {
		return nil
	}
	c.write.ask(t)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline sets both.
func (c *clientConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}
