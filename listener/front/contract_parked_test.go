package front_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"rota/listener/front"
)

// served is how many of the front's clients net/http has a goroutine for.
func (r *rig) served() (n int) {
	for _, g := range r.left() {
		if strings.Contains(g, "net/http.(*conn).serve") {
			n++
		}
	}
	return n
}

// An idle client is kept without net/http, and notices nothing of it: not in
// what it may send, and not in what becomes of that.
func TestParked(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		r := startUnix(t)
		if network == "tcp" {
			r = start(t)
		}
		r.add(1, 0, echoing(t).addr)
		post := func(body string) string { return request("POST", "/", body) }
		clients := map[string]struct {
			then  string // what it sends
			codes []int  // of the answers, after the last of which the connection is open if that is a 200
		}{
			"get":                {request("GET", "/", ""), []int{200}},
			"post":               {post("hello"), []int{200}},
			"several at once":    {post("one") + post("two") + request("GET", "/", ""), []int{200, 200, 200}},
			"large":              {post(strings.Repeat("x", 1<<20)), []int{200}},
			"chunked":            {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("hello") + "0\r\n\r\n", []int{200}},
			"ambiguous":          {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", []int{400}},
			"HTTP/2 after 1":     {"PRI * HTTP/2.0", []int{400}},
			"garbage":            {"\x16\x03\x01", []int{400}},
			"leaves":             {"", nil},
			"says no whole line": {"GE", nil},
		}
		open := map[string]*wire{}
		for name := range clients {
			c := r.dial()
			c.send(post("first"))
			expect(t, "code of the first", c.answer("POST").code(), 200)
			open[name] = c
		}
		await(t, "idle clients to be parked", func() bool { return r.served() == 0 })
		expect(t, "connections", r.front.Stats().Connections, len(clients))
		left := len(clients)
		for name, client := range clients {
			c := open[name]
			sent := make(chan error, 1)
			go func() { sent <- c.trySend(client.then) }()
			last := 0
			for i, code := range client.codes {
				a := c.answer("POST")
				last = a.code()
				expect(t, name+": code", last, code)
				if got := echoed(a); network == "tcp" && last == 200 {
					expect(t, name+": client", got.value("X-Forwarded-For"), "127.0.0.1")
					if name == "several at once" {
						expect(t, name, got.body, []string{"one", "two", ""}[i])
					}
				}
			}
			if err := receive(t, name+": the end of sending", sent); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			switch {
			case last == 400:
				c.expectEnd()
				left--
			case name == "leaves":
				c.Close()
				left--
			case name == "says no whole line":
				await(t, "a client that says something to be served", func() bool { return r.served() > 0 })
				c.send("T / HTTP/1.1\r\nHost: a\r\n\r\n")
				expect(t, name+": code", c.answer("GET").code(), 200)
			}
		}
		await(t, "those to go that left, or were to", func() bool { return r.front.Stats().Connections == left })
		await(t, "the others to be parked again", func() bool { return r.served() == 0 })
		open["get"].send(request("GET", "/", ""))
		expect(t, "code after a second time", open["get"].answer("GET").code(), 200)
		r.close() // the parked ones end with it
		for name, c := range open {
			if !c.ended() {
				t.Errorf("%s: the connection is open after the front has closed", name)
			}
		}
	}
}

// A parked client has no more time than another.
func TestParkedTimeIsOver(t *testing.T) {
	const most = 1500 * time.Millisecond
	r := start(t, func(c *front.Config) { c.IdleTimeout = most })
	r.add(1, 0, named(t, "hello").addr)
	c := r.dial()
	c.send(request("GET", "/", ""))
	expect(t, "code", c.answer("GET").code(), 200)
	began := time.Now()
	c.expectEnd()
	if took := time.Since(began); took < most-shortly {
		t.Errorf("closed after %s, want %s", took, most)
	}
	await(t, "the connection to be forgotten", func() bool { return r.front.Stats().Connections == 0 })
}

// Many parked clients that are gone at once, or ask at once, are all seen.
func TestManyParked(t *testing.T) {
	const many = 300
	r := start(t)
	r.add(1, 0, named(t, "hello").addr)
	clients := make([]*wire, many)
	for i := range clients {
		clients[i] = r.dial()
		clients[i].send(request("GET", "/", ""))
		expect(t, "code", clients[i].answer("GET").code(), 200)
	}
	await(t, "all to be parked", func() bool { return r.served() == 0 })
	for _, c := range clients[:many/2] {
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	for _, c := range clients[many/2:] {
		c.send(request("GET", "/", ""))
	}
	for _, c := range clients[many/2:] {
		expect(t, "code", c.answer("GET").code(), 200)
	}
	await(t, "those to be forgotten that left", func() bool { return r.front.Stats().Connections == many/2 })
}
