package front_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

func TestHTTP10(t *testing.T) {
	r := start(t)
	r.add(1, 0, named(t, "hello").addr)
	for name, req := range map[string]string{
		"plain":        "GET / HTTP/1.0\r\nHost: front.test\r\n\r\n",
		"without Host": "GET / HTTP/1.0\r\n\r\n",
		"with a body":  "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
	} {
		t.Run(name, func(t *testing.T) {
			c := r.dial()
			c.send(req)
			a := c.answer("GET")
			expect(t, "code", a.code(), 200)
			expect(t, "body", a.body, "hello")
			c.expectEnd()
		})
	}
}

// A client of 1.0 knows no chunks: what a worker sends in chunks ends with the connection.
func TestHTTP10GetsNoChunks(t *testing.T) {
	r := start(t)
	r.add(1, 0, replying(t, func(message) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("hel") + chunked("lo") + "0\r\n\r\n"
	}).addr)
	c := r.dial()
	c.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	a := c.answer("GET")
	expect(t, "body", a.body, "hello")
	expect(t, "Transfer-Encoding", a.value("Transfer-Encoding"), "")
	if a.value("Content-Length") == "" {
		c.expectEnd()
	}
}

func TestHTTP10KeepAlive(t *testing.T) {
	r := start(t)
	r.add(1, 0, named(t, "hello").addr)
	c := r.dial()
	for range 3 {
		c.send("GET / HTTP/1.0\r\nHost: front.test\r\nConnection: keep-alive\r\n\r\n")
		a := c.answer("GET")
		expect(t, "body", a.body, "hello")
		expect(t, "Connection", strings.ToLower(a.value("Connection")), "keep-alive")
	}
}

func TestClientAsksForClose(t *testing.T) {
	r := start(t)
	r.add(1, 0, named(t, "hello").addr)
	c := r.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	expect(t, "Connection", c.answer("GET").value("Connection"), "close")
	c.expectEnd()
}

// What the worker says of its own connection is no matter of the client's.
func TestWorkerAsksForClose(t *testing.T) {
	r := start(t)
	w := scripted(t, func(s *script, c *wire) {
		if _, is := s.request(c); is {
			c.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
		}
	})
	r.add(1, 0, w.addr)
	c := r.dial()
	for range 20 {
		for _, a := range []message{c.get("/"), c.post("/", "x")} {
			expect(t, "body", a.body, "hi")
			expect(t, "Connection", a.value("Connection"), "")
		}
	}
}

func TestConnectionOutlivesWorkers(t *testing.T) {
	r := start(t)
	c := r.dial()
	r.add(1, 0, named(t, "1").addr)
	for id := uint64(1); id < 8; id++ {
		name := strconv.FormatUint(id, 10)
		expect(t, "answered by", c.get("/").body, name)
		expect(t, "answered by", c.post("/", "x").body, name)
		r.add(id+1, 0, named(t, strconv.FormatUint(id+1, 10)).addr)
		receive(t, "an idle worker", r.retire(id))
		expect(t, "answered by", c.post("/", "x").body, strconv.FormatUint(id+1, 10))
		r.front.Remove(id, nil)
	}
	expect(t, "connections", r.front.Stats().Connections, 1)
	expect(t, "workers", len(r.front.Stats().Workers), 1)
}

// A removed worker's connections are closed.
func TestRemoveClosesConnections(t *testing.T) {
	gone := make(chan struct{})
	r := start(t)
	r.add(1, 0, scripted(t, func(s *script, c *wire) {
		for {
			if _, is := s.request(c); !is {
				gone <- struct{}{}
				return
			}
			c.send(ok("hi"))
		}
	}).addr)
	r.get("/")
	r.front.Retire(1, func() {})
	r.front.Remove(1, nil)
	receive(t, "the end of the worker's connection", gone)
}

func TestPipelining(t *testing.T) {
	r := start(t)
	for id := range uint64(2) {
		r.add(id+1, int(id), replying(t, func(m message) string { return ok(m.target() + " " + m.body) }).addr)
	}
	var all strings.Builder
	for i := range 20 {
		switch i % 3 {
		case 0:
			all.WriteString(request("GET", fmt.Sprintf("/%d", i), ""))
		case 1:
			all.WriteString(request("POST", fmt.Sprintf("/%d", i), "GET /body HTTP/1.1\r\n\r\n"))
		case 2:
			fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n", i, chunked("chunk"))
		}
	}
	c := r.dial()
	c.send(all.String())
	for i := range 20 {
		body := []string{"", "GET /body HTTP/1.1\r\n\r\n", "chunk"}[i%3]
		expect(t, "answer", c.answer("GET").body, fmt.Sprintf("/%d %s", i, body))
	}
}

func TestChunkedRequest(t *testing.T) {
	r := start(t)
	r.add(1, 0, replying(t, func(m message) string { return ok(m.body) }).addr)
	c := r.dial()
	for range 2 {
		c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		for _, piece := range []string{"5;name=value\r\nhel", "lo\r\n", "1\r\n \r\n0005\r\nworld\r", "\n0\r", "\n\r\n"} {
			c.send(piece)
		}
		expect(t, "body", c.answer("POST").body, "hello world")
	}
}

func TestChunkedAnswer(t *testing.T) {
	r := start(t)
	r.add(1, 0, replying(t, func(message) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n" + chunked(" world") + "0\r\n\r\n"
	}).addr)
	c := r.dial()
	for range 3 {
		a := c.get("/")
		expect(t, "body", a.body, "hello world")
		expect(t, "Transfer-Encoding", a.value("Transfer-Encoding"), "chunked")
	}
}

func TestTrailersOfRequest(t *testing.T) {
	r := start(t)
	r.add(1, 0, replying(t, func(m message) string {
		return ok(m.body + " " + strings.Join(values(m.trailers, "X-Sum"), ","))
	}).addr)
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" +
		chunked("hello") + "0\r\nX-Sum: 42\r\n\r\n")
	expect(t, "body and trailer", c.answer("POST").body, "hello 42")
}

func TestTrailersOfAnswer(t *testing.T) {
	for name, announced := range map[string]string{"announced": "Trailer: X-Sum\r\n", "unannounced": ""} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.add(1, 0, replying(t, func(message) string {
				return "HTTP/1.1 200 OK\r\n" + announced + "Transfer-Encoding: chunked\r\n\r\n" + chunked("hello") + "0\r\nX-Sum: 42\r\n\r\n"
			}).addr)
			c := r.dial()
			for range 2 {
				c.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
				a := c.answer("GET")
				expect(t, "body", a.body, "hello")
				expect(t, "trailer", strings.Join(values(a.trailers, "X-Sum"), ","), "42")
				expect(t, "Trailer", a.value("Trailer"), strings.TrimSpace(strings.TrimPrefix(announced, "Trailer:")))
			}
		})
	}
}

// Whatever the worker says of a body that there cannot be, the next answer is the next.
func TestAnswersWithoutBody(t *testing.T) {
	for name, one := range map[string]struct {
		method, answer, field, value string
		code                         int
	}{
		"HEAD":            {"HEAD", "200 OK\r\nContent-Length: 1234\r\n\r\n", "Content-Length", "1234", 200},
		"HEAD of chunks":  {"HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", "", 200},
		"HEAD of nothing": {"HEAD", "200 OK\r\nX-A: b\r\n\r\n", "X-A", "b", 200},
		"HEAD of 404":     {"HEAD", "404 Not Found\r\nContent-Length: 9\r\n\r\n", "Content-Length", "9", 404},
		"204":             {"GET", "204 No Content\r\nX-A: b\r\n\r\n", "X-A", "b", 204},
		"204 to a POST":   {"POST", "204 No Content\r\n\r\n", "", "", 204},
		"304":             {"GET", "304 Not Modified\r\nETag: \"x\"\r\n\r\n", "ETag", `"x"`, 304},
		"304 of a length": {"GET", "304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 10\r\n\r\n", "ETag", `"x"`, 304},
		"empty":           {"GET", "200 OK\r\nContent-Length: 0\r\n\r\n", "Content-Length", "0", 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.add(1, 0, replying(t, func(m message) string {
				if m.target() == "/next" {
					return ok("next")
				}
				return "HTTP/1.1 " + one.answer
			}).addr)
			c := r.dial()
			for range 2 {
				c.send(one.method + " / HTTP/1.1\r\nHost: a\r\n\r\n" + request("GET", "/next", ""))
				a := c.answer(one.method)
				expect(t, "code", a.code(), one.code)
				if one.field != "" {
					expect(t, one.field, a.value(one.field), one.value)
				}
				expect(t, "next", c.answer("GET").body, "next")
			}
		})
	}
}

// An answer without a length ends with the worker's connection, not with the client's.
func TestAnswerThatEndsWithConnection(t *testing.T) {
	for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
		t.Run(version, func(t *testing.T) {
			r := start(t)
			r.add(1, 0, scripted(t, func(s *script, c *wire) {
				if _, is := s.request(c); is {
					c.send(version + " 200 OK\r\nX-A: b\r\n\r\nhel")
					c.send("lo")
				}
			}).addr)
			c := r.dial()
			for range 10 {
				a := c.get("/")
				expect(t, "body", a.body, "hello")
				expect(t, "X-A", a.value("X-A"), "b")
				expect(t, "failure", r.answer().Failure, "")
			}
		})
	}
}
