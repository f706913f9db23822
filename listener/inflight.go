package listener

import (
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// InFlight counts the connections of some processes to the held TCP sockets on
// which something is under way, as far as the kernel can tell: bytes that the
// server has not read or the client has not got, or a request received after
// the last answer was sent. It sees no request that is being answered in
// pieces while nothing waits to be sent.
func (s *Set) InFlight(pids []int) (int, error) {
	n := 0
	err := s.eachConnection(pids, func(c *netlink.InetDiagTCPInfoResp) {
		m := c.InetDiagMsg
		if m.State == netlink.TCP_ESTABLISHED && (m.RQueue > 0 || m.WQueue > 0 || underWay(c.TCPInfo)) {
			n++
		}
	})
	return n, err
}

// Accepted counts the connections to the held TCP sockets that some processes
// have accepted and not closed yet.
func (s *Set) Accepted(pids []int) (int, error) {
	n := 0
	err := s.eachConnection(pids, func(*netlink.InetDiagTCPInfoResp) { n++ })
	return n, err
}

// eachConnection looks at every connection to the held TCP sockets that one of
// the processes owns.
func (s *Set) eachConnection(pids []int, look func(*netlink.InetDiagTCPInfoResp)) error {
	ports := map[uint16]bool{}
	families := map[uint8]bool{}
	for _, h := range s.Sockets() {
		switch h.address.Family {
		case IPv4:
			families[unix.AF_INET] = true
		case IPv6, Dual:
			families[unix.AF_INET6] = true
		default:
			continue
		}
		ports[h.address.Port] = true
	}
	owned := ownedSockets(pids)
	for family := range families {
		connections, err := netlink.SocketDiagTCPInfo(family)
		if err != nil {
			return fmt.Errorf("cannot list TCP connections: %w", err)
		}
		for _, c := range connections {
			m := c.InetDiagMsg
			if m != nil && c.TCPInfo != nil && m.ID.DestinationPort != 0 && owned[m.INode] && ports[m.ID.SourcePort] {
				look(c)
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
func underWay(t *netlink.TCPInfo) bool {
	return t.Last_data_recv < t.Last_data_sent || t.Data_segs_in > 0 && t.Data_segs_out == 0
}

// Queue is how many connections wait to be accepted on a TCP socket, and how
// many may; TCP_INFO has them in tcpi_unacked and tcpi_sacked for a listening
// socket.
func (s *Socket) Queue() (length, limit int, ok bool) {
	if s.address.Family == Unix {
		return 0, 0, false
	}
	info, err := unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, 0, false
	}
	return int(info.Unacked), int(info.Sacked), true
}
