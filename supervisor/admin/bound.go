package admin

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// What a connection of a client may hold, and for how long, when it takes nothing.
const (
	// sendBuffer is what the kernel keeps for a client, in bytes; it would be up to
	// 4 MiB each otherwise (net.ipv4.tcp_wmem), charged to our container. A status of
	// 200 workers fits.
	sendBuffer = 256 << 10
	// vanished is how long a client may leave what was sent to it unacknowledged: it
	// was switched off, or the way to it was cut. Linux tries for a quarter of an hour
	// otherwise (net.ipv4.tcp_retries2).
	vanished = 30 * time.Second
)

// bound limits what the kernel does for a connection.
func bound(conn net.Conn) {
	switch c := conn.(type) {
	case *net.UnixConn:
		_ = c.SetWriteBuffer(sendBuffer)
	case *net.TCPConn:
		// An error leaves the kernel's own limits in place.
		_ = c.SetWriteBuffer(sendBuffer)
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(vanished.Milliseconds()))
			})
		}
	}
}
