package integration

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// hammer sends requests on kept connections, one after another on each, and
// returns requests a second and the 99th percentile in seconds.
func hammer(b *testing.B, addr string, d time.Duration) (rate, p99 float64) {
	b.Helper()
	deadline := time.Now().Add(d)
	var mu sync.Mutex
	var all []float64
	var wg sync.WaitGroup
	for range benchClients {
		wg.Go(func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			var took []float64
			c := newKept(conn, addr)
			for time.Now().Before(deadline) {
				began := time.Now()
				if err := c.ask(); err != nil {
					b.Error(err)
					return
				}
				took = append(took, time.Since(began).Seconds())
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	if len(all) == 0 {
		b.Fatal("nothing was answered")
	}
	slices.Sort(all)
	return float64(len(all)) / d.Seconds(), all[len(all)*99/100]
}

// kept is a client on one connection. It understands just enough of HTTP to
// find the end of an answer, because what it needs of the processor the server
// does not get.
type kept struct {
	conn    net.Conn
	r       *bufio.Reader
	request []byte
}

func newKept(conn net.Conn, addr string) *kept {
	return &kept{conn, bufio.NewReaderSize(conn, 1024), []byte("GET / HTTP/1.1\r\nHost: " + addr + "\r\n\r\n")}
}

var statusOK, contentLength = []byte("HTTP/1.1 200 "), []byte("content-length:")

// ask sends a request and reads its answer, which must be a 200 that tells its
// length and keeps the connection.
func (c *kept) ask() error {
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
