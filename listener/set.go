package listener

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Set is every socket that rota holds. None that is served is closed while rota
// lives: closing one would reset the connections that wait on it. A Set may be
// used by many goroutines.
type Set struct {
	mu       sync.Mutex
	sockets  []*Socket
	explicit int // how many of them the operator asked for; they come first

	steering  *steering           // in steered mode, see seat.go
	exchanges map[uint32]exchange // by inode, see busy.go

	// In private mode, see private.go:
	private   bool
	found     int              // how many of sockets are served because a worker bound them; they come first
	hands     map[uint64]*hand // by worker
	app       map[uint16]bool  // ports that are not served, but were found to be the program's
	apart     map[uint16]bool  // ports that were found not to be
	relays    map[*Socket]*relay
	loopback6 netip.Addr
}

// Hold opens the sockets of an explicit list and takes over those that rota was
// started with. With neither, the first address that a worker binds is served.
func Hold(addresses []Address, inherited []int) (*Set, error) {
	s := &Set{}
	for _, fd := range inherited {
		socket, err := adoptFD(fd)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.sockets = append(s.sockets, socket)
	}
	for _, a := range addresses {
		if slices.ContainsFunc(s.sockets, func(h *Socket) bool { return h.address == a }) {
			continue
		}
		socket, err := open(a)
		if a.Family == Dual && errors.Is(err, unix.EAFNOSUPPORT) {
			// A machine without IPv6: dual-stack means what there is.
			a = Address{Family: IPv4, IP: netip.IPv4Unspecified(), Port: a.Port}
			socket, err = open(a)
		}
		if err == nil {
			err = socket.listen()
		}
		if err != nil {
			s.Close()
			return nil, describe(a, err)
		}
		s.sockets = append(s.sockets, socket)
	}
	s.explicit = len(s.sockets)
	return s, nil
}

// Close gives every socket up, with the files of unix sockets. It is for a start that failed, and for tests.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.sockets {
		unix.Close(h.fd)
	}
	for user := range s.hands {
		s.drop(user)
	}
	if s.steering != nil {
		s.steering.close(s.sockets)
	}
	s.removeFiles()
	s.sockets = nil
}

// RemoveFiles removes the files of unix sockets, which are of no use once
// nobody serves from them.
func (s *Set) RemoveFiles() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeFiles()
}

func (s *Set) removeFiles() {
	for _, h := range s.sockets {
		if h.address.Family == Unix && !h.inherited {
			_ = unix.Unlink(h.address.Path)
		}
	}
}

// Sockets are those held now, the first one served foremost.
func (s *Set) Sockets() []*Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sockets)
}

// Handed are those that a worker inherits: what the operator asked for. The
// program's own addresses are for it to bind, in every worker alike. In private
// mode Prepare tells what a worker inherits.
func (s *Set) Handed() []*Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sockets[:s.explicit])
}

// Addresses are where the pool serves: all of an explicit list, else the first
// address that the program bound. Further ones (a metrics port) are held too but
// say nothing about readiness.
func (s *Set) Addresses() []Address {
	s.mu.Lock()
	defer s.mu.Unlock()
	var as []Address
	for _, h := range s.served() {
		as = append(as, h.address)
	}
	return as
}

// Served are the sockets at Addresses.
func (s *Set) Served() []*Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.served())
}

func (s *Set) served() []*Socket {
	return s.sockets[:min(max(1, s.explicit, s.found), len(s.sockets))]
}

// Serves tells whether a is one of Addresses.
func (s *Set) Serves(a Address) bool { return slices.Contains(s.Addresses(), a) }

// ByInode finds a socket by its inode, nil if rota does not hold it.
func (s *Set) ByInode(inode uint64) *Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.sockets {
		if h.inode == inode && inode != 0 {
			return h
		}
	}
	for _, hand := range s.hands {
		for _, h := range hand.sockets {
			if h.inode == inode && inode != 0 {
				return h
			}
		}
	}
	if s.steering != nil && inode != 0 {
		return s.steering.byInode(inode)
	}
	return nil
}

// Listen makes a held socket listen, once, and notes that a worker serves from it.
func (s *Set) Listen(socket *Socket) error {
	s.mu.Lock()
	socket.taken = true
	err := s.listen(socket)
	if socket.since.IsZero() {
		socket.since = time.Now()
	}
	for user, h := range s.hands {
		if slices.Contains(h.sockets, socket) {
			s.share(h, user)
		}
	}
	s.mu.Unlock()
	return describe(socket.Asked(), err)
}

func (s *Set) listen(socket *Socket) error {
	if s.steering != nil {
		if g := s.steering.groupOf(socket); g != nil {
			g.refresh()
			if err := s.steering.listen(g, socket); err != nil {
				return err
			}
			return s.steering.apply(g)
		}
	}
	return socket.listen()
}

// Release says that a worker has gone. Its private sockets are closed, see
// Rescue; so is a socket beside those served with its last worker: a program may
// bind another port in each life. Its seat is free, with what waits there.
func (s *Set) Release(user uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(user)
	if s.steering != nil {
		for _, h := range s.steering.sockets(user) {
			delete(h.users, user)
		}
		s.steering.leave(user)
	}
	for _, h := range s.served() {
		delete(h.users, user)
	}
	first := len(s.served())
	s.sockets = append(s.sockets[:first:first], slices.DeleteFunc(slices.Clone(s.sockets[first:]), func(h *Socket) bool {
		delete(h.users, user)
		if len(h.users) > 0 {
			return false
		}
		unix.Close(h.fd)
		return true
	})...)
}
