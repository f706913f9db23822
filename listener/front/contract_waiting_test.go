package front_test

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"rota/listener/front"
)

// What waits for a worker that warms up gets it as that may have more, although
// nothing else happens meanwhile.
func TestQueueWhileWarming(t *testing.T) {
	r := start(t, func(c *front.Config) { c.MaxConcurrency, c.SlowStart = 4, 500*time.Millisecond })
	gate := make(chan struct{})
	held := serving(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/held" {
			w.(http.Flusher).Flush()
			<-gate
		}
	})
	r.add(1, 0, held)
	// Alone, a fresh worker is not held back.
	for range 3 {
		r.dial().send(request("GET", "/held", ""))
	}
	r.awaitInFlight(1, 3)
	expect(t, "code", r.get("/").code(), 200)
	await(t, "the first one to be warm", func() bool {
		r.dial().send(request("GET", "/held", ""))
		return r.worker(1).InFlight == 4
	})
	r.add(2, 1, held)
	expect(t, "code beside one that warms up", r.get("/").code(), 200)
	close(gate)
}

// However long connecting takes, a request gets its answer.
func TestSlowConnecting(t *testing.T) {
	r := start(t, func(c *front.Config) { c.QueueTimeout = shortly })
	for slot := range 2 {
		r.addDialed(uint64(slot+1), slot, func() (net.Conn, error) {
			<-time.After(shortly)
			return nil, errors.New("its queue is full, for the test")
		})
	}
	if code := r.get("/").code(); code != 502 && code != 503 {
		t.Errorf("answered with %d", code)
	}
}

// Who waits when no worker will come is told so.
func TestAbandon(t *testing.T) {
	r := start(t)
	waiting := r.dial()
	waiting.send(request("GET", "/", ""))
	r.awaitQueued(1)
	r.front.Abandon()
	expect(t, "who waited", waiting.answer("GET").code(), 503)
	expect(t, "why", r.answer().Shed, front.ShedUnready)
	expect(t, "who comes later", r.get("/").code(), 503)
}

// HTTP/2 can carry what a request line cannot: it must not become another one.
func TestH2RequestLine(t *testing.T) {
	r := start(t)
	w := named(t, "hello")
	r.add(1, 0, w.addr)
	for _, fields := range [][3]string{
		{"GET", "/a HTTP/1.0", "a"}, {"GET /admin HTTP/1.1", "/x", "a"}, {"GET", "/x", "a b"},
	} {
		c := r.dial()
		c.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
		framer := http2.NewFramer(c.Conn, c.Conn)
		if err := framer.WriteSettings(); err != nil {
			t.Fatal(err)
		}
		var block bytes.Buffer
		encoder := hpack.NewEncoder(&block)
		for i, name := range []string{":method", ":path", ":authority"} {
			_ = encoder.WriteField(hpack.HeaderField{Name: name, Value: fields[i]})
		}
		_ = encoder.WriteField(hpack.HeaderField{Name: ":scheme", Value: "http"})
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
			t.Fatal(err)
		}
		for {
			frame, err := framer.ReadFrame()
			if err != nil || frame.Header().StreamID == 1 {
				break
			}
		}
		c.Close()
	}
	expect(t, "requests at the worker", w.saw(""), 0)
}
