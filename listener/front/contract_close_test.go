package front_test

import (
	"fmt"
	"testing"
	"time"

	"rota/listener/front"
)

// Whoever was connected is served once more and told to go.
func TestClose(t *testing.T) {
	r := start(t)
	r.add(1, 0, named(t, "hello").addr)
	clients := []*wire{r.dial(), r.dial()}
	for _, c := range clients {
		expect(t, "Connection", c.get("/").value("Connection"), "")
	}
	done := r.closing()
	for i, c := range clients {
		a := c.get("/")
		if i == 1 {
			a = message{start: a.start, fields: a.fields, body: a.body}
		}
		expect(t, "code", a.code(), 200)
		expect(t, "body", a.body, "hello")
		expect(t, "Connection", a.value("Connection"), "close")
		c.expectEnd()
	}
	receive(t, "the end of Close", done)
	expect(t, "connections", r.front.Stats().Connections, 0)
	expect(t, "answers", len(r.answers), 4)
}

// What is in flight or waits finishes; only then is Close done.
func TestCloseWaits(t *testing.T) {
	r := start(t, one)
	w := holds(t, "hello")
	r.add(1, 0, w.addr)
	clients := []*wire{r.begin(w, "/")}
	queued := r.dial()
	queued.send(request("POST", "/", "x"))
	r.awaitQueued(1)
	clients = append(clients, queued)
	done := r.closing()
	for i, c := range clients {
		select {
		case <-done:
			t.Fatalf("done with %d requests left", len(clients)-i)
		case <-time.After(50 * time.Millisecond):
		}
		w.let <- struct{}{}
		a := c.answer("GET")
		expect(t, "code", a.code(), 200)
		expect(t, "Connection", a.value("Connection"), "close")
		c.expectEnd()
	}
	receive(t, "the end of Close", done)
}

// Connections that were made before Close are served, accepted or not.
func TestCloseServesBacklog(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			var r *rig
			if network == "unix" {
				r = startUnix(t)
			} else {
				r = start(t)
			}
			r.add(1, 0, named(t, "hello").addr)
			var clients []*wire
			for i := range 64 {
				c := r.dial()
				c.send(request("POST", fmt.Sprintf("/%d", i), "x"))
				clients = append(clients, c)
			}
			done := r.closing()
			for _, c := range clients {
				expect(t, "body", c.answer("POST").body, "hello")
			}
			receive(t, "the end of Close", done)
			expect(t, "answers", len(r.answers), len(clients))
		})
	}
}

// A request that has begun to arrive is served.
func TestCloseAmidRequest(t *testing.T) {
	for name, parts := range map[string][2]string{
		"header": {"GET / HTTP/1.1\r\nHo", "st: a\r\n\r\n"},
		"body":   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello", "world"},
		"chunks": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("hello"), "0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.add(1, 0, named(t, "hello").addr)
			c := r.dial()
			expect(t, "code", c.get("/").code(), 200)
			c.send(parts[0])
			done := r.closing()
			c.expectSilence(100 * time.Millisecond)
			c.send(parts[1])
			a := c.answer("POST")
			expect(t, "code", a.code(), 200)
			expect(t, "Connection", a.value("Connection"), "close")
			receive(t, "the end of Close", done)
		})
	}
}

// Pipelined requests that came before the end are all answered.
func TestClosePipelined(t *testing.T) {
	r := start(t)
	w := holds(t, "hello")
	r.add(1, 0, w.addr)
	c := r.begin(w, "/")
	done := r.closing()
	close(w.let)
	expect(t, "Connection", c.answer("GET").value("Connection"), "close")
	c.expectEnd()
	receive(t, "the end of Close", done)
}

// Those that say nothing do not hold up the end for long.
func TestCloseWithSilentClients(t *testing.T) {
	r := start(t)
	r.add(1, 0, named(t, "hello").addr)
	clients := []*wire{r.dial(), r.dial(), r.dial()}
	expect(t, "code", clients[0].get("/").code(), 200)
	await(t, "the connections", func() bool { return r.front.Stats().Connections == 3 })
	began := time.Now()
	receive(t, "the end of Close", r.closing())
	t.Logf("done after %s", time.Since(began))
	for _, c := range clients {
		c.expectEnd()
	}
}

// With nobody there it is done at once, or nearly so.
func TestCloseOfNothing(t *testing.T) {
	r := start(t)
	receive(t, "the end of Close", r.closing())
}

// A request for which no worker will come is shed, in time.
func TestCloseWithoutWorkers(t *testing.T) {
	r := start(t, func(c *front.Config) { c.QueueTimeout = time.Second })
	c := r.dial()
	c.send(request("GET", "/", ""))
	r.awaitQueued(1)
	done := r.closing()
	a := c.answer("GET")
	expect(t, "code", a.code(), 503)
	expect(t, "Connection", a.value("Connection"), "close")
	receive(t, "the end of Close", done)
}

// No answer is told twice, none is forgotten, and each says what happened.
func TestOneAnswerEach(t *testing.T) {
	r := start(t)
	w := scripted(t, func(s *script, c *wire) {
		for {
			m, is := s.request(c)
			if !is || m.target() == "/gone" {
				return
			}
			c.send(reply(m.target()[1:]+" X", "12345"))
		}
	})
	r.add(1, 9, w.addr)
	c := r.dial()
	for _, one := range []struct {
		method, target string
		code           int
		bytes          int64
		failure        string
	}{
		{"GET", "/200", 200, 5, ""}, {"POST", "/201", 201, 5, ""}, {"GET", "/404", 404, 5, ""}, {"GET", "/500", 500, 5, ""},
		{"POST", "/gone", 502, 0, front.FailClosed},
	} {
		began := time.Now()
		c.send(request(one.method, one.target, ""))
		expect(t, "code", c.answer(one.method).code(), one.code)
		a := r.answer()
		expect(t, "method", a.method, one.method)
		expect(t, "target", a.target, one.target)
		expect(t, "code told", a.Code, one.code)
		expect(t, "slot", a.Slot, 9)
		expect(t, "kind", a.Kind, front.KindRequest)
		expect(t, "shed", a.Shed, "")
		expect(t, "failure", a.Failure, one.failure)
		expect(t, "cut", a.Cut, one.failure != "")
		expect(t, "retried", a.Retried, false)
		if a.Code < 500 && a.Bytes != one.bytes {
			t.Errorf("%d bytes told, want %d", a.Bytes, one.bytes)
		}
		if a.Began.Before(began) || a.Duration <= 0 || a.Duration > time.Since(began) || a.Waited > a.Duration {
			t.Errorf("began %s after it was sent, took %s, waited %s", a.Began.Sub(began), a.Duration, a.Waited)
		}
		expect(t, "in flight", r.worker(1).InFlight, 0)
	}
	expect(t, "requests given", r.worker(1).Requests, 5)
	r.close()
	expect(t, "more answers", len(r.answers), 0)
}
