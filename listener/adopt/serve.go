// Package adopt gives an unmodified program the socket that it asked to bind.
//
// A seccomp filter in the worker traps bind(2) and listen(2) and nothing else,
// so no request ever pays for it. rota answers each trapped call from outside:
// it puts its own, long-lived socket in place of the worker's, under the same
// descriptor number, and lets the call succeed. That works for static binaries
// and behind any wrapper, because children inherit the filter. See
// seccomp_unotify(2) for the protocol.
package adopt

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"rota/listener"
	"rota/listener/adopt/filter"
)

// Kind says what a worker was seen to do.
type Kind string

// What a worker may be seen to do.
const (
	Bound     Kind = "bound"     // it asked for an address, and has rota's socket there
	Listening Kind = "listening" // it listens on one of rota's sockets
	Refused   Kind = "refused"   // it asked for an address that rota cannot have either
	Opaque    Kind = "opaque"    // it cannot be read; its own bind was let through
)

// Report is one thing that a worker was seen to do.
type Report struct {
	Kind    Kind
	PID     int              // the process, which may be a child of the worker's leader
	Address listener.Address // as the program knows it
	Socket  *listener.Socket // for Bound and Listening: what it has
	Err     error            // for Refused and Opaque
}

// Serve answers the trapped calls of one worker from its listener descriptor,
// until all its processes have ended or the file is closed. It returns nil then.
// user is whom the sockets are claimed for.
func Serve(f *os.File, sockets *listener.Set, user uint64, report func(Report)) error {
	c, err := newChannel(f)
	if err != nil {
		return err
	}
	for {
		n, err := c.receive()
		if errors.Is(err, errGone) || errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		call := call{channel: c, notification: n, sockets: sockets, user: user, report: report}
		if err := call.serve(); err != nil && !errors.Is(err, errGone) {
			return err
		}
	}
}

// call is one trapped call and what it takes to answer it.
type call struct {
	*channel
	notification
	sockets *listener.Set
	user    uint64
	report  func(Report)
}

func (c call) serve() error {
	fd := int(int32(c.args[0]))
	switch bind, listen := filter.Trapped(c.arch, uint32(c.nr)); {
	case bind:
		return c.bind(fd)
	case listen:
		return c.listen(fd)
	}
	return c.run(c.id)
}

// bind gives the caller rota's socket for a TCP address, and lets every other
// bind through.
func (c call) bind(fd int) error {
	who := caller(c.pid)
	// 28 bytes are a sockaddr_in6; a longer one is of another family.
	raw, err := listener.ReadMemory(int(who), c.args[1], int(min(c.args[2], 28)))
	if len(raw) == 0 && err == nil {
		return c.run(c.id)
	}
	if err != nil {
		return c.opaque(err)
	}
	addr, ok := parseSockaddr(raw)
	if !ok {
		return c.run(c.id)
	}
	protocol, err := who.protocol(fd)
	if err != nil {
		return c.opaque(err)
	}
	if !strings.HasPrefix(protocol, "TCP") && !strings.HasPrefix(protocol, "MPTCP") {
		return c.run(c.id)
	}
	flags, err := who.flags(fd)
	if err != nil {
		return c.opaque(err)
	}
	want := listener.Request{Addr: addr, IPv6: strings.HasSuffix(protocol, "v6")}
	if want.IPv6 {
		want.V6Only, want.V6OnlyKnown = who.v6Only(fd)
	}
	pid := who.process()
	if !c.valid(c.id) {
		return errGone
	}
	socket, err := c.sockets.Claim(want, c.user)
	if err != nil {
		c.report(Report{Kind: Refused, PID: pid, Address: want.Address(), Err: err})
		return c.answer(c.id, errnoOf(err))
	}
	// The flag belongs to the open socket, which workers may share; they all run
	// one program: what it asked for is right for every one of them.
	if err := unix.SetNonblock(socket.FD(), flags&unix.O_NONBLOCK != 0); err != nil {
		return err
	}
	if err := c.place(c.id, socket.FD(), fd, flags&unix.O_CLOEXEC != 0); err != nil {
		return c.opaque(fmt.Errorf("cannot place the socket for %s in process %d: %w", socket.Asked(), pid, err))
	}
	c.report(Report{Kind: Bound, PID: pid, Address: socket.Asked(), Socket: socket})
	return c.answer(c.id, 0)
}

// listen answers for rota's sockets without running the call, so that no
// worker changes the backlog of all; any other socket is the program's own.
func (c call) listen(fd int) error {
	who := caller(c.pid)
	inode, pid := who.inode(fd), who.process()
	if !c.valid(c.id) {
		return errGone
	}
	socket := c.sockets.ByInode(inode)
	if socket == nil {
		return c.run(c.id)
	}
	if err := c.sockets.Listen(socket); err != nil {
		c.report(Report{Kind: Refused, PID: pid, Address: socket.Asked(), Err: err})
		return c.answer(c.id, errnoOf(err))
	}
	if err := c.answer(c.id, 0); err != nil {
		return err
	}
	c.report(Report{Kind: Listening, PID: pid, Address: socket.Asked(), Socket: socket})
	return nil
}

// opaque lets a call through that could not be understood.
func (c call) opaque(err error) error {
	if !c.valid(c.id) {
		return errGone
	}
	c.report(Report{Kind: Opaque, PID: int(c.pid), Err: err})
	return c.run(c.id)
}

// errnoOf is what the program is told: the kernel's own answer where there is one.
func errnoOf(err error) unix.Errno {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return unix.EADDRINUSE
}
