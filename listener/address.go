// Package listener holds the sockets that a pool serves on, for the whole life
// of rota, and says how a worker gets one of them: through its environment
// (inherit), or in place of the one that it binds itself (adopt).
package listener

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Family is the kind of a listening socket.
type Family string

// The families of listening sockets. Dual is an IPv6 socket that takes IPv4
// connections too (IPV6_V6ONLY off).
const (
	IPv4 Family = "tcp4"
	IPv6 Family = "tcp6"
	Dual Family = "tcp"
	Unix Family = "unix"
)

// Address is where a socket listens. Two addresses are the same socket only if
// all of it is equal: a dual-stack socket given to an IPv4 program yields
// garbage client addresses.
type Address struct {
	Family Family
	IP     netip.Addr // zero for Unix
	Port   uint16
	Path   string // Unix only
}

// String is the address as an operator writes it.
func (a Address) String() string {
	switch {
	case a.Family == Unix:
		return "unix:" + a.Path
	case a.Family == Dual && a.IP.IsUnspecified():
		return ":" + strconv.Itoa(int(a.Port))
	}
	return netip.AddrPortFrom(a.IP, a.Port).String()
}

// Wildcard tells whether the socket takes connections on every local address.
func (a Address) Wildcard() bool {
	return a.Family != Unix && a.IP.IsUnspecified()
}

const addressRemedy = "want :PORT, HOST:PORT, [IPv6]:PORT or unix:/PATH"

// ParseAddress reads what --listen takes: `:8080` and `[::]:8080` are
// dual-stack, `0.0.0.0:8080` is IPv4, `tcp6:[::]:8080` IPv6 alone, a host name
// is looked up once (IPv4 first), `unix:/path` is a unix socket.
func ParseAddress(s string) (Address, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		// 107 bytes and a NUL are what sockaddr_un has room for (unix(7)).
		if path == "" || len(path) > 107 {
			return Address{}, fmt.Errorf("bad address %q: a unix socket needs a path of 1 to 107 bytes, like unix:/run/app.sock", s)
		}
		return Address{Family: Unix, Path: path}, nil
	}
	rest, only6 := strings.CutPrefix(s, "tcp6:")
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		return Address{}, fmt.Errorf("bad address %q: %s", s, addressRemedy)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Address{}, fmt.Errorf("bad address %q: the port must be a number from 1 to 65535", s)
	}
	a := Address{Port: uint16(n)}
	if host == "" {
		a.IP = netip.IPv6Unspecified()
	} else if a.IP, err = lookup(host); err != nil {
		return Address{}, fmt.Errorf("bad address %q: %w", s, err)
	}
	switch {
	case a.IP.Is4():
		a.Family = IPv4
		if only6 {
			return Address{}, fmt.Errorf("bad address %q: %s is not an IPv6 address", s, host)
		}
	case a.IP.IsUnspecified() && !only6:
		a.Family = Dual
	default:
		a.Family = IPv6
	}
	return a, nil
}

// lookup turns a host into one address; IPv4 is preferred because that is what
// "localhost" means to most programs.
func lookup(host string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap(), nil
	}
	ips, err := net.LookupIP(host)
	if err != nil || len(ips) == 0 {
		return netip.Addr{}, fmt.Errorf("host %q is not known; %s", host, addressRemedy)
	}
	for _, ip := range ips {
		if v4, ok := netip.AddrFromSlice(ip.To4()); ok {
			return v4, nil
		}
	}
	ip, _ := netip.AddrFromSlice(ips[0])
	return ip, nil
}
