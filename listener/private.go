package listener

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// In private mode rota itself accepts on the sockets that are served, and
// forwards to workers each of which has sockets of its own, on loopback alone.
// A worker never gets a socket that can be reached from outside, but for ports
// beside those served (metrics), which are shared as ever.

// fit says how surely a worker serves from a private socket.
type fit int

const (
	// guessed: the first address that the program bound, with a port other than
	// those served. It may be hard-coded, or that of its metrics.
	guessed fit = iota
	// given: the worker inherits it, and may not know.
	given
	// proper: the program bound a port that is served, or that it was told.
	proper
)

// hand is what one worker has.
type hand struct {
	Gift
	sockets []*Socket
	chosen  *Socket // the one that it was seen to serve from
	gone    bool
}

// Gift is what a worker is given before it starts.
type Gift struct {
	Inherit bool   // a socket that listens already
	Port    uint16 // it is told to bind; 0 for none
	// Sure says that the program is known to take the gift, since its arguments
	// name it; whatever else it binds is beside what it serves.
	Sure bool
}

// KeepPrivate turns private mode on, before anything is claimed.
func (s *Set) KeepPrivate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.private, s.hands = true, map[uint64]*hand{}
	s.app, s.apart = map[uint16]bool{}, map[uint16]bool{}
	s.relays = map[*Socket]*relay{}
	s.loopback6 = netip.IPv6Loopback()
}

// Prepare notes what a worker is given, and returns the sockets that it
// inherits: none without an explicit list, which would not tell what to serve.
func (s *Set) Prepare(user uint64, g Gift) ([]*Socket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hand(user)
	h.Gift = g
	if !g.Inherit || s.explicit == 0 {
		return nil, nil
	}
	// IPv4, which every program can read addresses of, unless it is not wanted.
	r := Request{Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), 0)}
	if only6 := !slices.ContainsFunc(s.served(), func(p *Socket) bool { return p.address.Family != IPv6 }); only6 {
		r = Request{Addr: netip.AddrPortFrom(netip.IPv6Unspecified(), 0), IPv6: true}
	}
	socket, err := s.openPrivate(r)
	if err == nil {
		err = socket.listen()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open a socket for a worker to inherit: %w", err)
	}
	socket.asked, socket.fit = s.sockets[0].address, given
	h.sockets = append(h.sockets, socket)
	return []*Socket{socket}, nil
}

func (s *Set) hand(user uint64) *hand {
	h := s.hands[user]
	if h == nil {
		h = &hand{}
		s.hands[user] = h
	}
	return h
}

// drop closes what a worker had.
func (s *Set) drop(user uint64) {
	h := s.hands[user]
	if h == nil {
		return
	}
	s.unshare(user)
	for _, socket := range h.sockets {
		if socket.fd >= 0 {
			unix.Close(socket.fd)
		}
	}
	delete(s.hands, user)
}

// claimOwn finds or opens a worker's private socket for what it binds; nil if
// the address is to be shared. Without an explicit list the first address that
// any worker binds becomes the one that is served.
func (s *Set) claimOwn(r Request, user uint64) (*Socket, error) {
	if !s.private {
		return nil, nil
	}
	h, want := s.hand(user), r.Address()
	if i := slices.IndexFunc(h.sockets, func(o *Socket) bool { return o.asked == want && o.fit != given }); i >= 0 {
		return h.sockets[i], nil
	}
	if len(s.sockets) == 0 {
		public, err := open(want)
		if err != nil {
			return nil, err
		}
		s.sockets, s.found = []*Socket{public}, 1
	} else if s.serves(want.Port) {
		s.widen(want)
	}
	fit := guessed
	if s.serves(want.Port) || h.Port == want.Port {
		fit = proper
	} else if !s.mayGuess(h, want.Port) {
		return nil, nil
	}
	socket, err := s.openPrivate(r)
	if err != nil {
		return nil, err
	}
	socket.asked, socket.fit = want, fit
	h.sockets = append(h.sockets, socket)
	if fit == proper {
		h.settle(s.apart)
		s.share(h, user)
	}
	return socket, nil
}

// settle: a better socket has come than was guessed. What was guessed wrong is
// remembered, so that later workers share it.
func (h *hand) settle(apart map[uint16]bool) {
	for _, o := range h.sockets {
		if o.fit == guessed {
			apart[o.asked.Port] = true
		}
	}
	if h.chosen != nil && h.chosen.fit == guessed {
		h.chosen = nil
	}
}

// mayGuess tells whether a port that nobody asked for may be what the worker
// serves: the first that it binds, in either family.
func (s *Set) mayGuess(h *hand, port uint16) bool {
	if s.explicit == 0 || h.Sure || s.apart[port] {
		return false
	}
	if h.chosen != nil && h.chosen.fit != guessed {
		return false
	}
	return !slices.ContainsFunc(h.sockets, func(o *Socket) bool { return o.fit != given && o.asked.Port != port })
}

// serves tells whether the pool serves on a TCP port.
func (s *Set) serves(port uint16) bool {
	return slices.ContainsFunc(s.served(), func(p *Socket) bool { return p.address.Family != Unix && p.address.Port == port })
}

// widen serves another address of the same port too, where there is no explicit
// list: programs bind localhost in both families. That it cannot be had, or is
// covered already, is no error: the program is served where it bound first.
func (s *Set) widen(want Address) {
	if s.explicit > 0 {
		return
	}
	for _, p := range s.served() {
		a := p.address
		if a == want || a.Family == Dual && a.IP.IsUnspecified() || a.Family == want.Family && a.IP.IsUnspecified() {
			return
		}
		if a.Family == IPv4 && want.Family == Dual {
			want.Family = IPv6
		}
	}
	if s.at(want) != nil {
		return
	}
	public, err := open(want)
	if err != nil {
		return
	}
	s.sockets = slices.Insert(s.sockets, s.found, public)
	s.found++
}

// openPrivate opens a loopback socket of the family that a program asks for.
func (s *Set) openPrivate(r Request) (*Socket, error) {
	a := Address{Family: IPv4, IP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	if r.IPv6 {
		a = Address{Family: Dual, IP: s.loopback6}
		if r.V6Only {
			a.Family = IPv6
		}
	}
	socket, err := open(a)
	if errors.Is(err, unix.EADDRNOTAVAIL) && a.Family == Dual {
		// A machine whose loopback has no IPv6: what a dual-stack socket sees of IPv4.
		a.IP = netip.AddrFrom16(netip.AddrFrom4([4]byte{127, 0, 0, 1}).As16())
		socket, err = open(a)
	}
	if err != nil {
		return nil, err
	}
	name, err := unix.Getsockname(socket.fd)
	if err != nil {
		unix.Close(socket.fd)
		return nil, err
	}
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		socket.address.Port = uint16(n.Port)
	case *unix.SockaddrInet6:
		socket.address.Port = uint16(n.Port)
	}
	return socket, nil
}
