package front_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"rota/listener/front"
)

// Whatever the worker does to an idle connection, the next request finds one
// that works, and is seen once.
func TestIdleConnectionClosed(t *testing.T) {
	for name, end := range map[string]func(*wire){"closed": func(c *wire) { c.Close() }, "reset": (*wire).reset} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(name+" before "+method, func(t *testing.T) {
				r := start(t)
				now, ended := make(chan struct{}), make(chan struct{})
				w := scripted(t, func(s *script, c *wire) {
					if _, is := s.request(c); is {
						c.send(ok("hello"))
						wait(t, now)
						end(c)
						ended <- struct{}{}
					}
				})
				r.add(1, 0, w.addr)
				c := r.dial()
				for i := range 100 {
					c.send(request(method, fmt.Sprintf("/%d", i), ""))
					expect(t, "code", c.answer(method).code(), 200)
					expect(t, "failure", r.answer().Failure, "")
					expect(t, "times seen", w.saw(fmt.Sprintf("%s /%d", method, i)), 1)
					now <- struct{}{}
					<-ended
				}
			})
		}
	}
}

// A worker that closes right behind its answer, having said nothing of that. What
// was sent before the end came, and was not read, may be sent again only if that
// does no harm.
func TestClosedBehindAnswer(t *testing.T) {
	r := start(t)
	w := scripted(t, func(s *script, c *wire) {
		if _, is := s.request(c); is {
			c.send(ok("hello"))
		}
	})
	r.add(1, 0, w.addr)
	c := r.dial()
	for i := range 200 {
		expect(t, "code of a GET", c.get("/").code(), 200)
		target := fmt.Sprintf("/%d", i)
		code, seen := c.post(target, "x").code(), w.saw("POST "+target)
		if code != 200 && code != 502 || seen > 1 || code == 200 && seen == 0 {
			t.Errorf("a POST was answered %d and seen %d times", code, seen)
		}
	}
}

// Servers close a connection that was idle for some time, in the very moment
// perhaps in which the next request comes. What must not be sent twice does not
// go there; what may is sent again.
func TestRaceWithIdleClose(t *testing.T) {
	const pairs, idle = 24, 900 * time.Millisecond
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			r := start(t)
			all := make(chan struct{}) // closed when each first request is at the worker
			var arrived sync.WaitGroup
			arrived.Add(pairs)
			go func() { arrived.Wait(); close(all) }()
			w := scripted(t, func(s *script, c *wire) {
				m, is := s.request(c)
				if !is {
					return
				}
				if strings.HasPrefix(m.target(), "/again") {
					// It stays open: a server that closes right behind an answer, unannounced, is
					// another matter.
					for is {
						c.send(ok("again"))
						_, is = s.request(c)
					}
					return
				}
				arrived.Done()
				wait(t, all)
				c.send(ok("first"))
				// Whoever comes before the end is answered; at the end the connection is
				// closed without a look.
				_ = c.SetReadDeadline(time.Now().Add(idle))
				if _, err := c.br.Peek(1); err == nil {
					if _, is := s.request(c); is {
						c.send(ok("again"))
					}
				}
			})
			r.add(1, 0, w.addr)
			var wg sync.WaitGroup
			for i := range pairs {
				c := r.dial()
				wg.Go(func() {
					for n, target := range []string{"/first", fmt.Sprintf("/again%d", i)} {
						if n == 1 {
							<-time.After(idle + time.Duration(i-pairs/2)*50*time.Microsecond)
						}
						if err := c.trySend(request(method, target, "")); err != nil {
							t.Error(err)
							return
						}
						if a, err := c.tryAnswer(method); err != nil || a.code() != 200 {
							t.Errorf("%s: %q, %v", target, a.start, err)
							return
						}
					}
				})
			}
			wg.Wait()
			for i := range pairs {
				if n := w.saw(fmt.Sprintf("%s /again%d", method, i)); n != 1 && (method != "GET" || n != 2) {
					t.Errorf("request %d was seen %d times", i, n)
				}
			}
		})
	}
}

// On a connection that was idle for a while, a worker may have a request in its
// hands unread when it closes: whoever waits for the answer gets one all the same.
func TestOldConnection(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			r := start(t)
			w := scripted(t, func(s *script, c *wire) {
				for first := true; ; first = false {
					if _, is := s.request(c); !is || !first {
						return
					}
					c.send(ok("hello"))
				}
			})
			r.add(1, 0, w.addr)
			c := r.dial()
			for i := range 4 {
				target := fmt.Sprintf("/%d", i)
				c.send(request(method, target, ""))
				expect(t, "code", c.answer(method).code(), 200)
				n := w.saw(method + " " + target)
				if a := r.answer(); n != 1 && (method == "POST" || n != 2 || !a.Retried) {
					t.Errorf("seen %d times, retried %v", n, a.Retried)
				}
				c.expectSilence(400 * time.Millisecond)
			}
		})
	}
}

// What came after the end of an answer is no answer to the next request.
func TestUnasked(t *testing.T) {
	for name, more := range map[string]string{"an answer": reply("200 OK", "evil"), "text": "evil", "an end of line": "\r\n"} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.add(1, 0, replying(t, func(message) string { return ok("good") + more }).addr)
			c := r.dial()
			for range 50 {
				expect(t, "body", c.get("/").body, "good")
				expect(t, "body", c.post("/", "x").body, "good")
			}
		})
	}
}

// A kept connection on which a request was read whole, and no answer came: only
// what may be repeated may be, and once.
func TestReadOnKeptConnection(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			r := start(t)
			w := scripted(t, func(s *script, c *wire) {
				for {
					m, is := s.request(c)
					if !is || m.target() == "/bad" {
						return
					}
					c.send(ok("good"))
				}
			})
			r.add(1, 0, w.addr)
			c := r.dial()
			for i := range 20 {
				before := w.saw(method + " /bad")
				expect(t, "code", c.get("/good").code(), 200)
				c.send(request(method, "/bad", ""))
				expect(t, "code", c.answer(method).code(), 502)
				if n := w.saw(method+" /bad") - before; n != 1 && (method == "POST" || n > 2) {
					t.Errorf("request %d was seen %d times", i, n)
				}
			}
		})
	}
}

// A worker to which there is no connection has seen nothing: another is asked,
// and where there is none, the request waits for one as others do.
func TestConnectRefused(t *testing.T) {
	r := start(t, func(c *front.Config) { c.QueueTimeout = shortly })
	r.addDialed(1, 0, func() (net.Conn, error) { return nil, errors.New("refused for the test") })
	for _, method := range []string{"GET", "POST"} {
		c := r.dial()
		c.send(request(method, "/", ""))
		answer, a := c.answer(method), r.answer()
		switch answer.code() {
		case 502:
			expectFailed(t, a, 502, front.FailConnect)
		case 503:
			if a.Shed == "" || answer.value("Retry-After") == "" {
				t.Errorf("shed for %q, Retry-After %q", a.Shed, answer.value("Retry-After"))
			}
		default:
			t.Errorf("answered with %q", answer.start)
		}
		expect(t, "cut", a.Cut, false)
	}
	r.add(2, 1, named(t, "2").addr)
	for range 20 {
		expect(t, "answered by", r.get("/").body, "2")
		expect(t, "answered by", r.post("/", "x").body, "2")
	}
}
