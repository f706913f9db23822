package front_test

import (
	"io"
	"testing"
	"time"
)

const expecting = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

// The worker says whether it wants the body, and nobody says so in its place.
func TestExpectContinue(t *testing.T) {
	gate := make(chan struct{})
	r := start(t)
	r.add(1, 0, scripted(t, func(s *script, c *wire) {
		for {
			m, is := s.head(c)
			if !is {
				return
			}
			expect(t, "Expect", m.value("Expect"), "100-continue")
			wait(t, gate)
			c.send("HTTP/1.1 100 Continue\r\n\r\n")
			if c.tryBody(&m, false) != nil {
				return
			}
			c.send(ok(m.body))
		}
	}).addr)
	c := r.dial()
	for range 2 {
		c.send(expecting)
		r.awaitInFlight(1, 1)
		c.expectSilence(50 * time.Millisecond)
		gate <- struct{}{}
		expect(t, "interim answer", c.answer("POST").code(), 100)
		c.send("hello")
		a := c.answer("POST")
		expect(t, "code", a.code(), 200)
		expect(t, "body", a.body, "hello")
	}
}

// A refusal arrives although the body was never sent.
func TestExpectRefused(t *testing.T) {
	for _, status := range []string{"417 Expectation Failed", "401 Unauthorized", "200 OK"} {
		t.Run(status, func(t *testing.T) {
			rest := make(chan []byte, 1)
			r := start(t)
			r.add(1, 0, scripted(t, func(s *script, c *wire) {
				if _, is := s.head(c); is {
					c.send("HTTP/1.1 " + status + "\r\nWWW-Authenticate: Basic\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
					c.closeWrite()
					_ = c.SetReadDeadline(time.Now().Add(patience))
					b, _ := io.ReadAll(c.br)
					rest <- b
				}
			}).addr)
			c := r.dial()
			c.send(expecting)
			a := c.answer("POST")
			expect(t, "status", a.start, "HTTP/1.1 "+status)
			expect(t, "body", a.body, "no")
			expect(t, "WWW-Authenticate", a.value("WWW-Authenticate"), "Basic")
			c.Close()
			expect(t, "sent to the worker as a body", string(receive(t, "the end of the worker's connection", rest)), "")
		})
	}
}

// A client need not wait for the 100.
func TestExpectWithBodyAtOnce(t *testing.T) {
	r := start(t)
	r.add(1, 0, serving(t, echoBody))
	c := r.dial()
	c.send(expecting + "hello" + request("GET", "/", ""))
	a := c.answer("POST")
	if a.code() == 100 {
		a = c.answer("POST")
	}
	expect(t, "body", a.body, "hello")
	expect(t, "next", c.answer("GET").code(), 200)
}

// Nor does each worker know it: a client that has waited in vain sends the body.
func TestExpectUnknownToWorker(t *testing.T) {
	r := start(t)
	w := replying(t, func(m message) string { return ok(m.body) })
	r.add(1, 0, w.addr)
	c := r.dial()
	c.send(expecting)
	await(t, "the request", func() bool { return w.saw("POST /") == 1 })
	c.send("hello")
	a := c.answer("POST")
	if a.code() == 100 {
		a = c.answer("POST")
	}
	expect(t, "body", a.body, "hello")
}

func TestEarlyHints(t *testing.T) {
	gate := make(chan struct{})
	r := start(t)
	r.add(1, 0, scripted(t, func(s *script, c *wire) {
		for {
			if _, is := s.request(c); !is {
				return
			}
			c.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
			wait(t, gate)
			c.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\nLink: </c.css>\r\n\r\n")
			wait(t, gate)
			c.send("HTTP/1.1 200 OK\r\nLink: </d.css>\r\nContent-Length: 2\r\n\r\nhi")
		}
	}).addr)
	c := r.dial()
	for range 2 {
		c.send(request("GET", "/", ""))
		hint := c.answer("GET")
		expect(t, "first", hint.code(), 103)
		expect(t, "Link", hint.value("Link"), "</a.css>; rel=preload")
		gate <- struct{}{}
		expect(t, "second", c.answer("GET").code(), 102)
		hint = c.answer("GET")
		expect(t, "third", hint.code(), 103)
		expect(t, "Link", hint.value("Link"), "</b.css>, </c.css>")
		gate <- struct{}{}
		a := c.answer("GET")
		expect(t, "last", a.code(), 200)
		expect(t, "Link", a.value("Link"), "</d.css>")
	}
	expect(t, "code", r.answer().Code, 200)
}

// 1.0 has no interim answers (RFC 9110, 15.2).
func TestNoHintsForHTTP10(t *testing.T) {
	r := start(t)
	r.add(1, 0, replying(t, func(message) string { return "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("hi") }).addr)
	c := r.dial()
	c.send("GET / HTTP/1.0\r\n\r\n")
	a := c.answer("GET")
	expect(t, "code", a.code(), 200)
	expect(t, "body", a.body, "hi")
}
