package listener

import (
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Rescue takes what waits to be accepted on the private sockets of a worker that
// has gone, or is about to: rota holds them too, so those connections outlive it,
// and it never saw them. tell is called with the addresses that they come from,
// always and before any of them is closed. From here on Dial does not reach the
// worker.
func (s *Set) Rescue(user uint64, tell func(from []net.Addr)) {
	var listening []int
	s.mu.Lock()
	if h := s.hands[user]; h != nil {
		h.gone = true
		for _, socket := range h.sockets {
			if socket.fd >= 0 && socket.listening {
				listening = append(listening, socket.fd)
			}
		}
	}
	s.mu.Unlock()
	var from []net.Addr
	var waiting []int
	for _, fd := range listening {
		fds, peers := drainQueue(fd)
		waiting, from = append(waiting, fds...), append(from, peers...)
	}
	tell(from)
	for _, fd := range waiting {
		unix.Close(fd)
	}
}

// drainQueue accepts all that waits at a listening socket. Whether that may
// block is for all who share the socket to see, so it is put back: a process
// that is left may be on its way into accept.
func drainQueue(listening int) (fds []int, from []net.Addr) {
	flags, err := unix.FcntlInt(uintptr(listening), unix.F_GETFL, 0)
	if err != nil || unix.SetNonblock(listening, true) != nil {
		return nil, nil
	}
	defer unix.SetNonblock(listening, flags&unix.O_NONBLOCK != 0)
	for {
		fd, peer, err := unix.Accept4(listening, unix.SOCK_CLOEXEC)
		if err == unix.EINTR || err == unix.ECONNABORTED {
			continue
		}
		if err != nil {
			return fds, from // EAGAIN: that was all
		}
		fds = append(fds, fd)
		if a := tcpAddr(peer); a != nil {
			from = append(from, a)
		}
	}
}

// tcpAddr is an address as net has it for the other end of the connection.
func tcpAddr(name unix.Sockaddr) net.Addr {
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(n.Addr), uint16(n.Port)))
	case *unix.SockaddrInet6:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(n.Addr).Unmap(), uint16(n.Port)))
	}
	return nil
}
