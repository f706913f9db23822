package admin

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What the kernel keeps for a client, and for how long, is bounded.
func TestBound(t *testing.T) {
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")} {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		client, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		bound(conn)
		raw, err := conn.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) {
			// The kernel doubles it, and may have less to give.
			if size, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF); err != nil || size > 2*sendBuffer {
				t.Errorf("%s: a buffer of %d bytes, %v", network, size, err)
			}
			if network == "unix" {
				return
			}
			if ms, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); err != nil || ms != int(vanished.Milliseconds()) {
				t.Errorf("a client that has vanished is found after %d ms, %v", ms, err)
			}
		}); err != nil {
			t.Error(err)
		}
	}
	bound(nil) // what is no socket is left alone
}
