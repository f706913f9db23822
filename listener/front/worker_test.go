package front_test

import (
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// script is a worker of whose answers the test decides every byte. It knows
// which requests it saw, so that one that is sent twice is found out.
type script struct {
	testing.TB
	addr string

	mu    sync.Mutex
	conns []net.Conn
	seen  []string // "METHOD target" of each request whose header was read
	wg    sync.WaitGroup
}

// scripted calls serve with each connection to it, and closes it after that.
func scripted(t testing.TB, serve func(s *script, c *wire)) *script {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{TB: t, addr: ln.Addr().String()}
	s.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.wg.Go(func() {
				defer conn.Close()
				serve(s, newWire(conn, s.failf))
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

// replying is a worker that keeps its connections and answers each request with
// what of returns for it.
func replying(t testing.TB, of func(m message) string) *script {
	t.Helper()
	return scripted(t, func(s *script, c *wire) {
		for {
			m, is := s.request(c)
			if !is || c.trySend(of(m)) != nil {
				return
			}
		}
	})
}

// named answers with its own name.
func named(t testing.TB, name string) *script {
	t.Helper()
	return replying(t, func(message) string { return ok(name) })
}

// echoing answers with the header of the request as it came, and its body.
func echoing(t testing.TB) *script {
	t.Helper()
	return replying(t, func(m message) string {
		return ok(m.start + "\n" + strings.Join(m.fields, "\n") + "\n\n" + m.body)
	})
}

// echoed is the request that echoing had.
func echoed(answer message) message {
	head, body, _ := strings.Cut(answer.body, "\n\n")
	lines := strings.Split(head, "\n")
	return message{start: lines[0], fields: lines[1:], body: body}
}

// failf ends a connection's goroutine. What goes wrong while the test cleans up is none.
func (s *script) failf(format string, args ...any) {
	if s.Context().Err() == nil {
		s.Errorf("worker: "+format, args...)
	}
	runtime.Goexit()
}

// head reads the header of a request, if there is one more.
func (s *script) head(c *wire) (message, bool) {
	_ = c.SetReadDeadline(noDeadline)
	if _, err := c.br.Peek(1); err != nil {
		return message{}, false
	}
	m, err := c.tryHead()
	if err != nil {
		return m, false
	}
	s.mu.Lock()
	s.seen = append(s.seen, m.method()+" "+m.target())
	s.mu.Unlock()
	return m, true
}

// request reads a request, if there is a whole one.
func (s *script) request(c *wire) (message, bool) {
	m, is := s.head(c)
	if !is {
		return m, false
	}
	return m, c.tryBody(&m, false) == nil
}

// saw is how often that request reached the worker: "METHOD target", or all for "".
func (s *script) saw(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, one := range s.seen {
		if request == "" || one == request {
			n++
		}
	}
	return n
}

// wait is for gates in workers: it ends with the test also when nobody opens it.
func wait[T any](t testing.TB, gate <-chan T) {
	select {
	case <-gate:
	case <-t.Context().Done():
	}
}

// serving is a worker on net/http.
func serving(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	t.Cleanup(func() {
		srv.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}
