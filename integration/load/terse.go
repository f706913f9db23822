package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Terse is a client on one connection for requests of /. It understands just enough of HTTP to
// find the end of an answer, because what it needs of the processor the server
// does not get.
type Terse struct {
	conn    net.Conn
	r       *bufio.Reader
	request []byte
}

// NewTerse takes a connection. The server is told to close it after one answer,
// unless it is to be kept.
func NewTerse(conn net.Conn, addr string, keep bool) *Terse {
	request := "GET / HTTP/1.1\r\nHost: " + addr + "\r\n"
	if !keep {
		request += "Connection: close\r\n"
	}
	return &Terse{conn, bufio.NewReaderSize(conn, 1024), []byte(request + "\r\n")}
}

// Close ends the connection; nil has none.
func (c *Terse) Close() {
	if c != nil {
		c.conn.Close()
	}
}

var statusOK, contentLength = []byte("HTTP/1.1 200 "), []byte("content-length:")

// Ask sends a request and reads its answer, which must be a 200 that tells its
// length.
func (c *Terse) Ask() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, statusOK) {
		return fmt.Errorf("answered %q", line)
	}
	length := -1
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return err
		}
		if len(line) == len("\r\n") {
			break
		}
		if n := len(contentLength); len(line) > n && bytes.EqualFold(line[:n], contentLength) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[n:]))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("the answer does not tell its length")
	}
	_, err = c.r.Discard(length)
	return err
}
