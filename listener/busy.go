package listener

import (
	"maps"
	"time"
)

const (
	// newPatience is how long a connection from which nothing has come counts as
	// busy: a client that has connected is about to send.
	newPatience = time.Second
	// doubtPatience is the same for one that was never looked at before and whose
	// last request and last answer fell into one tick of the kernel's clock.
	doubtPatience = time.Second
	// piecesPatience is the same after the last bytes of an answer: more may come.
	piecesPatience = 50 * time.Millisecond
	// toldPatience is the same after the server was told that nothing more comes: a
	// request may have been on its way.
	toldPatience = 20 * time.Millisecond
	// exchangesKept is after what time what was seen of a connection is forgotten.
	exchangesKept = 10 * time.Second
)

// exchange is what was seen of a connection when it was looked at last.
type exchange struct {
	in, out uint32 // segments with data
	pending bool   // a request waits for its answer
	sure    bool   // that it does, or does not
	at      time.Time

	// What only looks close together tell, see idle.go:
	begun bool      // it was seen when the last request began
	asked uint32    // what out was then
	whole uint32    // segments of the answer before; 0 if that is not known
	alike bool      // and of the one before that
	told  time.Time // when CloseIdle ended it; zero if it did not
}

// Busy counts the connections of some processes that must not be cut: those with
// bytes that the server has not read or the kernel has not sent, or with a request
// that waits for its answer, as far as the kernel can tell; and those where more may
// be about to come or go. These are new ones from which no byte has come yet, for a
// second; those where the last bytes of an answer went out within 50 ms; and those
// that CloseIdle has just told. It remembers what it saw, and so sees better when it
// is called every few milliseconds: whether a request or an answer was last if both
// fell into one tick of the kernel's clock (1 to 10 ms).
func (s *Set) Busy(pids []int) (int, error) {
	n := 0
	now := time.Now()
	err := s.eachExchange(pids, func(c connection, e exchange) {
		if e.pending || c.busy() || now.Sub(e.told) < toldPatience {
			n++
		}
	})
	return n, err
}

// eachExchange looks at every connection of some processes, and at what has been
// seen of it.
func (s *Set) eachExchange(pids []int, look func(connection, exchange)) error {
	now := time.Now()
	s.mu.Lock()
	if s.exchanges == nil {
		s.exchanges = map[uint32]exchange{}
	}
	maps.DeleteFunc(s.exchanges, func(_ uint32, e exchange) bool { return now.Sub(e.at) > exchangesKept })
	s.mu.Unlock()
	var all []connection
	err := s.eachConnection(pids, func(c connection) { all = append(all, c) })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range all {
		before, known := s.exchanges[c.inode]
		e := c.since(before, known, now)
		s.exchanges[c.inode] = e
		look(c, e)
	}
	return err
}

// since is what is seen of a connection after what was seen before, if anything.
func (c connection) since(before exchange, known bool, now time.Time) exchange {
	e := exchange{in: c.info.Data_segs_in, out: c.info.Data_segs_out, at: now, told: before.told}
	e.pending, e.sure = c.pending(before, known && before.sure)
	if !known {
		e.learn()
		return e
	}
	e.begun, e.asked, e.whole, e.alike = before.begun, before.asked, before.whole, before.alike
	if e.in != before.in && !before.pending {
		e.request(before)
	}
	e.learn()
	return e
}

// request notes that a request has begun since the look before, and so how long the
// answer before it was. Where a part of an answer came in that time, it cannot be
// told whose that is.
func (e *exchange) request(before exchange) {
	if e.out != before.out {
		e.begun = false
		return
	}
	if n := before.out - before.asked; before.begun && n > 0 {
		e.whole, e.alike = n, n == before.whole
	}
	e.begun, e.asked = true, before.out
}

// learn takes what a connection has carried as a sign of how long its answers are:
// where many segments were asked with, and a whole number of them answered each, a
// request is one of the former, and an answer so many of the latter.
func (e *exchange) learn() {
	if !e.alike && e.even() {
		e.whole, e.alike = e.out/e.in, true
	}
}

// even tells whether each of some requests seems to have had as much of an answer as
// the others.
func (e exchange) even() bool {
	const many = 8 // some clients send a header and its body apart
	return !e.pending && e.in >= many && e.out >= e.in && e.out%e.in == 0
}

// pending tells whether a request waits for its answer, or may. Both times are in
// milliseconds ago, but move in ticks: where they are equal, what has changed since
// the look before says which was later, as clients wait for one answer before they
// ask again. Without such a look it may be either, for a while.
func (c connection) pending(before exchange, known bool) (pending, sure bool) {
	t := c.info
	switch {
	case c.unread > 0:
		return true, true
	case t.Data_segs_in == 0:
		return false, true
	case t.Data_segs_out == 0 || t.Last_data_recv < t.Last_data_sent:
		return true, true
	case t.Last_data_recv > t.Last_data_sent:
		return false, true
	case !known:
		return milliseconds(t.Last_data_recv) < doubtPatience, false
	}
	asked, answered := t.Data_segs_in != before.in, t.Data_segs_out != before.out
	if asked != answered {
		return asked, true
	}
	return before.pending, true // nothing, or as much of either as there was
}

// busy tells whether more may be about to come or go.
func (c connection) busy() bool {
	t := c.info
	// What was sent but is not acknowledged the kernel delivers by itself, and clients
	// put acknowledging off for 40 ms.
	if c.unread > 0 || t.Notsent_bytes > 0 {
		return true
	}
	if t.Data_segs_in == 0 {
		return milliseconds(t.Last_data_recv) < newPatience // of one that is new, since it was made
	}
	return t.Data_segs_out > 0 && milliseconds(t.Last_data_sent) < piecesPatience
}

func milliseconds(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }
