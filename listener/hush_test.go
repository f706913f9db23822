package listener

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// After Hush nobody gets in any more, and who is in or waits is not disturbed.
func TestHush(t *testing.T) {
	for name, address := range map[string]Address{
		"IPv4": {Family: IPv4, IP: netip.MustParseAddr("127.0.0.1")},
		"dual": {Family: Dual, IP: netip.MustParseAddr("::")},
	} {
		t.Run(name, func(t *testing.T) {
			port, err := FreePort(func(uint16) bool { return false })
			if err != nil {
				t.Fatal(err)
			}
			address.Port = port
			set, err := Hold([]Address{address}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			if err := set.KeepSteered(); err != nil {
				t.Fatal(err)
			}
			own, err := set.Seat(1)
			if err != nil {
				t.Fatal(err)
			}
			if err := set.Steer(map[uint64]int{1: 1}); err != nil {
				t.Fatal(err)
			}
			to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String()
			client, err := net.Dial("tcp", to)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if err := set.Hush(); err != nil {
				t.Fatal(err)
			}
			late, err := net.DialTimeout("tcp", to, 300*time.Millisecond)
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("connecting ended with %v, want a timeout", err)
				if err == nil {
					late.Close()
				}
			}
			if _, err := set.Seat(2); err != nil { // one that would start now
				t.Fatal(err)
			}
			if set.Settled(1) {
				t.Error("settled while a connection waits")
			}
			fd, _, err := unix.Accept(own[0].FD())
			if err != nil {
				t.Fatalf("what waited is gone: %v", err)
			}
			defer unix.Close(fd)
			waitFor(t, "settled", func() bool { return set.Settled(1) })
			for range 3 {
				if _, err := client.Write([]byte("ping")); err != nil {
					t.Fatal(err)
				}
				buf := make([]byte, 4)
				if n, err := unix.Read(fd, buf); err != nil || string(buf[:n]) != "ping" {
					t.Fatalf("got %q, %v", buf[:max(n, 0)], err)
				}
			}
		})
	}
}
