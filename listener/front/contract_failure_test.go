package front_test

import (
	"strings"
	"testing"

	"rota/listener/front"
)

// badly is a pool of two workers that do the same with each request. Two, since
// one alone would hide that a request is sent to another.
func badly(t *testing.T, r *rig, do func(c *wire, m message)) (seen func(request string) int) {
	serve := func(s *script, c *wire) {
		if m, is := s.request(c); is {
			do(c, m)
		}
	}
	a, b := scripted(t, serve), scripted(t, serve)
	r.add(1, 0, a.addr)
	r.add(2, 1, b.addr)
	return func(request string) int { return a.saw(request) + b.saw(request) }
}

func expectFailed(t *testing.T, a told, code int, why string) {
	t.Helper()
	expect(t, "code told", a.Code, code)
	expect(t, "failure", a.Failure, why)
	expect(t, "shed", a.Shed, "")
	if a.Error == nil {
		t.Error("no Error")
	}
	if a.Slot != 0 && a.Slot != 1 {
		t.Errorf("slot %d", a.Slot)
	}
}

// A worker that read a request may have acted on it: it is sent once, whatever
// becomes of it.
func TestReadAndGone(t *testing.T) {
	for name, end := range map[string]func(*wire){
		"closed": func(*wire) {},
		"reset":  (*wire).reset,
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"} {
			t.Run(name+" after "+method, func(t *testing.T) {
				r := start(t)
				seen := badly(t, r, func(c *wire, _ message) { end(c) })
				c := r.dial()
				for range 2 {
					before := seen("")
					body := ""
					if method[0] == 'P' {
						body = "x=1"
					}
					c.send(request(method, "/", body))
					expect(t, "code", c.answer(method).code(), 502)
					a := r.answer()
					expectFailed(t, a, 502, front.FailClosed)
					expect(t, "cut", a.Cut, true)
					expect(t, "times seen by a worker", seen("")-before, 1)
				}
			})
		}
	}
}

// The same in the middle of a large body.
func TestGoneDuringBody(t *testing.T) {
	r := start(t)
	serve := func(s *script, c *wire) {
		if _, is := s.head(c); is {
			c.expectText("xxxx")
			c.reset()
		}
	}
	a, b := scripted(t, serve), scripted(t, serve)
	r.add(1, 0, a.addr)
	r.add(2, 1, b.addr)
	c := r.dial()
	go func() { _ = c.trySend(request("POST", "/", strings.Repeat("x", 8<<20))) }()
	expect(t, "code", c.answer("POST").code(), 502)
	told := r.answer()
	expectFailed(t, told, 502, front.FailClosed)
	expect(t, "cut", told.Cut, true)
	expect(t, "times seen by a worker", a.saw("")+b.saw(""), 1)
}

// What is no answer is a 502, for that request alone.
func TestNoAnswer(t *testing.T) {
	for name, one := range map[string]struct{ answer, failure string }{
		"text":                   {"hello\r\n\r\n", front.FailMalformed},
		"a request":              {"GET / HTTP/1.1\r\n\r\n", front.FailMalformed},
		"SSH":                    {"SSH-2.0-OpenSSH_9.2\r\n", front.FailMalformed},
		"zeros":                  {strings.Repeat("\x00", 100) + "\r\n\r\n", front.FailMalformed},
		"code of letters":        {"HTTP/1.1 abc OK\r\n\r\n", front.FailMalformed},
		"code of two digits":     {"HTTP/1.1 20 OK\r\n\r\n", front.FailMalformed},
		"field without a colon":  {"HTTP/1.1 200 OK\r\nbad\r\n\r\n", front.FailMalformed},
		"length of letters":      {"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", front.FailMalformed},
		"negative length":        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", front.FailMalformed},
		"two lengths":            {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", front.FailMalformed},
		"unknown coding":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: what\r\n\r\n", front.FailMalformed},
		"101 nobody asked for":   {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", front.FailMalformed},
		"header of a mebibyte":   {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", front.FailHeader},
		"a mebibyte of fields":   {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1<<18) + "\r\n", front.FailHeader},
		"status of a mebibyte":   {"HTTP/1.1 200 " + strings.Repeat("x", 1<<20) + "\r\n\r\n", front.FailHeader},
		"TLS alert":              {"\x15\x03\x01\x00\x02\x02\x46", front.FailTLS},
		"TLS alert of OpenSSL":   {"\x15\x03\x03\x00\x02\x02\x0a", front.FailTLS},
		"a Go server's own TLS":  {"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", front.FailTLS},
		"half a header":          {"HTTP/1.1 200 OK\r\nContent-Le", ""},
		"half a status line":     {"HTTP/1.", ""},
		"half of one after 103":  {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 2", ""},
		"interims without end":   {strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 10000), front.FailMalformed},
		"header in a 103's name": {"HTTP/1.1 103 Early Hints\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", front.FailHeader},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(c *front.Config) { c.MaxHeader = 32 << 10 })
			seen := badly(t, r, func(c *wire, m message) {
				if m.target() == "/good" {
					c.send(ok("good"))
					return
				}
				_ = c.trySend(one.answer)
			})
			c := r.dial()
			for _, method := range []string{"GET", "POST"} {
				c.send(request(method, "/bad", ""))
				a := c.answer(method)
				for a.code() < 200 && a.code() != 101 {
					a = c.answer(method)
				}
				expect(t, "code", a.code(), 502)
				told := r.answer()
				if one.failure == "" { // both say it well
					if told.Failure == front.FailClosed || told.Failure == front.FailMalformed {
						expectFailed(t, told, 502, told.Failure)
					} else {
						t.Errorf("failure %q", told.Failure)
					}
				} else {
					expectFailed(t, told, 502, one.failure)
				}
				expect(t, "times seen by a worker", seen(method+" /bad"), 1)
				expect(t, "another request", c.get("/good").body, "good")
				r.answer()
			}
			if one.failure == front.FailTLS {
				c.send(request("GET", "/bad", ""))
				c.answer("GET")
				if a := r.answer(); !strings.Contains(a.Error.Error(), "--accept shared") {
					t.Errorf("the error says nothing of the way out: %s", a.Error)
				}
			}
		})
	}
}

// A part of an answer must not look like the whole.
func TestTruncated(t *testing.T) {
	for name, answer := range map[string]string{
		"by length":             "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
		"at the body's start":   "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
		"a byte before the end": "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 99999),
		"between chunks":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("hello"),
		"in a chunk":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
		"in a chunk's size":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("hello") + "1",
		"before the trailers":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("hello") + "0\r\n",
		"bad chunk":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("hello") + "zz\r\nhello\r\n0\r\n\r\n",
		"chunk without its end": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			seen := badly(t, r, func(c *wire, _ message) { c.send(answer) })
			c := r.dial()
			c.send(request("GET", "/", ""))
			a, err := c.tryAnswer("GET")
			if err == nil && a.code() != 502 {
				t.Errorf("it looks complete: %s with %d bytes", a.start, len(a.body))
			}
			told := r.answer()
			expectFailed(t, told, told.Code, front.FailTruncated)
			expect(t, "cut", told.Cut, true)
			if err != nil {
				expect(t, "code told", told.Code, 200)
				if !c.ended() {
					t.Error("the client's connection is open")
				}
			}
			expect(t, "times seen by a worker", seen(""), 1)
		})
	}
}

// An answer of unknown length that ends with a reset is truncated too.
func TestTruncatedByReset(t *testing.T) {
	r := start(t)
	read := make(chan struct{})
	badly(t, r, func(c *wire, _ message) {
		c.send("HTTP/1.1 200 OK\r\n\r\nhello")
		wait(t, read)
		c.reset()
	})
	c := r.dial()
	c.send(request("GET", "/", ""))
	a := c.head()
	expect(t, "code", a.code(), 200)
	expect(t, "first chunk", c.chunk(), "hello")
	close(read)
	if err := c.tryBody(&a, true); err == nil {
		t.Error("it looks complete")
	}
	expect(t, "failure", r.answer().Failure, front.FailTruncated)
}
