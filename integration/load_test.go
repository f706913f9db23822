package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// load is what a client that never retries saw.
type load struct {
	mu       sync.Mutex
	answered int
	lost     map[string]int // by cause
	slowest  time.Duration
}

// drive sends requests on new connections from some clients at once, each as
// soon as the one before is answered, until ctx ends.
func drive(ctx context.Context, addr, path string, clients int) *load {
	return driveAt(ctx, addr, path, clients, 0)
}

// driveAt does so with a pause, from one request of a client to its next, at least.
func driveAt(ctx context.Context, addr, path string, clients int, pause time.Duration) *load {
	l := &load{lost: map[string]int{}}
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				_, err := get(addr, path)
				l.note(err, time.Since(began))
				select {
				case <-time.After(pause - time.Since(began)):
				case <-ctx.Done():
				}
			}
		})
	}
	wg.Wait()
	return l
}

func (l *load) note(err error, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.lost[cause(err)]++
		return
	}
	l.answered++
	l.slowest = max(l.slowest, took)
}

func (l *load) losses() int {
	n := 0
	for _, k := range l.lost {
		n += k
	}
	return n
}

func (l *load) String() string {
	return fmt.Sprintf("%d answered, %d lost %v, slowest %s", l.answered, l.losses(), l.lost, l.slowest.Round(time.Millisecond))
}

// get sends one request on a connection of its own, once, and returns the body
// of a 200. net/http is not used since it may send a request again.
func get(addr, path string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	return exchange(conn, addr, path)
}

func exchange(conn net.Conn, addr, path string) (string, error) {
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, addr); err != nil {
		return "", fmt.Errorf("send: %w", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("body: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status: %d", response.StatusCode)
	}
	return string(body), nil
}

// cause says in a few words why a request was lost.
func cause(err error) string {
	where, _, _ := strings.Cut(err.Error(), ":")
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return where + ": refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return where + ": reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return where + ": closed unanswered"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return where + ": timed out"
	}
	return err.Error()
}
