package listener

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// InFlight counts the connections of some processes to the held TCP sockets on
// which something is under way, as far as the kernel can tell: bytes that the
// server has not read or the client has not got, or a request received after
// the last answer was sent. It sees no request that is being answered in
// pieces while nothing waits to be sent.
func (s *Set) InFlight(pids []int) (int, error) {
	n := 0
	err := s.eachConnection(pids, func(c connection) {
		if c.unread > 0 || c.unsent > 0 || c.underWay() {
			n++
		}
	})
	return n, err
}

// Accepted counts the open connections to the held TCP sockets that some
// processes have accepted.
func (s *Set) Accepted(pids []int) (int, error) {
	n := 0
	err := s.eachConnection(pids, func(connection) { n++ })
	return n, err
}

// eachConnection looks at every open connection to the held TCP sockets that
// one of the processes owns.
func (s *Set) eachConnection(pids []int, look func(connection)) error {
	owned := ownedSockets(pids)
	for _, h := range s.Sockets() {
		family := uint8(unix.AF_INET6)
		switch h.address.Family {
		case Unix:
			continue
		case IPv4:
			family = unix.AF_INET
		}
		all, err := connections(family, h.address.Port)
		if err != nil {
			return err
		}
		for _, c := range all {
			if owned[c.inode] {
				look(c)
				delete(owned, c.inode) // two sockets may share a port
			}
		}
	}
	return nil
}

// ownedSockets are the inodes of all sockets of some processes.
func ownedSockets(pids []int) map[uint32]bool {
	owned := map[uint32]bool{}
	for _, pid := range pids {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it ended
		}
		for _, e := range entries {
			if inode := SocketInode(dir + "/" + e.Name()); inode != 0 {
				owned[uint32(inode)] = true
			}
		}
	}
	return owned
}

// underWay tells whether the last thing that happened on a connection was a
// request. Both times are milliseconds ago, so the smaller is the later; they
// move in the kernel's ticks, so a client that sends right after it connected
// is told by the answer that was never sent.
func (c connection) underWay() bool {
	t := c.info
	return t.Last_data_recv < t.Last_data_sent || t.Data_segs_in > 0 && t.Data_segs_out == 0
}

// Queue is how many connections wait to be accepted on a TCP socket, and how
// many may; TCP_INFO has them in tcpi_unacked and tcpi_sacked for a listening
// socket. ok is false for one that does not listen, yet or any more.
func (s *Socket) Queue() (length, limit int, ok bool) {
	if s.address.Family == Unix {
		return 0, 0, false
	}
	info, err := unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil || info.State != unix.BPF_TCP_LISTEN {
		return 0, 0, false
	}
	return int(info.Unacked), int(info.Sacked), true
}
