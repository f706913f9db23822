package front_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"rota/listener/front"
)

// understood is what matters of a request: two readers that agree on it agree
// on where the next one begins.
type understood struct {
	method, target, host, body string
	whole                      bool
}

// understand reads requests as net/http does, to the first that it cannot.
func understand(from *bufio.Reader) (all []understood) {
	for {
		if n := len(all); n > 0 && all[n-1].method == "POST" {
			// Some clients send an empty line behind a form, which net/http's server leaves out.
			next, _ := from.Peek(4)
			_, _ = from.Discard(len(next) - len(bytes.TrimLeft(next, "\r\n")))
		}
		req, err := http.ReadRequest(from)
		if err != nil {
			return all
		}
		u := understood{method: req.Method, target: req.RequestURI, host: req.Host}
		body, err := io.ReadAll(req.Body)
		u.body, u.whole = string(body), err == nil
		if all = append(all, u); err != nil {
			return all
		}
	}
}

// witness is a worker that answers all that it gets, and keeps what it understood.
type witness struct {
	mu     sync.Mutex
	all    []understood
	bad    []string     // what it could not understand
	closed atomic.Int64 // connections, by the front
	ended  atomic.Int64 // of those, in the eyes of the witness
}

// watched is a connection to it, of which it knows when the front closes it.
type watched struct {
	*net.TCPConn
	witness *witness
	once    sync.Once
}

func (w *watched) Close() error {
	w.once.Do(func() { w.witness.closed.Add(1) })
	return w.TCPConn.Close()
}

func (w *witness) serve(_ *script, c *wire) {
	defer w.ended.Add(1)
	for {
		_ = c.SetReadDeadline(noDeadline)
		if _, err := c.br.Peek(1); err != nil {
			return
		}
		var raw bytes.Buffer
		in := bufio.NewReader(io.TeeReader(c.br, &raw))
		req, err := http.ReadRequest(in)
		if err != nil {
			w.mu.Lock()
			w.bad = append(w.bad, fmt.Sprintf("%q: %s", raw.String(), err))
			w.mu.Unlock()
			return
		}
		u := understood{method: req.Method, target: req.RequestURI, host: req.Host}
		body, err := io.ReadAll(req.Body)
		u.body, u.whole = string(body), err == nil
		w.mu.Lock()
		w.all = append(w.all, u)
		if in.Buffered() > 0 && u.whole {
			w.bad = append(w.bad, fmt.Sprintf("%q came with more behind it", raw.String()))
		}
		w.mu.Unlock()
		if !u.whole || c.trySend(ok("seen")) != nil {
			return
		}
	}
}

// take empties it.
func (w *witness) take() (all []understood, bad []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, bad = w.all, w.bad
	w.all, w.bad = nil, nil
	return all, bad
}

// FuzzFront sends bytes of any kind. What reaches the worker is what net/http
// understands of them, in that order, up to where the front refuses the rest.
func FuzzFront(f *testing.F) {
	for _, seed := range ambiguous {
		f.Add([]byte(seed))
		f.Add([]byte(request("POST", "/first", "body") + seed + request("GET", "/next", "")))
	}
	for _, body := range badChunks {
		f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + request("GET", "/next", "")))
	}
	for _, seed := range []string{
		request("GET", "/a%2Fb//c;d?x=1;y=2&z=%zz", ""), request("GET", "http://other.test//x", ""), request("OPTIONS", "*", ""),
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n", upgrading, expecting + "hello", claiming + "\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "\r\n" + request("GET", "/", ""),
		"POST / HTTP/1.1\r\nHost: a\r\n\r\n\r\n" + request("GET", "*", ""),
		"POST / HTTP/1.1\r\nHost: a\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nX: y\r\n\r\n" + request("GET", "/", ""),
	} {
		f.Add([]byte(seed))
	}
	r := start(f, func(c *front.Config) { c.HeaderTimeout, c.IdleTimeout, c.MaxHeader = shortly, shortly, 4096 })
	w := new(witness)
	addr := scripted(f, w.serve).addr
	r.addDialed(1, 0, func() (net.Conn, error) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		return &watched{TCPConn: c.(*net.TCPConn), witness: w}, nil
	})
	f.Fuzz(func(t *testing.T, sent []byte) {
		if len(sent) > 32<<10 {
			t.Skip("longer than what a bug needs")
		}
		wanted := understand(bufio.NewReader(bytes.NewReader(sent)))
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		c := newWire(conn, t.Fatalf)
		_ = c.trySend(string(sent)) // the front need not read it all
		http2 := bytes.HasPrefix(sent, []byte("PRI "))
		if !http2 {
			converse(t, c, wanted)
		}
		c.closeWrite() // the front sees to the rest, and goes
		if !c.ended() {
			t.Error("the connection outlives the end of what the client sent")
		}
		c.Close()
		await(t, "an empty front", func() bool {
			return r.worker(1).InFlight == 0 && r.front.Stats().Connections == 0 && w.ended.Load() == w.closed.Load()
		})
		got, bad := w.take()
		for _, b := range bad {
			t.Errorf("the worker cannot understand %s", b)
		}
		if http2 {
			return
		}
		if len(got) > len(wanted) {
			t.Fatalf("the worker got %d requests of %d: %+v", len(got), len(wanted), got)
		}
		for i, g := range got {
			g.compare(t, wanted[i])
		}
	})
}

// converse reads as many answers as there should be, or until the front has had
// enough. It does not wait for what was sent already.
func converse(t *testing.T, c *wire, wanted []understood) {
	for _, u := range wanted {
		for u.whole {
			a, err := c.tryAnswer(u.method)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("no answer to %.100q", u.method+" "+u.target)
			}
			if err != nil || a.code() >= 400 {
				return
			}
			if a.code() >= 200 {
				break
			}
		}
	}
}

// compare tells whether the worker's is the client's.
func (u understood) compare(t *testing.T, client understood) {
	t.Helper()
	same := u.method == client.method && (u.target == client.target || client.absolute(u.target))
	same = same && (client.host == "" || strings.EqualFold(u.host, client.host))
	if u.whole {
		same = same && client.whole && u.body == client.body
	} else {
		same = same && strings.HasPrefix(client.body, u.body)
	}
	if !same {
		t.Errorf("the worker understood %+v, the client said %+v", u, client)
	}
}

// absolute tells whether its target is a URL of which that is the path.
func (u understood) absolute(path string) bool {
	return u.target[0] != '/' && (path == "/" || strings.HasSuffix(u.target, path) || strings.HasSuffix(u.target, strings.TrimPrefix(path, "/")))
}
