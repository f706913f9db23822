package listener

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// waiters are ways to wait for a connection on descriptor 3. Each runs in a
// process of its own: this test binary, executed again.
var waiters = map[string]func(){
	"accept": func() { _, _, _ = unix.Accept(3) },
	"poll":   func() { _, _ = unix.Poll([]unix.PollFd{{Fd: 3, Events: unix.POLLIN}}, -1) },
	"select": func() {
		var set unix.FdSet
		set.Set(3)
		_, _ = unix.Select(4, &set, nil, nil, nil)
	},
	"epoll": func() {
		fd, _ := unix.EpollCreate1(0)
		_ = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, 3, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: 3})
		_, _ = unix.EpollWait(fd, make([]unix.EpollEvent, 1), -1)
	},
	"nothing": func() { _, _ = os.Stdin.Read(make([]byte, 1)) },
}

func TestMain(m *testing.M) {
	if os.Getenv("ROTA_TEST_SEAT") != "" {
		serveSeat()
		return
	}
	if wait := waiters[os.Getenv("ROTA_TEST_WAIT")]; wait != nil {
		fmt.Println()
		wait()
		return
	}
	os.Exit(m.Run())
}

func TestAttending(t *testing.T) {
	for name := range waiters {
		t.Run(name, func(t *testing.T) {
			s := hold(t, fmt.Sprintf("127.0.0.1:%d", port(t)))
			held := s.Sockets()[0]
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "ROTA_TEST_WAIT="+name)
			cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(dup(t, held.FD())), "socket")}
			stdin, _ := cmd.StdinPipe()
			stdout, _ := cmd.StdoutPipe()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				stdin.Close()
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			})
			if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			if name == "nothing" {
				if look := Attending([]int{cmd.Process.Pid}, s.Sockets()); look.PID != 0 || look.Blind || look.Again() != 0 {
					t.Errorf("a process that does not wait for the socket is said to")
				}
				return
			}
			// The line comes before the call, so the call may be a moment away.
			for deadline := time.Now().Add(30 * time.Second); ; {
				if look := Attending([]int{cmd.Process.Pid}, s.Sockets()); look.PID == cmd.Process.Pid || look.Again() == cmd.Process.Pid {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("never seen to wait")
				}
			}
		})
	}
}

func TestInFlight(t *testing.T) {
	s := hold(t, fmt.Sprintf("127.0.0.1:%d", port(t)))
	l, err := net.FileListener(os.NewFile(uintptr(dup(t, s.Sockets()[0].FD())), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	me := []int{os.Getpid()}
	expect := func(what string, want int) {
		t.Helper()
		if n, err := s.InFlight(me); err != nil || n != want {
			t.Errorf("%s: %d in flight, %v; want %d", what, n, err, want)
		}
	}
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if n, err := s.Accepted(me); err != nil || n != 1 {
		t.Errorf("%d connections accepted, %v; want 1", n, err)
	}
	buf := make([]byte, 4)
	write := func(c net.Conn) {
		t.Helper()
		if _, err := c.Write([]byte("four")); err != nil {
			t.Fatal(err)
		}
	}
	read := func(c net.Conn) {
		t.Helper()
		if _, err := io.ReadFull(c, buf); err != nil {
			t.Fatal(err)
		}
	}
	expect("an idle connection", 0)
	write(client)
	expect("an unread request", 1)
	read(server)
	// The kernel's clock for "later" has milliseconds, and ticks of up to ten.
	for deadline := time.Now().Add(30 * time.Second); ; {
		write(client)
		read(server)
		if n, _ := s.InFlight(me); n == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a request that is being worked on is not seen")
		}
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		write(server)
		read(client)
		if n, _ := s.InFlight(me); n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("an answered request is still seen")
		}
	}
}

func TestParseEpollLine(t *testing.T) {
	for line, want := range map[string]struct {
		fd    int
		inode uint64
		ok    bool
	}{
		"tfd:        3 events:       19 data: ffffffff00000003  pos:0 ino:4f6c sdev:8\n": {3, 0x4f6c, true},
		"tfd:       12 events: 1d data: 5\n":                                             {12, 0, true},
		"pos:	0\n":                                                                       {0, 0, false},
		"tfd:\n":                                                                         {0, 0, false},
	} {
		fd, inode, ok := parseEpollLine(line)
		if fd != want.fd || inode != want.inode || ok != want.ok {
			t.Errorf("parseEpollLine(%q) = %d, %#x, %v", line, fd, inode, ok)
		}
	}
}

func FuzzParseSyscall(f *testing.F) {
	f.Add("43 0x3 0x0 0x0 0x80000 0x0 0x0 0x7ffd 0x7f00\n")
	f.Add("running\n")
	f.Add("-1 0x7ffd 0x7f00\n")
	f.Fuzz(func(t *testing.T, s string) {
		_, args, ok := parseSyscall(s)
		if ok && len(args) != 6 {
			t.Errorf("parseSyscall(%q): %d arguments", s, len(args))
		}
		if ok && strings.HasPrefix(s, "-1") {
			t.Errorf("parseSyscall(%q) is a call", s)
		}
	})
}

func dup(t *testing.T, fd int) int {
	t.Helper()
	d, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
