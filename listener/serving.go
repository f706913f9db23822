package listener

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// A program that binds a port other than those served is given this long, from
// when it listens, to bind a better one. It is waited for once in the life of a
// pool, since the port is known then.
const betterPortPatience = time.Second

// Serving are the sockets that a worker may be seen to serve from, the likeliest
// first: those at Addresses, or in private mode and in steered mode its own.
func (s *Set) Serving(user uint64) []*Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.steering != nil {
		return s.steering.sockets(user)
	}
	if !s.private {
		return slices.Clone(s.served())
	}
	h := s.hands[user]
	if h == nil {
		return nil
	}
	bound := false
	var sure, inherited, guesses []*Socket
	for _, o := range h.sockets {
		switch {
		case o.fit == proper:
			bound = true
			if o.taken {
				sure = append(sure, o)
			}
		case o.fit == given:
			inherited = append(inherited, o)
		case o.taken && (s.app[o.asked.Port] || time.Since(o.since) >= betterPortPatience):
			guesses = append(guesses, o)
		}
	}
	if bound {
		return sure
	}
	return append(inherited, guesses...)
}

// ServesFrom tells whether a socket is one that a worker is to serve from.
func (s *Set) ServesFrom(user uint64, socket *Socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.steering != nil {
		return slices.Contains(s.steering.sockets(user), socket)
	}
	if !s.private {
		return slices.Contains(s.served(), socket)
	}
	h := s.hands[user]
	return h != nil && slices.Contains(h.sockets, socket)
}

// Choose notes that a worker was seen to serve from one of its sockets. A better
// one that it binds later takes its place.
func (s *Set) Choose(user uint64, socket *Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hands[user]
	if h == nil || !slices.Contains(h.sockets, socket) {
		return
	}
	h.chosen = socket
	if socket.fit == guessed {
		s.app[socket.asked.Port] = true
	}
}

// Chosen is the private socket that a worker serves from: what it was seen to,
// else the likeliest that listens. It is nil if there is none.
func (s *Set) Chosen(user uint64) *Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hands[user].best()
}

func (h *hand) best() *Socket {
	if h == nil || h.gone {
		return nil
	}
	best := h.chosen
	for _, o := range h.sockets {
		switch {
		case o.fit != given && !o.taken: // it was bound, and does not listen yet
		case best == nil, o.fit == proper && best.fit != proper:
			best = o
		case h.chosen == nil && o.fit == guessed && best.fit == given:
			best = o // what a program bound comes before what it may not know of
		}
	}
	return best
}

// dialTimeout is for a worker whose queue is full: on loopback a connection is
// made at once or not before it has room again.
const dialTimeout = 5 * time.Second

// Dial connects to the private socket that a worker serves from. A connection
// that is returned was made before Rescue looked for it.
func (s *Set) Dial(user uint64) (net.Conn, error) {
	socket := s.Chosen(user)
	if socket == nil {
		return nil, fmt.Errorf("worker %d has no socket to connect to", user)
	}
	conn, err := socket.dial()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	h := s.hands[user]
	gone := h == nil || h.gone
	s.mu.Unlock()
	if gone {
		conn.Close()
		return nil, fmt.Errorf("worker %d has gone", user)
	}
	return conn, nil
}

func (s *Socket) dial() (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: -1} // loopback does not go away
	ip := s.address.IP.Unmap()
	if !ip.IsUnspecified() {
		return d.Dial("tcp", netip.AddrPortFrom(ip, s.address.Port).String())
	}
	// A worker's own socket on every address.
	v4 := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), s.address.Port).String()
	if ip.Is6() {
		if conn, err := d.Dial("tcp", netip.AddrPortFrom(netip.IPv6Loopback(), s.address.Port).String()); err == nil {
			return conn, nil
		}
	}
	return d.Dial("tcp", v4)
}
