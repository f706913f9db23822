package listener

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// handshakePatience is how long a handshake that began before a worker was
	// steered away from is waited for: the client's part of it comes a round trip
	// later, or never.
	handshakePatience = time.Second
	// Looking for handshakes walks the kernel's table of connections, so it is not
	// done each time that Settled is asked.
	betweenLooks = 5 * time.Millisecond
	// enoughLooks must find nothing: a SYN may be on its way through the kernel
	// while the program is replaced.
	enoughLooks = 2
)

// Settled tells whether nothing more will come to a worker that is not steered
// to: nothing waits at its seat, and no handshake at its ports is under way that
// began before, as the kernel answers those from the socket that it chose at the
// SYN. It waits for those for a second at most. It is made to be called every few
// milliseconds.
func (s *Set) Settled(user uint64) bool {
	s.mu.Lock()
	st := s.steering
	if st == nil {
		s.mu.Unlock()
		return true
	}
	i := st.of(user)
	if i < 0 {
		s.mu.Unlock()
		return true
	}
	seat, own := st.seats[i], st.sockets(user)
	if st.waiting(i) > 0 || slices.ContainsFunc(own, func(h *Socket) bool { return h.open }) {
		s.mu.Unlock()
		return false
	}
	if seat.away.IsZero() || seat.quiet >= enoughLooks {
		s.mu.Unlock()
		return true
	}
	away := seat.away
	look := time.Since(seat.looked) >= betweenLooks
	if look {
		seat.looked = time.Now()
	}
	s.mu.Unlock()
	if !look {
		return false
	}
	old := time.Since(away) < handshakePatience && handshakesBefore(own, away)
	s.mu.Lock()
	defer s.mu.Unlock()
	if seat.away != away { // it was steered to again, or has gone
		return false
	}
	if old {
		seat.quiet = 0
		return false
	}
	seat.quiet++
	return seat.quiet >= enoughLooks && st.waiting(i) == 0
}

// handshakesBefore tells whether a handshake at one of the ports began before a
// moment. Where that cannot be told there may be one.
func handshakesBefore(sockets []*Socket, moment time.Time) bool {
	for _, h := range sockets {
		family := uint8(unix.AF_INET6)
		if h.address.Family == IPv4 {
			family = unix.AF_INET
		}
		since := time.Since(moment) // before the look: the ages are as of then or later
		ages, err := handshakes(family, h.address.Port)
		if err != nil {
			return true
		}
		if slices.ContainsFunc(ages, func(age time.Duration) bool { return age >= since }) {
			return true
		}
	}
	return false
}
