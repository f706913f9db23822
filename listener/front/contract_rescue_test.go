package front_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// deaf is a worker that never accepts. Its socket's queue takes what is sent.
type deaf struct {
	net.Listener
	mu   sync.Mutex
	ends []net.Addr
	sent strings.Builder // to it
}

// toDeaf is a connection to one.
type toDeaf struct {
	*net.TCPConn
	deaf *deaf
}

func (c *toDeaf) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.deaf.mu.Lock()
	defer c.deaf.mu.Unlock()
	c.deaf.sent.Write(p[:n])
	return n, err
}

// has tells whether a request that ends so was sent.
func (d *deaf) has(end string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.HasSuffix(d.sent.String(), end)
}

func newDeaf(t *testing.T) *deaf {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return &deaf{Listener: ln}
}

func (d *deaf) dial() (net.Conn, error) {
	c, err := net.Dial("tcp", d.Addr().String())
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ends = append(d.ends, c.LocalAddr())
	return &toDeaf{c.(*net.TCPConn), d}, nil
}

// connections are the front's ends of those that were made.
func (d *deaf) connections() []net.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]net.Addr(nil), d.ends...)
}

// What waited in the socket of a worker that went, goes to another one.
func TestRescued(t *testing.T) {
	for name, req := range map[string]string{
		"GET":                request("GET", "/", ""),
		"POST of nothing":    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"POST of a kibibyte": request("POST", "/", strings.Repeat("x", 1<<10)),
		"POST of 256 KiB":    request("POST", "/", strings.Repeat("x", 256<<10)),
	} {
		t.Run(name+", next worker first", func(t *testing.T) { rescue(t, req, true) })
		t.Run(name+", next worker later", func(t *testing.T) { rescue(t, req, false) })
	}
}

// So does one that did not say how long it is, as long as that is little.
func TestRescuedChunks(t *testing.T) {
	req := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("x") + chunked("xx") + "0\r\n\r\n"
	t.Run("next worker first", func(t *testing.T) { rescue(t, req, true) })
	t.Run("next worker later", func(t *testing.T) { rescue(t, req, false) })
}

// rescue sends a request to a worker that goes without having accepted it.
func rescue(t *testing.T, req string, nextFirst bool) {
	r := start(t)
	d := newDeaf(t)
	r.addDialed(1, 0, d.dial)
	c := r.dial()
	go func() { _ = c.trySend(req) }()
	await(t, "a connection to the worker", func() bool { return len(d.connections()) == 1 })
	r.awaitInFlight(1, 1)
	if strings.Contains(req, "chunked") { // of what has not come yet the length is not known
		await(t, "the request in the worker's socket", func() bool { return d.has("0\r\n\r\n") })
	}
	next := replying(t, func(m message) string { return ok(fmt.Sprint(len(m.body))) })
	if nextFirst {
		r.add(2, 1, next.addr)
	}
	idle := r.retire(1)
	r.front.Remove(1, d.connections())
	d.Close() // ends what was never accepted
	if !nextFirst {
		r.awaitQueued(1)
		r.add(2, 1, next.addr)
	}
	a := c.answer("POST")
	expect(t, "code", a.code(), 200)
	expect(t, "length of the body", a.body, fmt.Sprint(strings.Count(req, "x")))
	expect(t, "times seen", next.saw(""), 1)
	told := r.answer()
	expect(t, "slot", told.Slot, 1)
	expect(t, "retried", told.Retried, true)
	expect(t, "failure", told.Failure, "")
	receive(t, "an idle worker", idle)
}

// What a worker may have accepted is not for another one.
func TestNotRescued(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			r := start(t)
			d := newDeaf(t)
			r.addDialed(1, 0, d.dial)
			c := r.dial()
			c.send(request(method, "/", ""))
			await(t, "a connection to the worker", func() bool { return len(d.connections()) == 1 })
			// Until it is sent nobody can have seen it.
			await(t, "the request in the worker's socket", func() bool { return d.has("\r\n\r\n") })
			next := named(t, "next")
			r.add(2, 1, next.addr)
			r.front.Retire(1, nil)
			r.front.Remove(1, []net.Addr{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}})
			d.Close()
			expect(t, "code", c.answer(method).code(), 502)
			told := r.answer()
			expect(t, "cut", told.Cut, true)
			expect(t, "retried", told.Retried, false)
			expect(t, "requests at the next", next.saw(""), 0)
		})
	}
}
