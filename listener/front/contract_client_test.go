package front_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"rota/listener/front"
)

// A worker answers before it has read the body, and closes.
func TestAnswerBeforeBody(t *testing.T) {
	for _, size := range []int{4 << 10, 200 << 10, 32 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := start(t)
			serve := func(s *script, c *wire) {
				if _, is := s.head(c); is {
					c.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
					c.closeWrite()
					c.ended()
				}
			}
			a, b := scripted(t, serve), scripted(t, serve)
			r.add(1, 0, a.addr)
			r.add(2, 1, b.addr)
			c := r.dial()
			go func() { _ = c.trySend(request("POST", "/", strings.Repeat("x", size))) }()
			answer := c.answer("POST")
			expect(t, "code", answer.code(), 413)
			expect(t, "body", answer.body, "no")
			expect(t, "times seen", a.saw("")+b.saw(""), 1)
			expect(t, "code told", r.answer().Code, 413)
		})
	}
}

// One that closes with the body unread tears down its own answer. That may cost
// the answer, but the request is not sent again.
func TestRudeAnswerBeforeBody(t *testing.T) {
	r := start(t)
	serve := func(s *script, c *wire) {
		if _, is := s.head(c); is {
			c.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
		}
	}
	a, b := scripted(t, serve), scripted(t, serve)
	r.add(1, 0, a.addr)
	r.add(2, 1, b.addr)
	for n := 1; n <= 20; n++ {
		c := r.dial()
		go func() { _ = c.trySend(request("POST", "/", strings.Repeat("x", 1<<20))) }()
		if code := c.answer("POST").code(); code != 413 && code != 502 {
			t.Errorf("code %d", code)
		}
		expect(t, "times seen", a.saw("")+b.saw(""), n)
	}
}

// A client that leaves takes its request along, and at once.
func TestClientLeaves(t *testing.T) {
	for name, one := range map[string]struct {
		request string
		leave   func(*wire)
	}{
		"closed":             {request("GET", "/", ""), func(c *wire) { c.Close() }},
		"reset":              {request("GET", "/", ""), (*wire).reset},
		"closed after POST":  {request("POST", "/", "hello"), func(c *wire) { c.Close() }},
		"amid a large body":  {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhello", func(c *wire) { c.Close() }},
		"amid chunks":        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("hello"), func(c *wire) { c.Close() }},
		"amid one, by reset": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello", (*wire).reset},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			got, gone := make(chan message, 1), make(chan error, 1)
			r.add(1, 3, scripted(t, func(s *script, c *wire) {
				m, is := s.head(c)
				if !is {
					return
				}
				got <- m
				gone <- func() error {
					if err := c.tryBody(&m, false); err != nil {
						return err
					}
					if !strings.HasSuffix(one.request, m.body) || strings.Contains(name, "amid") {
						t.Errorf("a part of the body looks like the whole: %q", m.body)
					}
					_, err := c.br.ReadByte()
					return err
				}()
			}).addr)
			c := r.dial()
			c.send(one.request)
			receive(t, "the request at the worker", got)
			one.leave(c)
			if err := receive(t, "the end at the worker", gone); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the worker's connection ended with %v", err)
			}
			a := r.answer()
			expect(t, "code", a.Code, front.CodeClientGone)
			expect(t, "slot", a.Slot, 3)
			expect(t, "cut", a.Cut, false)
			expect(t, "failure", a.Failure, "")
			r.awaitInFlight(1, 0)
		})
	}
}

// A request with a small body that never comes whole is no worker's matter.
func TestClientLeavesAmidSmallBody(t *testing.T) {
	r := start(t)
	whole := make(chan message, 1)
	r.add(1, 0, replying(t, func(m message) string { whole <- m; return ok("") }).addr)
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
	c.Close()
	a := r.answer()
	expect(t, "code", a.Code, front.CodeClientGone)
	expect(t, "cut", a.Cut, false)
	r.awaitInFlight(1, 0)
	expect(t, "whole requests at the worker", len(whole), 0)
}

// Clients that never read cost little, and their workers' requests end with them.
func TestClientsThatNeverRead(t *testing.T) {
	const clients = 20
	r := start(t)
	cancelled := make(chan struct{}, clients)
	r.add(1, 0, serving(t, func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 64<<10)
		for {
			if _, err := w.Write(block); err != nil {
				cancelled <- struct{}{}
				return
			}
		}
	}))
	grown := peak()
	var all []*wire
	for range clients {
		c := r.dial()
		c.send(request("GET", "/", ""))
		expect(t, "code", c.head().code(), 200)
		all = append(all, c)
	}
	<-time.After(shortly) // what is not bounded would have grown by then
	expectFlat(t, grown())
	for _, c := range all {
		c.Close()
	}
	for range clients {
		receive(t, "a cancelled request", cancelled)
	}
	r.awaitInFlight(1, 0)
	for range clients {
		a := r.answer()
		expect(t, "cut", a.Cut, false)
		expect(t, "failure", a.Failure, "")
	}
}

// Nor do those that announce much and send it slowly.
func TestClientsThatSendSlowly(t *testing.T) {
	const clients, size = 200, 4 << 20
	r := start(t)
	r.add(1, 0, serving(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}))
	grown := peak()
	var all []*wire
	for range clients {
		c := r.dial()
		c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size))
		all = append(all, c)
	}
	for range 20 {
		for _, c := range all {
			c.send("some bytes")
		}
	}
	r.awaitInFlight(1, clients)
	expectFlat(t, grown())
	if err := pour(all[0].Conn, size-20*int64(len("some bytes"))); err != nil {
		t.Error(err)
	}
	expect(t, "bytes at the worker", all[0].answer("POST").body, fmt.Sprint(size))
}

// Cut ends a request of which no answer, or only a part of one, has come.
func TestCut(t *testing.T) {
	for name, part := range map[string]string{
		"before the answer": "", "within the header": "HTTP/1.1 200 OK\r\nContent-Le", "within the body": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			ended := make(chan struct{})
			w := scripted(t, func(s *script, c *wire) {
				if m, is := s.request(c); is {
					if m.target() != "/" {
						c.send(ok("other"))
						return
					}
					c.send(part)
					_, _ = io.Copy(io.Discard, c.br)
					close(ended)
				}
			})
			r.add(1, 5, w.addr)
			c := r.dial()
			c.send(request("GET", "/", ""))
			r.awaitInFlight(1, 1)
			whole := name != "within the body"
			if !whole {
				c.head()
				c.expectText("hello")
			} else {
				await(t, "the request at the worker", func() bool { return w.saw("GET /") == 1 })
			}
			r.add(2, 6, named(t, "next").addr)
			idle := r.retire(1)
			requests, upgrades := r.front.Cut(1)
			expect(t, "requests cut", requests, 1)
			expect(t, "upgrades cut", upgrades, 0)
			if whole {
				expect(t, "code", c.answer("GET").code(), 502)
			} else {
				c.expectEnd()
			}
			receive(t, "the end at the worker", ended)
			receive(t, "an idle worker", idle)
			a := r.answer()
			expect(t, "failure", a.Failure, front.FailEnded)
			expect(t, "cut", a.Cut, true)
			expect(t, "slot", a.Slot, 5)
			if whole {
				expect(t, "the same client, after that", c.get("/").body, "next")
			}
		})
	}
}
