package integration

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// kind is a way in which clients ask.
type kind struct {
	name string
	body int  // bytes to POST; 0 for a GET
	keep bool // one connection for all requests, not one for each
}

var kinds = []kind{
	{name: "new connections"},
	{name: "kept GET", keep: true},
	{name: "kept POST 1 KiB", body: 1 << 10, keep: true},
	{name: "kept POST 256 KiB", body: 256 << 10, keep: true},
}

// connection is one of a client's.
type connection struct {
	*net.TCPConn
	r    *bufio.Reader
	ends bool // it cannot be used again
}

func connect(addr string) (*connection, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &connection{TCPConn: conn.(*net.TCPConn), r: bufio.NewReader(conn)}, nil
}

func (c *connection) close() {
	if c != nil {
		c.TCPConn.Close()
	}
}

// gone tells whether the server has closed the connection, or sent what nobody
// asked for.
func (c *connection) gone() bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	open := false
	_ = raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		open = errors.Is(err, unix.EAGAIN)
	})
	return !open || c.r.Buffered() > 0
}

// ask sends one request, once, and checks that the answer is a worker's to just
// this request.
func (c *connection) ask(k kind, path string, body []byte, want string) error {
	response, got, err := c.exchange(k, path, body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status: %d", response.StatusCode)
	}
	if _, err := parseAnswer(got); err != nil || !strings.HasSuffix(got, want+"\n") {
		return fmt.Errorf("not the worker's answer: %q, want %s", got, want)
	}
	return nil
}

// exchange sends one request, once, and reads the answer, whatever it is.
func (c *connection) exchange(k kind, path string, body []byte) (*http.Response, string, error) {
	c.ends = true // unless all goes well
	_ = c.SetDeadline(time.Now().Add(patience))
	var head strings.Builder
	if k.body == 0 {
		fmt.Fprintf(&head, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, c.RemoteAddr())
	} else {
		fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n",
			path, c.RemoteAddr(), k.body)
	}
	if !k.keep {
		head.WriteString("Connection: close\r\n")
	}
	head.WriteString("\r\n")
	request := net.Buffers{[]byte(head.String()), body}
	if _, err := request.WriteTo(c.TCPConn); err != nil {
		return nil, "", fmt.Errorf("send: %w", err)
	}
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, "", fmt.Errorf("answer: %w", err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, "", fmt.Errorf("body: %w", err)
	}
	c.ends = response.Close || !k.keep
	return response, string(got), nil
}
