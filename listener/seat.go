package listener

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// In steered mode every worker has a seat: a socket of its own at each address
// that is served, one of a SO_REUSEPORT group of which rota holds all for ever.
// A classic BPF program of the group says which seats get new connections. A
// worker keeps its seat for life; one that replaces it beside it has another, and
// a seat whose worker has gone is taken over, with what waits there, by the next
// one that starts.

// steering is what steered mode knows.
type steering struct {
	groups  []*group // of the sockets that are served, in their order
	seats   []*seat
	weights map[uint64]int // as Steer was told
	retired []*Socket      // shut down, but a worker being started may be about to get one
	hushed  bool           // nobody is let in any more, see Hush
}

type seat struct {
	taken  bool
	user   uint64 // who has it, if taken
	served bool   // the worker was steered to

	// Since the worker was last left out, see Settled:
	away   time.Time
	looked time.Time
	quiet  int // looks that found nothing on its way
}

// KeepSteered turns steered mode on, before anything is claimed. It fails, and
// changes nothing, where connections cannot be steered: unix sockets, a kernel
// without such programs, or a socket that rota was started with beside which it
// may not open another. Each address gets a second socket at once: what comes
// while the first worker is replaced, and there is no other, waits there.
func (s *Set) KeepSteered() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &steering{}
	err := s.startSteering(st)
	if err == nil {
		s.steering = st
		return nil
	}
	for i, g := range st.groups {
		for _, h := range g.all() {
			if h != s.sockets[i] {
				unix.Close(h.fd)
			}
		}
	}
	for _, h := range s.sockets {
		_ = unix.SetsockoptInt(h.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 0)
	}
	return fmt.Errorf("cannot steer connections: %w", err)
}

func (s *Set) startSteering(st *steering) error {
	for _, h := range s.sockets {
		if h.address.Family == Unix {
			return fmt.Errorf("%s is no TCP address", h.address)
		}
	}
	if err := tryGroup(); err != nil {
		return err
	}
	st.seats = []*seat{{}, {}}
	for _, h := range s.sockets {
		g, err := newGroup(h)
		if err != nil {
			return err
		}
		st.groups = append(st.groups, g)
		for i := range st.seats {
			if err := st.open(g, i); err != nil {
				return describe(g.address, err)
			}
		}
		if err := st.apply(g); err != nil {
			return fmt.Errorf("to %s: %w", g.address, err)
		}
	}
	return nil
}

// open gives a seat a socket at an address, which listens.
func (st *steering) open(g *group, seat int) error {
	socket, err := g.ensure(seat)
	if err != nil {
		return err
	}
	return st.listen(g, socket)
}

// listen makes a socket of a group listen.
func (st *steering) listen(g *group, socket *Socket) error {
	if st.hushed {
		if err := hush(socket.fd); err != nil {
			return err
		}
	}
	return g.listen(socket)
}

// Seat gives a worker its seat, before it starts, and returns the sockets that it
// inherits: with an explicit list those of its seat, one for each address and in
// that order, else none. They listen. A seat where connections wait is given first.
func (s *Set) Seat(user uint64) ([]*Socket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.steering
	if st == nil {
		return nil, fmt.Errorf("internal error: a seat for worker %d without steering", user)
	}
	i := st.seat(user)
	var sockets []*Socket
	if s.explicit > 0 {
		for _, g := range st.groups {
			if err := describe(g.address, st.open(g, i)); err != nil {
				st.leave(user)
				return nil, err
			}
			// Whoever had it before may have changed that.
			if err := unix.SetNonblock(g.at(i).fd, g.nonblock); err != nil {
				st.leave(user)
				return nil, fmt.Errorf("cannot prepare the socket for %s: %w", g.address, err)
			}
			sockets = append(sockets, g.at(i))
		}
	}
	return sockets, st.steer()
}

// seat is the number of a worker's seat; it takes one if it has none.
func (st *steering) seat(user uint64) int {
	if i := st.of(user); i >= 0 {
		return i
	}
	i := st.free()
	*st.seats[i] = seat{taken: true, user: user}
	return i
}

// of is the number of a worker's seat, -1 if it has none.
func (st *steering) of(user uint64) int {
	return slices.IndexFunc(st.seats, func(s *seat) bool { return s.taken && s.user == user })
}

// free finds a seat that nobody has, the one where most wait, or adds one.
func (st *steering) free() int {
	best, most := -1, -1
	for i, s := range st.seats {
		if s.taken {
			continue
		}
		if n := st.waiting(i); n > most {
			best, most = i, n
		}
	}
	if best < 0 {
		st.seats = append(st.seats, &seat{})
		best = len(st.seats) - 1
	}
	return best
}

// waiting is how many connections wait to be accepted at a seat.
func (st *steering) waiting(i int) int {
	n := 0
	for _, g := range st.groups {
		if h := g.at(i); h != nil {
			length, _, _ := h.Queue()
			n += length
		}
	}
	return n
}

// leave frees the seat of a worker that has gone. What waits there is kept.
func (st *steering) leave(user uint64) {
	if i := st.of(user); i >= 0 {
		*st.seats[i] = seat{}
	}
	delete(st.weights, user)
	_ = st.steer() // that it failed is told by the next Steer
}

// sockets are those of a worker's seat, in the order of the addresses.
func (st *steering) sockets(user uint64) []*Socket {
	i := st.of(user)
	if i < 0 {
		return nil
	}
	var own []*Socket
	for _, g := range st.groups {
		if h := g.at(i); h != nil {
			own = append(own, h)
		}
	}
	return own
}

// groupOf is the group that a socket belongs to, nil if it is shared.
func (st *steering) groupOf(socket *Socket) *group {
	for _, g := range st.groups {
		if slices.Contains(g.all(), socket) {
			return g
		}
	}
	return nil
}

// claimSeat finds a worker's own socket for an address that Claim has found one
// for, which is the first of its group. Without an explicit list, the first
// address that any worker binds is served, and others of the same port: programs
// bind localhost in both families. All else is shared.
func (s *Set) claimSeat(first *Socket, user uint64) (*Socket, error) {
	st := s.steering
	i := slices.Index(s.sockets, first)
	if i >= len(st.groups) {
		if s.explicit > 0 || !s.serves(first.address.Port) {
			return first, nil
		}
		g, err := newGroup(first)
		if err != nil {
			return nil, err
		}
		s.sockets = slices.Insert(slices.Delete(s.sockets, i, i+1), len(st.groups), first)
		i = len(st.groups)
		st.groups = append(st.groups, g)
		s.found = len(st.groups)
	}
	return st.groups[i].ensure(st.seat(user))
}

// byInode finds a socket of a group, nil if there is none.
func (st *steering) byInode(inode uint64) *Socket {
	for _, g := range st.groups {
		for _, h := range g.all() {
			if h.inode == inode {
				return h
			}
		}
	}
	return nil
}

// close gives all up but those that the Set has too.
func (st *steering) close(but []*Socket) {
	for _, g := range st.groups {
		st.retired = append(st.retired, g.all()...)
	}
	for _, h := range st.retired {
		if !slices.Contains(but, h) {
			unix.Close(h.fd)
		}
	}
}

// narrowed puts another socket in the place of all of a group that were shut down,
// and has it listen, as they did.
func (st *steering) narrowed(i int, first *Socket) error {
	g, err := newGroup(first)
	if err != nil {
		return err
	}
	st.retired = append(st.retired, st.groups[i].all()...)
	st.groups[i] = g
	return g.listen(first)
}
