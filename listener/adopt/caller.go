package adopt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"rota/listener"
)

// caller is the thread that made a trapped call.
type caller int

// process is the process that the thread belongs to.
func (c caller) process() int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c))
	if err != nil {
		return int(c)
	}
	_, rest, _ := bytes.Cut(data, []byte("\nTgid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	if pid, err := strconv.Atoi(string(bytes.TrimSpace(line))); err == nil {
		return pid
	}
	return int(c)
}

// inode is the inode of the caller's socket fd, 0 if it is no socket.
func (c caller) inode(fd int) uint64 {
	return listener.SocketInode(fmt.Sprintf("/proc/%d/fd/%d", c, fd))
}

// protocol is the name of the protocol of the caller's socket fd, as the kernel
// lists it in /proc/net/protocols ("TCP", "MPTCPv6", "UDP", ...). A socket that
// is not bound yet is in no table; sockfs tells its protocol as an attribute.
func (c caller) protocol(fd int) (string, error) {
	buf := make([]byte, 64)
	n, err := unix.Getxattr(fmt.Sprintf("/proc/%d/fd/%d", c, fd), "system.sockprotoname", buf)
	if err != nil {
		return "", fmt.Errorf("cannot read the protocol of descriptor %d of process %d: %w", fd, c, err)
	}
	return strings.TrimRight(string(buf[:n]), "\x00"), nil
}

// flags are the open flags of the caller's descriptor, O_CLOEXEC among them.
func (c caller) flags(fd int) (int, error) {
	path := fmt.Sprintf("/proc/%d/fdinfo/%d", c, fd)
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	flags, err := parseFlags(data)
	if err != nil {
		return 0, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return flags, nil
}

// parseFlags finds the octal flags in a file of /proc/PID/fdinfo, see proc(5).
func parseFlags(data []byte) (int, error) {
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "flags:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(value), 8, 64)
			return int(n), err
		}
	}
	return 0, errors.New("no flags in it")
}

// v6Only reads IPV6_V6ONLY of the caller's socket, through a copy of it.
// Container runtimes may refuse that; known is then false.
func (c caller) v6Only(fd int) (only, known bool) {
	pidfd, err := unix.PidfdOpen(c.process(), 0)
	if err != nil {
		return false, false
	}
	defer unix.Close(pidfd)
	dup, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return false, false
	}
	defer unix.Close(dup)
	value, err := unix.GetsockoptInt(dup, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	return value != 0, err == nil
}

// parseSockaddr reads a TCP address out of a sockaddr as bind(2) takes it. ok
// is false for another family and for port 0, which asks for any port at all:
// such sockets (Go's probe for IPv6, netlink, unix) are the program's own.
func parseSockaddr(raw []byte) (addr netip.AddrPort, ok bool) {
	if len(raw) < 8 {
		return addr, false
	}
	port := binary.BigEndian.Uint16(raw[2:])
	if port == 0 {
		return addr, false
	}
	switch family := binary.NativeEndian.Uint16(raw); {
	case family == unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[4:8])), port), true
	case family == unix.AF_INET6 && len(raw) >= 24:
		ip := netip.AddrFrom16([16]byte(raw[8:24]))
		if len(raw) >= 28 && ip.IsLinkLocalUnicast() {
			if zone := binary.NativeEndian.Uint32(raw[24:]); zone != 0 {
				ip = ip.WithZone(strconv.Itoa(int(zone)))
			}
		}
		return netip.AddrPortFrom(ip, port), true
	}
	return addr, false
}
