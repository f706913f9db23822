package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"rota/integration/load"
)

// herd are clients that ask as fast as they can, one request after another each,
// on connections that they keep.
type herd []*load.Terse

// newHerd connects so many clients. Where a connection stays with the worker that
// accepted it, each of so many workers gets as many; 0 where it does not.
func newHerd(addr string, clients, workers int) (herd, error) {
	var h herd
	had := map[string]int{}
	for attempts := 0; len(h) < clients; attempts++ {
		conn, err := net.DialTimeout("tcp", addr, patience)
		if err == nil {
			var worker string
			if worker, err = whose(conn, addr); err == nil {
				if workers > 0 && had[worker] >= clients/workers {
					conn.Close()
					if attempts < 100*clients {
						continue
					}
					err = fmt.Errorf("cannot spread %d connections over %d workers in %d attempts", clients, workers, attempts)
				}
			}
			had[worker]++
		}
		if err != nil {
			h.close()
			return nil, err
		}
		h = append(h, load.NewTerse(conn, addr, true))
	}
	return h, nil
}

// whose asks once on a connection and returns who answered.
func whose(conn net.Conn, addr string) (string, error) {
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", addr); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

func (h herd) close() {
	for _, c := range h {
		c.Close()
	}
}

// run has all of them ask for so long, and returns how many answers they had.
func (h herd) run(span time.Duration) (answers int, err error) {
	var total atomic.Int64
	var running sync.WaitGroup
	errs := make([]error, len(h))
	deadline := time.Now().Add(span)
	for i, c := range h {
		running.Go(func() {
			n := int64(0)
			for ; errs[i] == nil && time.Now().Before(deadline); n++ {
				errs[i] = c.Ask()
			}
			total.Add(n)
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return int(total.Load()), nil
}
