package listener

import (
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Rescue takes what waits to be accepted on the private sockets of a worker that
// has gone: rota holds them, so those connections outlive it, and it never saw
// them. tell is called with the addresses that they come from, always and before
// any of them is closed. From here on Dial does not reach the worker.
func (s *Set) Rescue(user uint64, tell func(from []net.Addr)) {
	var sockets []*Socket
	s.mu.Lock()
	if h := s.hands[user]; h != nil {
		h.gone = true
		sockets = slices.Clone(h.sockets)
	}
	s.mu.Unlock()
	var from []net.Addr
	var waiting []int
	for _, socket := range sockets {
		if socket.fd < 0 || !socket.listening {
			continue
		}
		// The program may have wanted to be blocked by it.
		if unix.SetNonblock(socket.fd, true) != nil {
			continue
		}
		for {
			fd, peer, err := unix.Accept4(socket.fd, unix.SOCK_CLOEXEC)
			if err == unix.EINTR || err == unix.ECONNABORTED {
				continue
			}
			if err != nil {
				break // EAGAIN: that was all
			}
			waiting = append(waiting, fd)
			if a := tcpAddr(peer); a != nil {
				from = append(from, a)
			}
		}
	}
	tell(from)
	for _, fd := range waiting {
		unix.Close(fd)
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
