package front

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// Whether a worker can have seen what was sent to it is read from the kernel.
func TestDeaf(t *testing.T) {
	const request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
	read := func(t *testing.T, c *net.TCPConn) {
		if _, err := io.ReadFull(c, make([]byte, len(request))); err != nil {
			t.Error(err)
		}
	}
	for name, test := range map[string]struct {
		before bool // the worker acts before the request is sent
		act    func(t *testing.T, c *net.TCPConn)
		deaf   bool
	}{
		"closed before": {true, func(_ *testing.T, c *net.TCPConn) { c.Close() }, true},
		"read, then closed": {false, func(t *testing.T, c *net.TCPConn) {
			read(t, c)
			c.Close()
		}, false},
		"read, then half closed": {false, func(t *testing.T, c *net.TCPConn) {
			read(t, c)
			c.CloseWrite()
		}, false},
		"read, half closed, then reset": {false, func(t *testing.T, c *net.TCPConn) {
			read(t, c)
			c.CloseWrite()
			c.SetLinger(0)
			c.Close()
		}, false},
		"read, then reset": {false, func(t *testing.T, c *net.TCPConn) {
			read(t, c)
			c.SetLinger(0)
			c.Close()
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			raw, err := net.Dial("tcp4", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			accepted, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer accepted.Close()
			c, worker := newConn(raw, 1<<16), accepted.(*net.TCPConn)
			if test.before {
				test.act(t, worker)
				for deadline := time.Now().Add(time.Minute); c.peek() != ended; {
					if time.Now().After(deadline) {
						t.Fatal("the end never came")
					}
				}
			}
			if _, err := c.Conn.Write([]byte(request)); err != nil {
				t.Fatal(err)
			}
			if !test.before {
				test.act(t, worker)
			}
			_, err = c.in.Peek(1)
			if unseen := errors.Is(err, io.EOF) && c.deaf() || errors.Is(err, syscall.EPIPE); unseen != test.deaf {
				t.Errorf("after %v: deaf %v, want %v", err, unseen, test.deaf)
			}
		})
	}
}
