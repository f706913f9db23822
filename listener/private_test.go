package listener

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func holdPrivate(t *testing.T, addresses ...string) *Set {
	t.Helper()
	s := hold(t, addresses...)
	s.KeepPrivate()
	return s
}

func claim(t *testing.T, s *Set, user uint64, r Request) *Socket {
	t.Helper()
	h, err := s.Claim(r, user)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// listens claims an address and listens there, as a program does.
func listens(t *testing.T, s *Set, user uint64, r Request) *Socket {
	t.Helper()
	h := claim(t, s, user, r)
	if err := s.Listen(h); err != nil {
		t.Fatal(err)
	}
	return h
}

// bound is the address that the kernel gives a descriptor.
func bound(t *testing.T, fd int) netip.AddrPort {
	t.Helper()
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return tcpAddr(name).(*net.TCPAddr).AddrPort()
}

func TestPrivateSocketsAreOnLoopback(t *testing.T) {
	for _, c := range []struct {
		ip     string
		flags  []string
		want   string
		family int
	}{
		{"0.0.0.0", nil, "127.0.0.1", unix.AF_INET},
		{"192.0.2.1", nil, "127.0.0.1", unix.AF_INET}, // whatever is asked for
		{"::", []string{"v6", "dual"}, "::1", unix.AF_INET6},
		{"::", []string{"v6"}, "::1", unix.AF_INET6},
		{"::", []string{"v6", "only"}, "::1", unix.AF_INET6},
		{"::1", []string{"v6", "dual"}, "::1", unix.AF_INET6},
	} {
		t.Run(fmt.Sprint(c.ip, c.flags), func(t *testing.T) {
			p := port(t)
			s := holdPrivate(t, fmt.Sprintf("127.0.0.1:%d", p))
			r := request(c.ip, p, c.flags...)
			h := listens(t, s, 1, r)
			at := bound(t, h.FD())
			if at.Addr().String() != c.want || at != netip.AddrPortFrom(h.Address().IP.Unmap(), h.Address().Port) || at.Port() == p {
				t.Errorf("bound to %s and said to be %s, want a free port of %s", at, h.Address(), c.want)
			}
			if h.Asked() != r.Address() {
				t.Errorf("asked for %s, want %s", h.Asked(), r.Address())
			}
			if d := domain(t, h.FD()); d != c.family {
				t.Errorf("of family %d, want %d", d, c.family)
			}
			if s.ByInode(h.Inode()) != h {
				t.Error("not found by its inode")
			}
			if len(s.Sockets()) != 1 {
				t.Errorf("%d sockets that are not private, want the public one", len(s.Sockets()))
			}
			dial(t, s, 1, h)
		})
	}
}

// dial connects to a worker and checks that it gets to one of its sockets.
func dial(t *testing.T, s *Set, user uint64, want *Socket) net.Conn {
	t.Helper()
	before, _, _ := want.Queue()
	conn, err := s.Dial(user)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if after, _, ok := want.Queue(); !ok || after != before+1 {
		t.Errorf("%d wait at %s, want %d", after, want.Asked(), before+1)
	}
	return conn
}

func TestPrivateWithoutIPv6OnLoopback(t *testing.T) {
	p := port(t)
	s := holdPrivate(t, fmt.Sprintf("127.0.0.1:%d", p))
	s.loopback6 = netip.MustParseAddr("2001:db8::1") // which nobody has
	h := listens(t, s, 1, request("::", p, "v6", "dual"))
	if at := bound(t, h.FD()); at.Addr().String() != "127.0.0.1" || domain(t, h.FD()) != unix.AF_INET6 {
		t.Errorf("bound to %s, of family %d", at, domain(t, h.FD()))
	}
	dial(t, s, 1, h)
	if _, err := s.Claim(request("::", p, "v6", "only"), 2); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("IPv6 alone: %v, want what the kernel says", err)
	}
}

func TestEachWorkerHasItsOwn(t *testing.T) {
	p, metrics := port(t), port(t)
	s := holdPrivate(t, fmt.Sprintf("127.0.0.1:%d", p))
	first, second := listens(t, s, 1, request("0.0.0.0", p)), listens(t, s, 2, request("0.0.0.0", p))
	if first == second {
		t.Fatal("two workers share a socket")
	}
	if claim(t, s, 1, request("0.0.0.0", p)) != first {
		t.Error("bound again it is another one")
	}
	if s.ServesFrom(1, second) || !s.ServesFrom(2, second) || s.ServesFrom(1, s.Served()[0]) {
		t.Error("a worker is taken to serve from another's socket")
	}
	if a, b := claim(t, s, 1, request("127.0.0.1", metrics)), claim(t, s, 2, request("127.0.0.1", metrics)); a != b || a.Address().Port != metrics {
		t.Errorf("a second port is not shared: %s, %s", a.Address(), b.Address())
	}
	dial(t, s, 2, second)
	s.Release(1)
	if s.ByInode(first.Inode()) != nil || s.ByInode(second.Inode()) == nil {
		t.Error("what is closed is not what the worker that has gone had")
	}
	if _, err := s.Dial(1); err == nil {
		t.Error("a worker that has gone is reached")
	}
}

func TestTheFirstAddressBoundIsServed(t *testing.T) {
	s := holdPrivate(t)
	p, other := port(t), port(t)
	h := listens(t, s, 1, request("127.0.0.1", p))
	public := s.Served()
	if len(public) != 1 || public[0].Address() != request("127.0.0.1", p).Address() || public[0] == h || bound(t, public[0].FD()).Port() != p {
		t.Fatalf("served is %v, want the address that was bound", s.Addresses())
	}
	if o := claim(t, s, 1, request("127.0.0.1", other)); o.Address().Port != other {
		t.Errorf("the second address is at %s, want it shared", o.Address())
	}
	if o := claim(t, s, 2, request("127.0.0.1", other)); o.Address().Port != other {
		t.Errorf("another worker's first address is at %s, want it shared", o.Address())
	}
	// The other family of the same port is served too.
	six := listens(t, s, 1, request("::1", p, "v6", "dual"))
	if !six.Address().IP.IsLoopback() || six.Address().Port == p || len(s.Addresses()) != 2 {
		t.Errorf("%s is served through %s", s.Addresses(), six.Address())
	}
	s.Release(1)
	s.Release(2)
	if len(s.Sockets()) != 2 {
		t.Errorf("%d sockets are left, want the two that are served", len(s.Sockets()))
	}
}

func TestAHardCodedPort(t *testing.T) {
	s := holdPrivate(t, fmt.Sprintf("127.0.0.1:%d", port(t)))
	p, metrics := port(t), port(t)
	h := listens(t, s, 1, request("127.0.0.1", p))
	if h.Address().Port == p || !s.ServesFrom(1, h) {
		t.Fatalf("it is at %s, want a private one", h.Address())
	}
	if o := claim(t, s, 1, request("127.0.0.1", metrics)); o.Address().Port != metrics {
		t.Errorf("the second port is at %s, want it shared", o.Address())
	}
	dial(t, s, 1, h)
	// A moment later it is clear that nothing better comes, and from then on that
	// it is what the program serves from.
	for deadline := time.Now().Add(30 * time.Second); !slices.Contains(s.Serving(1), h); {
		if time.Now().After(deadline) {
			t.Fatal("it never counts")
		}
	}
	s.Choose(1, h)
	o := listens(t, s, 2, request("127.0.0.1", p))
	if got := s.Serving(2); len(got) != 1 || got[0] != o {
		t.Errorf("%d candidates for the second worker, want the one at once", len(got))
	}
}

func TestABetterPortComesLater(t *testing.T) {
	p, metrics := port(t), port(t)
	s := holdPrivate(t, fmt.Sprintf("127.0.0.1:%d", p))
	early := listens(t, s, 1, request("127.0.0.1", metrics))
	s.Choose(1, early)
	late := claim(t, s, 1, request("127.0.0.1", p))
	if got := s.Serving(1); len(got) != 0 {
		t.Errorf("%d candidates while the better one does not listen", len(got))
	}
	if err := s.Listen(late); err != nil {
		t.Fatal(err)
	}
	if got := s.Serving(1); len(got) != 1 || got[0] != late {
		t.Errorf("the better one is not what it serves from")
	}
	dial(t, s, 1, late)
	// Whoever asks at the first port gets to the worker all the same.
	reaches := func(l *Socket) {
		t.Helper()
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", metrics))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := conn.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		if err := unix.SetNonblock(l.FD(), false); err != nil {
			t.Fatal(err)
		}
		fd, _, err := unix.Accept(l.FD())
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		buf := make([]byte, 4)
		if n, err := unix.Read(fd, buf); err != nil || string(buf[:n]) != "ping" {
			t.Errorf("the worker reads %q, %v", buf[:n], err)
		}
		if _, err := unix.Write(fd, []byte("pong")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "pong" {
			t.Errorf("the client reads %q, %v", buf, err)
		}
	}
	reaches(early)
	o := claim(t, s, 2, request("127.0.0.1", metrics))
	if o.Address().Port != metrics {
		t.Errorf("the next worker's is at %s, want it shared", o.Address())
	}
	s.Release(1)
	reaches(o)
	// A worker that binds neither before it has seen the first one's mistake.
	if h := claim(t, s, 2, request("127.0.0.1", port(t))); !h.Address().IP.IsLoopback() || s.ServesFrom(2, h) == false {
		t.Errorf("its own first port is at %s, want it private", h.Address())
	}
}

func TestPrepare(t *testing.T) {
	p, path := port(t), filepath.Join(t.TempDir(), "s")
	for _, c := range []struct {
		listen []string
		want   string
	}{
		{[]string{fmt.Sprintf("0.0.0.0:%d", p)}, "127.0.0.1"},
		{[]string{fmt.Sprintf(":%d", p)}, "127.0.0.1"},
		{[]string{fmt.Sprintf("[::1]:%d", p)}, "::1"},
		{[]string{fmt.Sprintf("[::1]:%d", p), fmt.Sprintf("127.0.0.1:%d", p)}, "127.0.0.1"},
		{[]string{"unix:" + path}, "127.0.0.1"},
	} {
		t.Run(fmt.Sprint(c.listen), func(t *testing.T) {
			s := holdPrivate(t, c.listen...)
			got, err := s.Prepare(1, Gift{Inherit: true})
			if err != nil || len(got) != 1 {
				t.Fatalf("%d sockets, %v", len(got), err)
			}
			if got[0].Address().IP.String() != c.want {
				t.Errorf("inherits %s, want %s", got[0].Address(), c.want)
			}
			conn := dial(t, s, 1, got[0]) // it listens already
			if !strings.Contains(strings.Join(Environ(got), " "), fmt.Sprintf("SERVER_STARTER_PORT=%s=3", conn.RemoteAddr())) {
				t.Errorf("the environment %q does not name it", Environ(got))
			}
			// What it binds itself is what it serves from.
			h := listens(t, s, 1, request("127.0.0.1", port(t)))
			dial(t, s, 1, h)
		})
	}
	s := holdPrivate(t)
	if got, err := s.Prepare(1, Gift{Inherit: true}); len(got) > 0 || err != nil {
		t.Errorf("%d sockets without a list, %v", len(got), err)
	}
}

func TestWhatTheArgumentsNameIsWhatIsServed(t *testing.T) {
	s := holdPrivate(t, fmt.Sprintf("127.0.0.1:%d", port(t)))
	p, other := port(t), port(t)
	if _, err := s.Prepare(1, Gift{Port: p, Sure: true}); err != nil {
		t.Fatal(err)
	}
	if o := claim(t, s, 1, request("127.0.0.1", other)); o.Address().Port != other {
		t.Errorf("another port is at %s, want it shared", o.Address())
	}
	dial(t, s, 1, listens(t, s, 1, request("0.0.0.0", p)))
	inherited, err := s.Prepare(2, Gift{Inherit: true})
	if err != nil {
		t.Fatal(err)
	}
	// A worker that was seen to wait on what it inherited serves from that.
	s.Choose(2, inherited[0])
	if o := claim(t, s, 2, request("127.0.0.1", port(t))); s.ServesFrom(2, o) {
		t.Error("another port of a worker that uses its gift is not shared")
	}
	dial(t, s, 2, inherited[0])
}

func TestRescue(t *testing.T) {
	p := port(t)
	s := holdPrivate(t, fmt.Sprintf("127.0.0.1:%d", p))
	h := listens(t, s, 1, request("0.0.0.0", p))
	waiting := map[string]net.Conn{}
	for range 5 {
		conn := dial(t, s, 1, h)
		if _, err := conn.Write([]byte("POST")); err != nil {
			t.Fatal(err)
		}
		waiting[conn.LocalAddr().String()] = conn
	}
	if err := unix.SetNonblock(h.FD(), false); err != nil { // as a plain program has it
		t.Fatal(err)
	}
	taken, _, err := unix.Accept(h.FD()) // the worker had one in its hands
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(taken)
	peer, _ := unix.Getpeername(taken)
	delete(waiting, tcpAddr(peer).String())
	told := 0
	s.Rescue(1, func(from []net.Addr) {
		told++
		if len(from) != len(waiting) {
			t.Errorf("%d rescued, want %d", len(from), len(waiting))
		}
		for _, a := range from {
			conn := waiting[a.String()]
			if conn == nil {
				t.Errorf("%s did not wait", a)
				continue
			}
			// It is told before it is closed: nothing can be read, not even the end.
			_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s was closed before it was told: %v", a, err)
			}
		}
	})
	for _, conn := range waiting {
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s was left open: %v", conn.LocalAddr(), err)
		}
	}
	if flags, err := unix.FcntlInt(uintptr(h.FD()), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("the socket's flags are %#o (%v), want them as they were", flags, err)
	}
	if _, err := s.Dial(1); err == nil {
		t.Error("a worker that has gone is reached")
	}
	s.Release(1)
	s.Rescue(1, func(from []net.Addr) { told++ }) // it may have had none
	if told != 2 {
		t.Errorf("told %d times, want each time", told)
	}
}
