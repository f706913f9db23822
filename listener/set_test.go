package listener

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// port finds a TCP port that nobody uses in either family.
func port(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func hold(t *testing.T, addresses ...string) *Set {
	t.Helper()
	var as []Address
	for _, text := range addresses {
		a, err := ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		as = append(as, a)
	}
	s, err := Hold(as, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func request(ip string, port uint16, flags ...string) Request {
	r := Request{Addr: netip.AddrPortFrom(netip.MustParseAddr(ip), port)}
	for _, f := range flags {
		switch f {
		case "v6":
			r.IPv6 = true
		case "only":
			r.V6Only, r.V6OnlyKnown = true, true
		case "dual":
			r.V6OnlyKnown = true
		}
	}
	return r
}

// domain is the family that the kernel gives a descriptor.
func domain(t *testing.T, fd int) int {
	t.Helper()
	d, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestClaimGivesOneSocketForOneAddress(t *testing.T) {
	s := hold(t)
	p := port(t)
	first, err := s.Claim(request("127.0.0.1", p), 1)
	if err != nil {
		t.Fatal(err)
	}
	if domain(t, first.FD()) != unix.AF_INET {
		t.Errorf("an IPv4 address got another family")
	}
	second, err := s.Claim(request("127.0.0.1", p), 1)
	if err != nil || second != first {
		t.Errorf("the second worker got another socket: %v", err)
	}
	if s.ByInode(first.Inode()) != first {
		t.Errorf("the socket is not found by its inode")
	}
	other, err := s.Claim(request("::1", port(t), "v6"), 1)
	if err != nil || other == first {
		t.Fatalf("a second address: %v", err)
	}
	if got := s.Addresses(); len(got) != 1 || got[0] != first.Address() {
		t.Errorf("served are %v, want the first address alone", got)
	}
}

func TestClaimOnlyListensWhenTheProgramDoes(t *testing.T) {
	s := hold(t)
	h, err := s.Claim(request("127.0.0.1", port(t)), 1)
	if err != nil {
		t.Fatal(err)
	}
	dial := func() error {
		c, err := net.Dial("tcp", h.Address().String())
		if err == nil {
			c.Close()
		}
		return err
	}
	if err := dial(); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("before listen: %v, want refused", err)
	}
	if _, _, ok := h.Queue(); ok {
		t.Error("there is an accept queue before listen")
	}
	if err := s.Listen(h); err != nil {
		t.Fatal(err)
	}
	if err := dial(); err != nil {
		t.Errorf("after listen: %v", err)
	}
	if length, limit, ok := h.Queue(); !ok || length != 1 || limit < 1 {
		t.Errorf("accept queue %d of %d, %v; want the one connection", length, limit, ok)
	}
}

func TestExplicitAddressWins(t *testing.T) {
	p := port(t)
	for _, c := range []struct {
		listen string
		ask    Request
		family int    // of the socket that the program gets
		serves string // afterwards
	}{
		{fmt.Sprintf("127.0.0.1:%d", p), request("0.0.0.0", p), unix.AF_INET, fmt.Sprintf("127.0.0.1:%d", p)},
		{fmt.Sprintf("127.0.0.1:%d", p), request("::", p, "v6", "dual"), unix.AF_INET, fmt.Sprintf("127.0.0.1:%d", p)},
		{fmt.Sprintf("0.0.0.0:%d", p), request("127.0.0.1", p), unix.AF_INET, fmt.Sprintf("0.0.0.0:%d", p)},
		{fmt.Sprintf("0.0.0.0:%d", p), request("::ffff:127.0.0.1", p, "v6", "dual"), unix.AF_INET, fmt.Sprintf("0.0.0.0:%d", p)},
		{fmt.Sprintf(":%d", p), request("::", p, "v6", "dual"), unix.AF_INET6, fmt.Sprintf(":%d", p)},
		{fmt.Sprintf(":%d", p), request("::1", p, "v6", "dual"), unix.AF_INET6, fmt.Sprintf(":%d", p)},
		// The program speaks IPv4 alone, and would misread IPv6 addresses.
		{fmt.Sprintf(":%d", p), request("0.0.0.0", p), unix.AF_INET, fmt.Sprintf("0.0.0.0:%d", p)},
		{fmt.Sprintf(":%d", p), request("127.0.0.1", p), unix.AF_INET, fmt.Sprintf("0.0.0.0:%d", p)},
	} {
		t.Run(fmt.Sprintf("%s for %v", c.listen, c.ask.Address()), func(t *testing.T) {
			s := hold(t, c.listen)
			h, err := s.Claim(c.ask, 1)
			if err != nil {
				t.Fatal(err)
			}
			if domain(t, h.FD()) != c.family {
				t.Errorf("the socket is of family %d, want %d", domain(t, h.FD()), c.family)
			}
			if got := s.Addresses(); len(got) != 1 || got[0].String() != c.serves || !s.Serves(h.Address()) {
				t.Errorf("serves %v, want %s", got, c.serves)
			}
			if err := s.Listen(h); err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", p))
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		})
	}
}

func TestTwoSocketsOfOnePort(t *testing.T) {
	for name, flags := range map[string][]string{"known": {"v6", "only"}, "unknown": {"v6"}} {
		t.Run(name, func(t *testing.T) {
			s := hold(t)
			p := port(t)
			v4, err := s.Claim(request("0.0.0.0", p), 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Listen(v4); err != nil {
				t.Fatal(err)
			}
			for range 2 { // two workers
				v6, err := s.Claim(request("::", p, flags...), 1)
				if err != nil || domain(t, v6.FD()) != unix.AF_INET6 {
					t.Fatalf("IPv6 beside IPv4: %v", err)
				}
			}
			if n := len(s.Sockets()); n != 2 {
				t.Errorf("%d sockets are held, want 2", n)
			}
		})
	}
}

func TestAddressInUseNamesTheHolder(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, _ := ParseAddress(l.Addr().String())
	_, err = Hold([]Address{a}, nil)
	if !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("%v; want it to name process %d", err, os.Getpid())
	}
}

func TestUnixSocketFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	a := Address{Family: Unix, Path: path}
	s, err := Hold([]Address{a}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Hold([]Address{a}, nil); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a socket that is served was taken over: %v", err)
	}
	// As a killed process leaves it: the file without a listener.
	for _, h := range s.Sockets() {
		unix.Close(h.FD())
	}
	again, err := Hold([]Address{a}, nil)
	if err != nil {
		t.Fatalf("an abandoned socket file: %v", err)
	}
	again.Close()

	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Hold([]Address{a}, nil); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}

func TestInheritedSockets(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	want := l.Addr().String()
	f.Close()
	l.Close()
	a, _ := ParseAddress(want)
	s, err := Hold([]Address{a}, []int{fd})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := s.Sockets(); len(got) != 1 || got[0].FD() != fd || got[0].Address().String() != want {
		t.Errorf("holds %v, want the inherited %s alone", got, want)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := Hold(nil, []int{int(file.Fd())}); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file as a socket: %v", err)
	}
}

func TestEnviron(t *testing.T) {
	s := hold(t, fmt.Sprintf("127.0.0.1:%d", port(t)), "unix:"+filepath.Join(t.TempDir(), "s"))
	held := s.Sockets()
	got := strings.Join(Environ(held), "\n")
	for _, want := range []string{
		"LISTEN_FDS=2", "LISTEN_FDNAMES=rota:rota", "EINHORN_FD_COUNT=2", "EINHORN_FD_0=3", "EINHORN_FD_1=4",
		fmt.Sprintf("SERVER_STARTER_PORT=%s=3;%s=4", held[0].Address(), held[1].Address().Path),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	if Environ(nil) != nil {
		t.Error("variables without a socket")
	}
}

func TestAReleaseThatBindsAnotherFamily(t *testing.T) {
	p := port(t)
	s := hold(t)
	v4, err := s.Claim(request("0.0.0.0", p), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(v4); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Claim(request("::", p, "v6", "dual"), 2); err != nil || got != v4 {
		t.Errorf("IPv6 after IPv4: %v; want the socket that is held", err)
	}
	p = port(t)
	s = hold(t)
	dual, err := s.Claim(request("::", p, "v6", "dual"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(dual); err != nil {
		t.Fatal(err)
	}
	_, err = s.Claim(request("0.0.0.0", p), 2)
	if !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), "--listen") || strings.Contains(err.Error(), "process") {
		t.Errorf("IPv4 after IPv6: %v; want a remedy, and no process blamed", err)
	}
}

func TestSecondPortsGoWithTheirLastWorker(t *testing.T) {
	s := hold(t)
	claim := func(p uint16, user uint64) *Socket {
		t.Helper()
		h, err := s.Claim(request("127.0.0.1", p), user)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	main, second := port(t), port(t)
	claim(main, 1)
	metrics := claim(second, 1)
	claim(main, 2)
	claim(second, 2)
	s.Release(1)
	if n := len(s.Sockets()); n != 2 {
		t.Errorf("%d sockets while a worker has both, want 2", n)
	}
	s.Release(2)
	if got := s.Sockets(); len(got) != 1 || got[0].Address().Port != main {
		t.Errorf("%d sockets without a worker, want the one that is served", len(got))
	}
	if s.ByInode(metrics.Inode()) != nil {
		t.Error("a socket is still found that was closed")
	}
}
