package listener

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// group are the sockets of one address, one for each seat that serves there.
type group struct {
	address  Address
	nonblock bool      // as the first was, for whoever inherits one
	sockets  []*Socket // by seat; nil where it has none here
	order    []*Socket // those that listen, as the kernel numbers them: by when they began to
	attached []int     // the weights of the program that is there, by index
	spare    *Socket   // of no seat yet
}

// newGroup makes a group of a socket that is bound already. It was bound without
// SO_REUSEPORT, so that a second rota of the same user is refused; the kernel
// takes the option afterwards all the same.
func newGroup(first *Socket) (*group, error) {
	if first.address.Family == Unix {
		return nil, fmt.Errorf("%s is no TCP address", first.address)
	}
	if err := unix.SetsockoptInt(first.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return nil, fmt.Errorf("cannot share %s among sockets: %w", first.address, err)
	}
	if device, err := unix.GetsockoptString(first.fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE); err == nil && device != "" {
		return nil, fmt.Errorf("%s is bound to the interface %s", first.address, device)
	}
	flags, err := unix.FcntlInt(uintptr(first.fd), unix.F_GETFL, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot read the flags of the socket for %s: %w", first.address, err)
	}
	g := &group{address: first.address, nonblock: flags&unix.O_NONBLOCK != 0, spare: first}
	if first.listening {
		g.order = append(g.order, first)
	}
	return g, nil
}

// at is the socket that a seat has here, nil if it has none.
func (g *group) at(seat int) *Socket {
	if seat < len(g.sockets) {
		return g.sockets[seat]
	}
	return nil
}

// ensure gives a seat its socket here. It is bound, and may not listen yet.
func (g *group) ensure(seat int) (*Socket, error) {
	if h := g.at(seat); h != nil {
		return h, nil
	}
	socket := g.spare
	if socket == nil {
		fd, err := bindTCP(g.address, unix.SO_REUSEPORT)
		if err != nil {
			return nil, err
		}
		socket = &Socket{address: g.address, fd: fd, inode: inodeOf(fd)}
	}
	g.spare = nil
	for len(g.sockets) <= seat {
		g.sockets = append(g.sockets, nil)
	}
	g.sockets[seat] = socket
	return socket, nil
}

// listen makes a socket of the group listen, which gives it the next index.
func (g *group) listen(socket *Socket) error {
	if socket.listening {
		return nil
	}
	if err := socket.listen(); err != nil {
		return err
	}
	g.order = append(g.order, socket)
	return nil
}

// refresh finds out which sockets a worker has shut down, as uWSGI does when it
// stops. What waited there was reset by the kernel, which moved the last socket of
// the group to the index that became free (reuseport_detach_sock).
func (g *group) refresh() {
	for i := 0; i < len(g.order); {
		if _, _, ok := g.order[i].Queue(); ok {
			i++
			continue
		}
		last := len(g.order) - 1
		g.order[i].listening = false
		g.order[i] = g.order[last]
		g.order = g.order[:last]
		g.attached = nil // what it names has moved
	}
}

// shutdown ends all sockets but one, which frees the port although workers hold
// copies of them.
func (g *group) shutdown(but *Socket) {
	for _, h := range g.all() {
		if h != but {
			_ = unix.Shutdown(h.fd, unix.SHUT_RDWR)
		}
	}
}

// used tells whether a worker was seen to listen on one of the sockets.
func (g *group) used() bool {
	return slices.ContainsFunc(g.sockets, func(h *Socket) bool { return h != nil && h.taken })
}

// all are the sockets of the group.
func (g *group) all() []*Socket {
	all := slices.DeleteFunc(slices.Clone(g.sockets), func(h *Socket) bool { return h == nil })
	if g.spare != nil {
		all = append(all, g.spare)
	}
	return all
}

// tryGroup finds out whether the kernel chooses as a program says, on a port of
// loopback that nobody else uses. Asking is not enough: a kernel may take the
// option and leave it at that.
func tryGroup() error {
	const enough = 8 // by chance they would all go to one of two sockets once in 256
	first, err := (&Set{loopback6: netip.IPv6Loopback()}).openPrivate(Request{})
	if err != nil {
		return fmt.Errorf("cannot open a socket on loopback: %w", err)
	}
	defer unix.Close(first.fd)
	g, err := newGroup(first)
	if err != nil {
		return err
	}
	for seat := range 2 {
		h, err := g.ensure(seat)
		if err != nil {
			return err
		}
		if seat > 0 {
			defer unix.Close(h.fd)
		}
		if err := g.listen(h); err != nil {
			return err
		}
	}
	if err := attach(first.fd, []int{0, 1}); err != nil {
		return fmt.Errorf("this kernel does not let a program choose who accepts: %w", err)
	}
	for range enough {
		conn, err := net.Dial("tcp", first.address.String())
		if err != nil {
			return err
		}
		defer conn.Close()
	}
	if n, _, _ := g.sockets[1].Queue(); n != enough {
		return fmt.Errorf("this kernel does not act on the program that chooses who accepts")
	}
	return nil
}
