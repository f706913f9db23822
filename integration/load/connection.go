package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is a way in which clients ask.
type Kind struct {
	Name string
	Body int  // bytes to POST; 0 for a GET
	Keep bool // one connection for all requests, not one for each
}

// Kinds are all that a server can meet.
var Kinds = []Kind{
	{Name: "new connections"},
	{Name: "kept GET", Keep: true},
	{Name: "kept POST 1 KiB", Body: 1 << 10, Keep: true},
	{Name: "kept POST 256 KiB", Body: 256 << 10, Keep: true},
}

// Connection is one of a client's.
type Connection struct {
	*net.TCPConn
	r    *bufio.Reader
	Ends bool // it cannot be used again

	patience time.Duration // how long an answer may take
}

// Connect opens a connection for requests that are not sent again.
func Connect(addr string) (*Connection, error) { return connectWithin(patience, addr) }

func connectWithin(patience time.Duration, addr string) (*Connection, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &Connection{TCPConn: conn.(*net.TCPConn), r: bufio.NewReader(conn), patience: patience}, nil
}

// Close ends it; nil is none.
func (c *Connection) Close() {
	if c != nil {
		c.TCPConn.Close()
	}
}

// gone tells whether the server has closed the connection, or sent what nobody
// asked for.
func (c *Connection) gone() bool {
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

// worker is how the answer of a worker begins.
var worker = regexp.MustCompile(`^pid=\d+ `)

// ask sends one request, once, and checks that the answer is a worker's to just
// this request.
func (c *Connection) ask(k Kind, path string, body []byte, want string) error {
	response, got, err := c.Exchange(k, path, body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status: %d", response.StatusCode)
	}
	if !worker.MatchString(got) || !strings.HasSuffix(got, want+"\n") {
		return fmt.Errorf("not the worker's answer: %q, want %s", got, want)
	}
	return nil
}

// Exchange sends one request, once, and reads the answer, whatever it is.
func (c *Connection) Exchange(k Kind, path string, body []byte) (*http.Response, string, error) {
	c.Ends = true // unless all goes well
	_ = c.SetDeadline(time.Now().Add(c.patience))
	var head strings.Builder
	if k.Body == 0 {
		fmt.Fprintf(&head, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, c.RemoteAddr())
	} else {
		fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n",
			path, c.RemoteAddr(), k.Body)
	}
	if !k.Keep {
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
	c.Ends = response.Close || !k.Keep
	return response, string(got), nil
}
