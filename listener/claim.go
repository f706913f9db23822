package listener

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Request is an address as a program asks for it with bind(2).
type Request struct {
	Addr        netip.AddrPort
	IPv6        bool // the program's socket is of AF_INET6
	V6Only      bool // with IPV6_V6ONLY
	V6OnlyKnown bool // false if that could not be read
}

// Address is the request as an address. An IPv6 socket on one real IPv6
// address takes no IPv4 connection whatever IPV6_V6ONLY says.
func (r Request) Address() Address {
	a := Address{Family: IPv4, IP: r.Addr.Addr(), Port: r.Addr.Port()}
	if r.IPv6 {
		a.Family = IPv6
		if !r.V6Only && (a.IP.IsUnspecified() || a.IP.Is4In6()) {
			a.Family = Dual
		}
	}
	return a
}

// Claim finds the socket for what a program binds, or opens it, for a worker. An
// address of an explicit list wins over the program's own for the same port. In
// private mode what is to be served is bound to a socket of that worker's own; in
// steered mode it has that of the worker's seat.
func (s *Set) Claim(r Request, user uint64) (*Socket, error) {
	s.mu.Lock()
	socket, err := s.claimOwn(r, user)
	if err == nil && socket == nil {
		socket, err = s.claim(r)
		if err == nil && s.steering != nil {
			socket, err = s.claimSeat(socket, user)
		}
	}
	if err == nil {
		if socket.users == nil {
			socket.users = map[uint64]bool{}
		}
		socket.users[user] = true
	}
	s.mu.Unlock()
	return socket, describe(r.Address(), err)
}

func (s *Set) claim(r Request) (*Socket, error) {
	want := r.Address()
	if h := s.at(want); h != nil {
		return h, nil
	}
	for i, h := range s.sockets[:s.explicit] {
		if h.address.Family == Unix || h.address.Port != want.Port {
			continue
		}
		if fits(h.address, r) {
			return h, nil
		}
		if h.address.Family == Dual && want.Family == IPv4 && !s.used(i) {
			return s.narrow(i)
		}
	}
	socket, err := open(want)
	if errors.Is(err, unix.EADDRINUSE) && want.Family == Dual && !r.V6OnlyKnown {
		// A program that serves both families on sockets of their own.
		want.Family = IPv6
		if h := s.at(want); h != nil {
			return h, nil
		}
		socket, err = open(want)
	}
	if errors.Is(err, unix.EADDRINUSE) {
		return s.instead(r, err)
	}
	if err != nil {
		return nil, err
	}
	s.sockets = append(s.sockets, socket)
	return socket, nil
}

// instead finds a socket for a program whose address is in use because rota
// itself holds it in another way, as when a new release binds another family.
func (s *Set) instead(r Request, inUse error) (*Socket, error) {
	for _, h := range s.sockets {
		if h.address.Family == Unix || h.address.Port != r.Addr.Port() {
			continue
		}
		if fits(h.address, r) {
			return h, nil
		}
		return nil, fmt.Errorf("%w: rota serves %s there for other workers, which %s does not fit (start rota anew, or choose the address with --listen)",
			inUse, h.address, r.Address())
	}
	return nil, inUse
}

func (s *Set) at(a Address) *Socket {
	for _, h := range s.sockets {
		if h.address == a {
			return h
		}
	}
	return nil
}

// fits tells whether a program that asked for r can work with a socket at h.
// Programs read a peer's address by the family that accept(2) returns, so an
// IPv4 socket serves one that asked for IPv6; the reverse cuts addresses short.
func fits(h Address, r Request) bool {
	switch h.Family {
	case IPv4:
		return !r.IPv6 || !r.V6Only
	case IPv6, Dual:
		return r.IPv6
	}
	return false
}

// narrow puts an IPv4 socket in the place of a dual-stack one that no worker
// serves from yet, because the program speaks IPv4 alone. Shutting the old one
// down frees the port although workers hold copies of it. Its descriptor stays
// open: a worker being started may be about to get it.
func (s *Set) narrow(i int) (*Socket, error) {
	h := s.sockets[i]
	if s.steering != nil {
		s.steering.groups[i].shutdown(h)
	}
	if err := unix.Shutdown(h.fd, unix.SHUT_RDWR); err != nil {
		return nil, fmt.Errorf("cannot change %s to IPv4: %w", h.address, err)
	}
	socket, err := open(Address{Family: IPv4, IP: netip.IPv4Unspecified(), Port: h.address.Port})
	if err != nil {
		h.listening = false
		return nil, errors.Join(err, h.listen())
	}
	s.sockets[i] = socket
	if s.steering != nil {
		return socket, s.steering.narrowed(i, socket)
	}
	return socket, socket.listen() // the old one did: nobody is to be refused meanwhile
}

// used tells whether a worker serves from an address.
func (s *Set) used(i int) bool {
	if s.steering != nil {
		return s.steering.groups[i].used()
	}
	return s.sockets[i].taken
}
