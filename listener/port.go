package listener

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// portRange is where the kernel takes the ports of outgoing connections from,
// see ip(7): a port in it may be gone before a worker binds it.
const portRange = "/proc/sys/net/ipv4/ip_local_port_range"

// FreePort finds a TCP port that nobody uses, on any address, for a worker to
// bind. taken tells of those that other workers have been told.
func FreePort(taken func(uint16) bool) (uint16, error) {
	data, err := os.ReadFile(portRange)
	if err != nil {
		data = []byte("32768 60999") // the kernel's default
	}
	least, most := outside(string(data))
	for range 1000 {
		port := uint16(least + rand.IntN(most-least+1))
		if !taken(port) && isFree(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("cannot find a free TCP port from %d to %d for a worker", least, most)
}

// outside are the bounds of the ports that the kernel does not give to clients:
// below its range, or above it where little is left below.
func outside(text string) (least, most int) {
	const first, last, enough = 10000, 65535, 1000
	low, high := 32768, 60999
	if f := strings.Fields(text); len(f) == 2 {
		a, errA := strconv.Atoi(f[0])
		b, errB := strconv.Atoi(f[1])
		if errA == nil && errB == nil && a > 0 && a <= b && b <= last {
			low, high = a, b
		}
	}
	switch {
	case low-first >= enough:
		return first, low - 1
	case last-high >= enough:
		return high + 1, last
	}
	return first, last
}

// isFree binds every address of a port for a moment, without SO_REUSEADDR,
// which not every program sets.
func isFree(port uint16) bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err == nil {
		defer unix.Close(fd)
		if unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0) == nil {
			err = unix.Bind(fd, &unix.SockaddrInet6{Port: int(port)})
			if err != unix.EADDRNOTAVAIL {
				return err == nil
			}
		}
	}
	fd4, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return false
	}
	defer unix.Close(fd4)
	return unix.Bind(fd4, &unix.SockaddrInet4{Port: int(port)}) == nil
}

// Spot looks for the listening socket that a worker has at the port that it was
// told, and takes it for the worker's own: without the filter nobody tells of
// it. It returns nil as long as there is none, and the same one from then on.
func (s *Set) Spot(user uint64) *Socket {
	s.mu.Lock()
	h := s.hands[user]
	if h == nil || h.Port == 0 {
		s.mu.Unlock()
		return nil
	}
	port := h.Port
	for _, o := range h.sockets {
		if o.fit == proper {
			s.mu.Unlock()
			return o
		}
	}
	s.mu.Unlock()
	address, inode, ok := listensAt(port) // the tables may be long: not under the lock
	if !ok {
		return nil
	}
	socket := &Socket{address: address, fd: -1, inode: inode, listening: true, taken: true, asked: address, fit: proper, since: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h = s.hands[user]; h == nil {
		return nil
	}
	h.sockets = append(h.sockets, socket)
	return socket
}

// listensAt finds who listens on a port: by asking the kernel for just that,
// else in its tables, which are long where there are many connections, else by
// connecting. Whether an IPv6 socket takes IPv4 too is not told; it counts as if.
func listensAt(port uint16) (Address, uint64, bool) {
	answered := false
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		a, inode, found, err := listening(family, port)
		if found {
			return a, inode, true
		}
		answered = answered || err == nil
	}
	if answered {
		return Address{}, 0, false
	}
	return listensInTables(port)
}

func listensInTables(port uint16) (Address, uint64, bool) {
	readable := false
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // without IPv6 there is no second one
		}
		readable = true
		for line := range strings.Lines(string(data)) {
			if a, inode, ok := parseListening(line); ok && a.Port == port {
				return a, inode, true
			}
		}
	}
	guess := Socket{address: Address{Family: IPv4, IP: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Port: port}}
	if readable || !guess.answers() {
		return Address{}, 0, false
	}
	return guess.address, 0, true
}

// answers tells whether somebody listens there.
func (s *Socket) answers() bool {
	conn, err := s.dial()
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// parseListening reads a line of /proc/net/tcp or tcp6, see proc(5): a number,
// local and remote address in hexadecimal, the state, five columns that do not
// matter, and the inode. ok is false if the socket does not listen.
func parseListening(line string) (a Address, inode uint64, ok bool) {
	const listening = "0A" // TCP_LISTEN
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != listening {
		return a, 0, false
	}
	host, digits, found := strings.Cut(f[1], ":")
	port, err := strconv.ParseUint(digits, 16, 16)
	if !found || err != nil || len(host) != 8 && len(host) != 32 {
		return a, 0, false
	}
	// Words of 32 bits in network order, each printed as this machine reads it.
	var raw []byte
	for ; len(host) > 0; host = host[8:] {
		word, err := strconv.ParseUint(host[:8], 16, 32)
		if err != nil {
			return a, 0, false
		}
		raw = binary.NativeEndian.AppendUint32(raw, uint32(word))
	}
	a.IP, _ = netip.AddrFromSlice(raw)
	a.Family, a.Port = IPv4, uint16(port)
	if len(raw) == 16 {
		a.Family = Dual
	}
	inode, err = strconv.ParseUint(f[9], 10, 64)
	return a, inode, err == nil
}
