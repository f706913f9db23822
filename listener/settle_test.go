package listener

import (
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSettled(t *testing.T) {
	for _, address := range []string{"127.0.0.1:%d", "[::1]:%d", ":%d"} {
		t.Run(address, func(t *testing.T) {
			p := port(t)
			s := steeredSet(t, 2, fmt.Sprintf(address, p))
			dial := func() net.Conn {
				t.Helper()
				host := "127.0.0.1"
				if address[0] == '[' {
					host = "::1"
				}
				conn, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(int(p))))
				if err != nil {
					t.Fatal(err)
				}
				return conn
			}
			steer(t, s, map[uint64]int{1: 1})
			if s.Settled(1) {
				t.Error("settled while steered to")
			}
			waitFor(t, "settled without a connection", func() bool { return s.Settled(2) })
			// With this option the kernel waits for data before the handshake is over:
			// the client believes that it is connected.
			fd := seatOf(t, s, 1)[0].FD()
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 30); err != nil {
				t.Fatal(err)
			}
			conn := dial()
			defer conn.Close()
			steer(t, s, map[uint64]int{2: 1})
			away := time.Now()
			// One that begins later is none of its business.
			later := dial()
			defer later.Close()
			for range 20 {
				if s.Settled(1) && time.Since(away) < handshakePatience {
					t.Fatal("settled while a handshake is under way that began before")
				}
				time.Sleep(time.Millisecond)
			}
			if _, err := conn.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "in the queue", func() bool { return waitingAt(s, 1)[0] == 1 })
			if s.Settled(1) {
				t.Error("settled while a connection waits")
			}
			accepted, _, err := unix.Accept(fd)
			if err != nil {
				t.Fatal(err)
			}
			unix.Close(accepted)
			waitFor(t, "settled", func() bool { return s.Settled(1) })
			if !s.Settled(1) {
				t.Error("it does not stay settled")
			}
		})
	}
}

// A handshake that never ends does not hold a worker up for long.
func TestSettledInTheEnd(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	s := steeredSet(t, 2, address)
	steer(t, s, map[uint64]int{1: 1})
	if err := unix.SetsockoptInt(seatOf(t, s, 1)[0].FD(), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 30); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	steer(t, s, map[uint64]int{2: 1})
	began := time.Now()
	waitFor(t, "settled", func() bool { return s.Settled(1) })
	if took := time.Since(began); took < handshakePatience-tick {
		t.Errorf("settled after %v, with a handshake under way", took)
	}
}

func TestHandshakesByAge(t *testing.T) {
	p := port(t)
	s := steeredSet(t, 1, fmt.Sprintf("127.0.0.1:%d", p))
	for _, h := range s.steering.groups[0].all() {
		if err := unix.SetsockoptInt(h.FD(), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 30); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	after := time.Now()
	for range 10 {
		least := time.Since(after)
		ages, err := handshakes(unix.AF_INET, p)
		most := time.Since(before) + 3*tick
		if err != nil || len(ages) != 1 || ages[0] < least || ages[0] > most && most < firstTimeout {
			t.Fatalf("%v, %v; want one of %v to %v", ages, err, least, most)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func FuzzParseHandshake(f *testing.F) {
	m := make([]byte, inetDiagMsgSize)
	binary.NativeEndian.PutUint32(m[offsetMsgExpires:], 990)
	f.Add(m)
	f.Add(m[:10])
	f.Fuzz(func(t *testing.T, m []byte) {
		if age, err := parseHandshake(m); err == nil && age < 0 {
			t.Errorf("%v old", age)
		}
	})
}
