package front

import (
	"errors"
	"os"
	"time"
)

// readDeadline is that of a clientConn's Reads. What is armed may be too early
// for a Read, which goes on then, but never too late.
type readDeadline struct {
	asked time.Time // by net/http or a handler; zero for none
	armed time.Time // of the connection; zero for none, or if it has passed
	waits bool      // a Read is under way
}

// tooLate tells whether what is armed does not end a Read by t, which is zero if
// nothing has to.
func (d *readDeadline) tooLate(t time.Time) bool {
	return !t.IsZero() && (d.armed.IsZero() || t.Before(d.armed))
}

// readWithin reads, and waits for that until the deadline that was asked for, or
// for limit if that is shorter and not 0.
func (c *clientConn) readWithin(p []byte, limit time.Duration) (int, error) {
	var until time.Time
	if limit > 0 {
		until = time.Now().Add(limit)
	}
	for passed := false; ; {
		c.armRead(until, passed)
		n, err := c.Conn.Read(p)
		passed = errors.Is(err, os.ErrDeadlineExceeded)
		if c.readOver(until, passed) {
			return n, err
		}
	}
}

// armRead sees to it that a Read ends in time. passed says that what was armed did.
func (c *clientConn) armRead(until time.Time, passed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.waits = true
	if t := c.read.asked; until.IsZero() || !t.IsZero() && t.Before(until) {
		until = t
	}
	if passed || c.read.tooLate(until) {
		c.read.armed = until
		c.Conn.SetReadDeadline(until)
	}
}

// readOver tells whether a Read that has returned is over, or goes on because what
// was armed was too early.
func (c *clientConn) readOver(until time.Time, passed bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.waits = false
	if !passed {
		return true
	}
	c.read.armed = time.Time{}
	now, asked := time.Now(), c.read.asked
	return !asked.IsZero() && !now.Before(asked) || !until.IsZero() && !now.Before(until)
}

// stayed tells whether an idle client has said nothing, and may for longer.
func (c *clientConn) stayed(n int, err error) bool {
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read.asked.IsZero() || time.Now().Before(c.read.asked)
}

// deadline is that of a clientConn's Writes: the one that net/http, or a handler,
// asked for, and the one that is armed if that is earlier.
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

// SetReadDeadline is net/http's, which calls it six times for each request, and
// mostly for a Read that never comes. It is called on for a Read that waits;
// else the next one sees to it.
func (c *clientConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.asked = t
	if c.tunnel.Load() || c.read.waits && c.read.tooLate(t) {
		c.read.armed = t
		return c.Conn.SetReadDeadline(t)
	}
	return nil
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
