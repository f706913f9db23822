package adopt

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rota/listener"
	"rota/listener/adopt/filter"
)

func sockaddr(family, port uint16, rest []byte) []byte {
	raw := binary.NativeEndian.AppendUint16(nil, family)
	raw = binary.BigEndian.AppendUint16(raw, port)
	return append(raw, rest...)
}

func TestParseSockaddr(t *testing.T) {
	v6 := func(ip string, zone uint32) []byte {
		a := netip.MustParseAddr(ip).As16()
		rest := append(make([]byte, 4), a[:]...)
		return binary.NativeEndian.AppendUint32(rest, zone)
	}
	for name, c := range map[string]struct {
		raw  []byte
		want string // empty: not for rota
	}{
		"IPv4":                 {sockaddr(unix.AF_INET, 8080, []byte{127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}), "127.0.0.1:8080"},
		"IPv4, short":          {sockaddr(unix.AF_INET, 80, []byte{1, 2, 3, 4}), "1.2.3.4:80"},
		"IPv6":                 {sockaddr(unix.AF_INET6, 8080, v6("::", 0)), "[::]:8080"},
		"IPv6, link-local":     {sockaddr(unix.AF_INET6, 1, v6("fe80::1", 3)), "[fe80::1%3]:1"},
		"IPv6, no scope":       {sockaddr(unix.AF_INET6, 1, v6("::1", 0)[:20]), "[::1]:1"},
		"IPv6, cut":            {sockaddr(unix.AF_INET6, 1, v6("::1", 0)[:19]), ""},
		"any port":             {sockaddr(unix.AF_INET, 0, []byte{127, 0, 0, 1}), ""},
		"unix":                 {sockaddr(unix.AF_UNIX, 1, []byte("/run/app.sock")), ""},
		"netlink":              {sockaddr(unix.AF_NETLINK, 0, make([]byte, 8)), ""},
		"shorter than an IPv4": {[]byte{2, 0, 31, 144}, ""},
		"empty":                {nil, ""},
	} {
		got, ok := parseSockaddr(c.raw)
		if ok != (c.want != "") || ok && got.String() != c.want {
			t.Errorf("%s: %v, %v; want %q", name, got, ok, c.want)
		}
	}
}

func FuzzParseSockaddr(f *testing.F) {
	f.Add(sockaddr(unix.AF_INET, 8080, []byte{127, 0, 0, 1}))
	f.Add(sockaddr(unix.AF_INET6, 8080, make([]byte, 24)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if addr, ok := parseSockaddr(raw); ok && (addr.Port() == 0 || !addr.Addr().IsValid()) {
			t.Errorf("%x: %v", raw, addr)
		}
	})
}

func FuzzParseFlags(f *testing.F) {
	f.Add([]byte("pos:\t0\nflags:\t02004002\nmnt_id:\t9\n"))
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = parseFlags(data) })
}

func TestParseFlags(t *testing.T) {
	got, err := parseFlags([]byte("pos:\t0\nflags:\t02004002\nmnt_id:\t9\nino:\t5\n"))
	if want := unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_RDWR; err != nil || got != want {
		t.Errorf("%#o, %v; want %#o", got, err, want)
	}
	if _, err := parseFlags([]byte("pos:\t0\n")); err == nil {
		t.Error("no error without flags")
	}
}

// The test binary, executed again, is the filtered program: it installs the
// filter, hands its descriptor over, and then serves as a program that knows of
// nothing would.
func TestMain(m *testing.M) {
	if addr := os.Getenv("ROTA_TEST_SERVE"); addr != "" {
		filtered(addr)
		return
	}
	os.Exit(m.Run())
}

func filtered(addr string) {
	runtime.LockOSThread()
	if os.Getenv("ROTA_TEST_FILTERED") == "" {
		fd, err := filter.Install()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := unix.Sendmsg(3, []byte{0}, unix.UnixRights(fd), nil, 0); err != nil {
			panic(err)
		}
		err = syscall.Exec(os.Args[0], os.Args, append(os.Environ(), "ROTA_TEST_FILTERED=1"))
		panic(err)
	}
	probe, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if _, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(probe), 0, 0); errno == 0 {
		panic("an empty address was bound")
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getpid()) }))
}

// serve starts a filtered program and answers for its sockets.
func serve(t *testing.T, addr string, set *listener.Set) (pid int, reports <-chan Report) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "theirs")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ROTA_TEST_SERVE="+addr)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(pair[0], make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(pair[0])
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		t.Fatalf("the filter's descriptor did not come: %v", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "listener")
	ch := make(chan Report, 64)
	served := make(chan error, 1)
	go func() { served <- Serve(f, set, uint64(cmd.Process.Pid), func(r Report) { ch <- r }) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		// It must end by itself once the program has.
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		f.Close()
	})
	return cmd.Process.Pid, ch
}

func next(t *testing.T, reports <-chan Report, want Kind) Report {
	t.Helper()
	select {
	case r := <-reports:
		if r.Kind != want {
			t.Fatalf("%+v, want it to be %s", r, want)
		}
		return r
	case <-time.After(30 * time.Second):
		t.Fatalf("never %s", want)
		return Report{}
	}
}

func TestTwoProgramsShareOneAddress(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "", "[::1]", "0.0.0.0"} {
		t.Run("host "+host, func(t *testing.T) {
			l, err := net.Listen("tcp", host+":0")
			if err != nil {
				t.Fatal(err)
			}
			port := l.Addr().(*net.TCPAddr).Port
			l.Close()
			addr := fmt.Sprintf("%s:%d", host, port)
			set, err := listener.Hold(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			var inodes []uint64
			for range 2 {
				pid, reports := serve(t, addr, set)
				bound := next(t, reports, Bound)
				listening := next(t, reports, Listening)
				if bound.PID != pid || listening.PID != pid || bound.Address != listening.Address {
					t.Errorf("%+v, %+v; want both of process %d", bound, listening, pid)
				}
				inodes = append(inodes, set.Sockets()[0].Inode())
			}
			if len(set.Sockets()) != 1 || inodes[0] != inodes[1] {
				t.Errorf("%d sockets are held, want one for both", len(set.Sockets()))
			}
			target := strings.Replace(set.Addresses()[0].String(), "0.0.0.0", "127.0.0.1", 1)
			response, err := http.Get("http://" + target)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		})
	}
}

// In private mode each program has a socket of its own, and the address that it
// asked for is left to rota.
func TestTwoProgramsHaveTheirOwn(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "", "[::1]", "0.0.0.0"} {
		t.Run("host "+host, func(t *testing.T) {
			l, err := net.Listen("tcp", host+":0")
			if err != nil {
				t.Fatal(err)
			}
			addr := fmt.Sprintf("%s:%d", host, l.Addr().(*net.TCPAddr).Port)
			l.Close()
			set, err := listener.Hold(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			set.KeepPrivate()
			defer set.Close()
			for range 2 {
				pid, reports := serve(t, addr, set)
				bound := next(t, reports, Bound)
				listening := next(t, reports, Listening)
				if bound.Socket != listening.Socket || bound.Address != set.Addresses()[0] || !set.ServesFrom(uint64(pid), listening.Socket) {
					t.Errorf("%+v, %+v; want both of the private socket of process %d, for %s", bound, listening, pid, set.Addresses())
				}
				if !listening.Socket.Address().IP.IsLoopback() {
					t.Errorf("it can be reached from outside, at %s", listening.Socket.Address())
				}
				client := &http.Client{Transport: &http.Transport{
					DialContext:       func(context.Context, string, string) (net.Conn, error) { return set.Dial(uint64(pid)) },
					DisableKeepAlives: true,
				}}
				response, err := client.Get("http://localhost/")
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(response.Body)
				response.Body.Close()
				if string(body) != fmt.Sprint(pid) {
					t.Errorf("answered by %s, want %d", body, pid)
				}
			}
			if len(set.Sockets()) != 1 {
				t.Errorf("%d sockets are held beside the private ones, want the one that is served", len(set.Sockets()))
			}
		})
	}
}

// In steered mode each program has a seat at the address that it asked for.
func TestTwoProgramsHaveSeats(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "", "[::1]", "0.0.0.0"} {
		t.Run("host "+host, func(t *testing.T) {
			l, err := net.Listen("tcp", host+":0")
			if err != nil {
				t.Fatal(err)
			}
			port := l.Addr().(*net.TCPAddr).Port
			l.Close()
			set, err := listener.Hold(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := set.KeepSteered(); err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			var pids []int
			for range 2 {
				pid, reports := serve(t, fmt.Sprintf("%s:%d", host, port), set)
				bound := next(t, reports, Bound)
				listening := next(t, reports, Listening)
				if bound.Socket != listening.Socket || !set.ServesFrom(uint64(pid), listening.Socket) {
					t.Errorf("%+v, %+v; want both of the seat of process %d", bound, listening, pid)
				}
				pids = append(pids, pid)
			}
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			for i := range 20 {
				to := pids[i%2]
				if err := set.Steer(map[uint64]int{uint64(to): 1}); err != nil {
					t.Fatal(err)
				}
				response, err := client.Get(fmt.Sprintf("http://%s:%d/", strings.Replace(host, "0.0.0.0", "127.0.0.1", 1), port))
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(response.Body)
				response.Body.Close()
				if string(body) != fmt.Sprint(to) {
					t.Errorf("answered by %s, want %d", body, to)
				}
			}
		})
	}
}

func TestAddressOfAnother(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	set, err := listener.Hold(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	_, reports := serve(t, l.Addr().String(), set)
	r := next(t, reports, Refused)
	if r.Err == nil || !strings.Contains(r.Err.Error(), "address already in use") {
		t.Errorf("%v", r.Err)
	}
}
