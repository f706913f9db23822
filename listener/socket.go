package listener

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is one listening socket that rota holds. Its descriptor is kept raw:
// os.File would switch O_NONBLOCK off, for every process that shares the
// socket, each time it hands the descriptor out.
type Socket struct {
	address   Address
	fd        int
	inode     uint64
	listening bool
	taken     bool            // a worker serves from it
	users     map[uint64]bool // the workers that claimed it
	inherited bool            // rota was started with it; whoever made it keeps its file

	// Of a private one, see private.go:
	asked Address   // what the program bound
	fit   fit       // how surely the worker serves from it
	since time.Time // when it began to listen

	shared bool // others may reach it through a relay
	open   bool // of a group: new connections may come
}

// Address is where the socket listens.
func (s *Socket) Address() Address { return s.address }

// Asked is where the program believes that it listens: what it bound, which is
// not where it has a socket if that is private.
func (s *Socket) Asked() Address {
	if s.asked == (Address{}) {
		return s.address
	}
	return s.asked
}

// FD is rota's own descriptor of the socket. A private one is closed when its
// worker has gone, any other that is served stays open as long as rota lives. It
// is -1 for a socket that only the worker has.
func (s *Socket) FD() int { return s.fd }

// Inherited tells whether rota was started with the socket, which whoever made
// it may hold too.
func (s *Socket) Inherited() bool { return s.inherited }

// Inode names the socket in /proc/PID/fd of whatever process has it.
func (s *Socket) Inode() uint64 { return s.inode }

// open makes a socket and binds it; it does not listen yet. Its error is the
// kernel's own, which describe explains. The socket is made by hand
// because net.Listen("tcp", "0.0.0.0:P") may make an IPv6 socket.
func open(a Address) (*Socket, error) {
	var fd int
	var err error
	switch a.Family {
	case Unix:
		fd, err = bindUnix(a.Path)
	default:
		fd, err = bindTCP(a)
	}
	if err != nil {
		return nil, err
	}
	return &Socket{address: a, fd: fd, inode: inodeOf(fd)}, nil
}

// bindTCP may be told further options of SOL_SOCKET to switch on before.
func bindTCP(a Address, options ...int) (int, error) {
	domain := unix.AF_INET6
	if a.Family == IPv4 {
		domain = unix.AF_INET
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, err
	}
	for _, option := range options {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1)
		}
	}
	if err == nil {
		err = bindFD(fd, a)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func bindFD(fd int, a Address) error {
	// As every server does: else connections of an earlier run in TIME_WAIT
	// would hold the port for a minute.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if a.Family == IPv4 {
		return unix.Bind(fd, &unix.SockaddrInet4{Port: int(a.Port), Addr: a.IP.As4()})
	}
	only := 0
	if a.Family == IPv6 {
		only = 1
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
		return err
	}
	zone, _ := strconv.ParseUint(a.IP.Zone(), 10, 32)
	return unix.Bind(fd, &unix.SockaddrInet6{Port: int(a.Port), Addr: a.IP.As16(), ZoneId: uint32(zone)})
}

// bindUnix replaces a socket file that nobody listens on any more, as an
// earlier run that was killed leaves it.
func bindUnix(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	if err == unix.EADDRINUSE && abandoned(path) {
		if err = os.Remove(path); err == nil {
			err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// abandoned tells whether path is a socket that refuses connections.
func abandoned(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return false
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) == unix.ECONNREFUSED
}

// describe says what an operator can do about a failed bind. The kernel's own
// error stays inside. It may look through every process, so no lock is held.
func describe(a Address, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EADDRINUSE) && err != unix.EADDRINUSE: // it says by whom
		return fmt.Errorf("cannot listen on %s: %w", a, err)
	case errors.Is(err, unix.EADDRINUSE):
		if who := Holder(a); who != "" {
			return fmt.Errorf("cannot listen on %s: %w by %s", a, err, who)
		}
		return fmt.Errorf("cannot listen on %s: %w (is another rota running?)", a, err)
	case errors.Is(err, unix.EACCES) && a.Family != Unix:
		return fmt.Errorf("cannot listen on %s: %w (ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE)", a, err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("cannot listen on %s: %w (no interface of this machine has it)", a, err)
	}
	return fmt.Errorf("cannot listen on %s: %w", a, err)
}

// backlog is more than any kernel allows, which cuts it to net.core.somaxconn:
// the operator's setting, not a program's habit, decides how many may wait.
const backlog = 1<<16 - 1

func (s *Socket) listen() error {
	if s.listening {
		return nil
	}
	if err := unix.Listen(s.fd, backlog); err != nil {
		return err
	}
	s.listening = true
	return nil
}

// adoptFD makes a Socket of a descriptor that rota was started with.
func adoptFD(fd int) (*Socket, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, fmt.Errorf("cannot use inherited descriptor %d: not a socket (%w)", fd, err)
	}
	if kind != unix.SOCK_STREAM {
		return nil, fmt.Errorf("cannot use inherited descriptor %d: not a stream socket", fd)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, fmt.Errorf("cannot read the address of inherited descriptor %d: %w", fd, err)
	}
	s := &Socket{fd: fd, inode: inodeOf(fd), inherited: true}
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		s.address = Address{Family: IPv4, IP: netip.AddrFrom4(n.Addr), Port: uint16(n.Port)}
	case *unix.SockaddrInet6:
		only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		if err != nil {
			return nil, fmt.Errorf("cannot read IPV6_V6ONLY of inherited descriptor %d: %w", fd, err)
		}
		s.address = Request{Addr: netip.AddrPortFrom(netip.AddrFrom16(n.Addr), uint16(n.Port)), IPv6: true, V6Only: only != 0}.Address()
	case *unix.SockaddrUnix:
		s.address = Address{Family: Unix, Path: n.Name}
	default:
		return nil, fmt.Errorf("cannot use inherited descriptor %d: neither TCP nor a unix socket", fd)
	}
	unix.CloseOnExec(fd)
	// Socket activation hands over sockets that listen already, as systemd.socket(5)
	// says; listening again only sets the backlog.
	return s, describe(s.address, s.listen())
}

func inodeOf(fd int) uint64 {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return 0
	}
	return stat.Ino
}

// SocketInode reads the inode out of a link such as /proc/PID/fd/3, 0 if it is
// no socket.
func SocketInode(link string) uint64 {
	target, err := os.Readlink(link)
	if err != nil {
		return 0
	}
	return socketInode(target)
}

// socketInode reads the inode out of what such a link points to: socket:[4711].
func socketInode(target string) uint64 {
	digits, ok := strings.CutPrefix(target, "socket:[")
	if !ok {
		return 0
	}
	inode, _ := strconv.ParseUint(strings.TrimSuffix(digits, "]"), 10, 64)
	return inode
}
