package listener

import (
	"net"
	"os"
)

// Relay hands what waits at seats without a worker to those that are steered to,
// through rota, and returns how many connections that were. Their workers see
// them come from this machine. Where nobody is steered to, they go on waiting, and
// so they do after Hush.
func (s *Set) Relay() (relayed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.steering == nil || s.steering.hushed {
		return 0
	}
	for i, seat := range s.steering.seats {
		if seat.taken {
			continue
		}
		for n, g := range s.steering.groups {
			h := g.at(i)
			if h == nil || !h.listening || s.steering.best(g) != chosen {
				continue
			}
			if length, _, ok := h.Queue(); !ok || length == 0 {
				continue
			}
			waiting, _ := drainQueue(h.fd)
			for _, fd := range waiting {
				if conn := connectionOf(fd); conn != nil {
					relayed++
					go carry(conn, s.sockets[n])
				}
			}
		}
	}
	return relayed
}

// connectionOf takes a descriptor over; nil if rota has no more of them.
func connectionOf(fd int) net.Conn {
	file := os.NewFile(uintptr(fd), "connection")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil
	}
	return conn
}
