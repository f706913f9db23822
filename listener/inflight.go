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
	if len(families) == 0 {
		return 0, nil
	}
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
	n := 0
	for family := range families {
		connections, err := netlink.SocketDiagTCPInfo(family)
		if err != nil {
			return 0, fmt.Errorf("cannot list TCP connections: %w", err)
		}
		for _, c := range connections {
			m := c.InetDiagMsg
			if m == nil || c.TCPInfo == nil || !owned[m.INode] || !ports[m.ID.SourcePort] || m.State != netlink.TCP_ESTABLISHED {
				continue
			}
			// Both are milliseconds ago, so the smaller is the later.
			if m.RQueue > 0 || m.WQueue > 0 || c.TCPInfo.Last_data_recv < c.TCPInfo.Last_data_sent {
				n++
			}
		}
	}
	return n, nil
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
