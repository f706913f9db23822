package listener

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// connection is an accepted connection as the kernel tells of it, see
// sock_diag(7).
type connection struct {
	inode          uint32
	unread, unsent uint32 // bytes that the server has not read, that the client has not acknowledged
	info           unix.TCPInfo
}

// From linux/inet_diag.h and net/tcp_states.h.
const (
	inetDiagInfo      = 2  // the attribute that holds struct tcp_info
	inetDiagReqSize   = 56 // struct inet_diag_req_v2
	inetDiagMsgSize   = 72 // struct inet_diag_msg
	stateEstablished  = 1
	stateCloseWait    = 8 // the client has sent all that it will
	stateSynRecv      = 3
	stateListen       = 10
	offsetMsgSourceBE = 8
	offsetMsgRetrans  = 3
	offsetMsgExpires  = 52
	offsetMsgRQueue   = 56
	offsetMsgWQueue   = 60
	offsetMsgInode    = 68
	offsetReqExt      = 2
	offsetReqStates   = 4
	offsetReqSourceBE = 8
)

// The library finds the byte order out on first use, without a lock: here that
// is before any goroutine.
var _ = nl.NativeEndian()

// diagRequest is struct inet_diag_req_v2 for the sockets of one local port.
// Listing every connection of the machine instead, as libraries do, would take
// in those in TIME_WAIT: tens of thousands behind a busy server.
type diagRequest struct {
	family uint8
	port   uint16
	states uint32
}

// Len implements nl.NetlinkRequestData.
func (diagRequest) Len() int { return inetDiagReqSize }

// Serialize implements nl.NetlinkRequestData.
func (r diagRequest) Serialize() []byte {
	b := make([]byte, inetDiagReqSize)
	b[0], b[1] = r.family, unix.IPPROTO_TCP
	b[offsetReqExt] = 1 << (inetDiagInfo - 1)
	binary.NativeEndian.PutUint32(b[offsetReqStates:], r.states)
	binary.BigEndian.PutUint16(b[offsetReqSourceBE:], r.port)
	return b
}

// connections lists the open connections of one local TCP port. It needs no
// privilege.
func connections(family uint8, port uint16) ([]connection, error) {
	request := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
	request.AddData(diagRequest{family, port, 1<<stateEstablished | 1<<stateCloseWait})
	messages, err := request.Execute(unix.NETLINK_INET_DIAG, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot list the connections of port %d: %w", port, err)
	}
	var all []connection
	for _, m := range messages {
		c, err := parseConnection(m)
		if err != nil {
			return nil, fmt.Errorf("cannot list the connections of port %d: %w", port, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// parseConnection reads a struct inet_diag_msg and its attributes. Kernels
// append fields to struct tcp_info; what one does not have stays 0.
func parseConnection(m []byte) (connection, error) {
	if len(m) < inetDiagMsgSize {
		return connection{}, fmt.Errorf("a message of %d bytes is none of sock_diag", len(m))
	}
	c := connection{
		inode:  binary.NativeEndian.Uint32(m[offsetMsgInode:]),
		unread: binary.NativeEndian.Uint32(m[offsetMsgRQueue:]),
		unsent: binary.NativeEndian.Uint32(m[offsetMsgWQueue:]),
	}
	// struct rtattr: length with these 4 bytes, type; the next begins at the next
	// multiple of 4.
	for rest := m[inetDiagMsgSize:]; len(rest) >= 4; {
		size, kind := int(binary.NativeEndian.Uint16(rest)), binary.NativeEndian.Uint16(rest[2:])
		if size < 4 || size > len(rest) {
			return connection{}, fmt.Errorf("an attribute of %d bytes in the last %d of a message", size, len(rest))
		}
		if kind == inetDiagInfo {
			copy((*[unsafe.Sizeof(c.info)]byte)(unsafe.Pointer(&c.info))[:], rest[4:size])
		}
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	return c, nil
}

// listening finds a socket that listens on a local TCP port. It needs no
// privilege; not every kernel has it (gVisor).
func listening(family uint8, port uint16) (a Address, inode uint64, found bool, err error) {
	request := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
	request.AddData(diagRequest{family, port, 1 << stateListen})
	messages, err := request.Execute(unix.NETLINK_INET_DIAG, 0)
	if err != nil {
		return a, 0, false, fmt.Errorf("cannot look for who listens on port %d: %w", port, err)
	}
	if len(messages) == 0 {
		return a, 0, false, nil
	}
	m := messages[0]
	if len(m) < inetDiagMsgSize {
		return a, 0, false, fmt.Errorf("a message of %d bytes is none of sock_diag", len(m))
	}
	a = Address{Family: IPv4, Port: port}
	size := 4
	if family == unix.AF_INET6 {
		a.Family, size = Dual, 16
	}
	a.IP, _ = netip.AddrFromSlice(m[offsetMsgSourceBE : offsetMsgSourceBE+size])
	return a, uint64(binary.NativeEndian.Uint32(m[offsetMsgInode:])), true, nil
}

// firstTimeout is after what time the kernel repeats its part of a handshake:
// TCP_TIMEOUT_INIT of linux/net/tcp.h.
const firstTimeout = time.Second

// handshakes lists those that are under way at a local TCP port, by how long ago
// they began, at least: at the port, since the kernel does not tell of which
// listening socket they are.
func handshakes(family uint8, port uint16) ([]time.Duration, error) {
	request := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
	request.AddData(diagRequest{family, port, 1 << stateSynRecv})
	messages, err := request.Execute(unix.NETLINK_INET_DIAG, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot list the handshakes of port %d: %w", port, err)
	}
	var ages []time.Duration
	for _, m := range messages {
		age, err := parseHandshake(m)
		if err != nil {
			return nil, fmt.Errorf("cannot list the handshakes of port %d: %w", port, err)
		}
		ages = append(ages, age)
	}
	return ages, nil
}

// tick is the coarsest of the kernel's clocks (HZ of 100), which rounds up.
const tick = 10 * time.Millisecond

// parseHandshake reads how old a handshake is out of when the kernel is going to
// repeat its answer. One that was repeated already, or whose time to go is
// unlike the kernel's own, may be of any age.
func parseHandshake(m []byte) (time.Duration, error) {
	if len(m) < inetDiagMsgSize {
		return 0, fmt.Errorf("a message of %d bytes is none of sock_diag", len(m))
	}
	left := time.Duration(binary.NativeEndian.Uint32(m[offsetMsgExpires:])) * time.Millisecond
	if m[offsetMsgRetrans] > 0 || left > firstTimeout+tick {
		return time.Hour, nil
	}
	return firstTimeout + tick - left, nil
}
