package front_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"rota/listener/front"
)

// shortly is a limit that a test waits for.
const shortly = 300 * time.Millisecond

// short makes each limit of the client's time short.
func short(c *front.Config) { c.HeaderTimeout, c.IdleTimeout = shortly, shortly }

func TestHeaderTooLarge(t *testing.T) {
	large := strings.Repeat("x", 128<<10)
	for name, req := range map[string]string{
		"value":  "GET / HTTP/1.1\r\nHost: a\r\nX: " + large + "\r\n\r\n",
		"fields": "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 20<<10) + "\r\n",
		"target": "GET /" + large + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"name":   "GET / HTTP/1.1\r\nHost: a\r\n" + large + ": x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(c *front.Config) { c.MaxHeader = 8 << 10 })
			w := named(t, "hello")
			r.add(1, 0, w.addr)
			c := r.dial()
			go func() { _ = c.trySend(req) }() // the front need not read it all
			a := c.answer("GET")
			if a.code() != 431 && !(name == "target" && a.code() == 414) {
				t.Errorf("answered with %q", a.start)
			}
			if !c.ended() {
				t.Error("the connection is open")
			}
			expect(t, "requests at the worker", w.saw(""), 0)
		})
	}
}

func TestHeaderWithinLimit(t *testing.T) {
	r := start(t, func(c *front.Config) { c.MaxHeader = 8 << 10 })
	r.add(1, 0, named(t, "hello").addr)
	c := r.dial()
	for range 3 {
		c.send("GET /" + strings.Repeat("x", 2000) + " HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 4000) + "\r\n\r\n")
		expect(t, "code", c.answer("GET").code(), 200)
	}
}

// The limit is one of the whole header: a byte now and then does not reset it.
func TestSlowHeader(t *testing.T) {
	for name, first := range map[string]string{
		"in the request line": "GE",
		"in a field":          "GET / HTTP/1.1\r\nHost: ",
		"in the second":       request("GET", "/", "") + "GET /",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(c *front.Config) { c.HeaderTimeout = shortly })
			w := named(t, "hello")
			r.add(1, 0, w.addr)
			c := r.dial()
			c.send(first)
			served := 0
			if name == "in the second" {
				served = 1
				expect(t, "first", c.answer("GET").body, "hello")
			}
			began, tick := time.Now(), time.NewTicker(shortly/6)
			defer tick.Stop()
			for c.trySend("x") == nil && time.Since(began) < patience {
				<-tick.C
			}
			if took := time.Since(began); took < shortly/2 || took >= patience {
				t.Errorf("closed after %s, want about %s", took, shortly)
			}
			expect(t, "requests at the worker", w.saw(""), served)
		})
	}
}

func TestIdleTimeout(t *testing.T) {
	r := start(t, func(c *front.Config) { c.IdleTimeout = shortly })
	r.add(1, 0, named(t, "hello").addr)
	c := r.dial()
	for range 4 { // each request begins it anew
		expect(t, "body", c.get("/").body, "hello")
		c.expectSilence(shortly / 4)
	}
	began := time.Now()
	c.expectEnd()
	if took := time.Since(began); took >= patience {
		t.Errorf("closed after %s", took)
	}
}

// A connection that never sends a byte is closed as well.
func TestSilentConnection(t *testing.T) {
	r := start(t, short)
	c := r.dial()
	if !c.ended() {
		t.Error("the connection is open")
	}
	await(t, "an end of the connection", func() bool { return r.front.Stats().Connections == 0 })
}

// The time to the first byte of a header is no part of the header's.
func TestIdleIsNotSlow(t *testing.T) {
	r := start(t, func(c *front.Config) { c.HeaderTimeout = shortly })
	r.add(1, 0, named(t, "hello").addr)
	c := r.dial()
	expect(t, "body", c.get("/").body, "hello")
	c.expectSilence(2 * shortly)
	expect(t, "body", c.get("/").body, "hello")
}

// Nor is there a limit to the time of a body or of an answer.
func TestSlowBodyAndAnswer(t *testing.T) {
	r := start(t, short)
	r.add(1, 0, serving(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Errorf("the body at the worker: %s", err)
		}
		select {
		case <-time.After(2 * shortly):
		case <-r.Context().Done():
			t.Error("the request was cancelled")
		}
		_, _ = io.WriteString(w, "hello")
	}))
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
	for range 4 {
		c.expectSilence(shortly / 2)
		c.send("x")
	}
	expect(t, "body", c.answer("POST").body, "hello")
}
