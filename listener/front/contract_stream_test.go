package front_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

const gibibyte = 1 << 30

// echoBody answers with the body of the request.
func echoBody(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_, _ = w.Write(b)
}

// Each event is seen before the next one is sent; the header, before the first.
func TestServerSentEvents(t *testing.T) {
	for name, header := range map[string]string{
		"chunked":     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.0":    "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
		"of any type": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			next := make(chan struct{})
			r := start(t)
			r.add(1, 0, scripted(t, func(s *script, c *wire) {
				if _, is := s.request(c); !is {
					return
				}
				c.send(header)
				for i := range 50 {
					wait(t, next)
					event := fmt.Sprintf("data: %d\n\n", i)
					if name == "HTTP/1.0" {
						c.send(event)
					} else {
						c.send(chunked(event))
					}
				}
				if name != "HTTP/1.0" {
					c.send("0\r\n\r\n")
				}
			}).addr)
			c := r.dial()
			c.send(request("GET", "/", ""))
			head := c.head()
			expect(t, "code", head.code(), 200)
			for i := range 50 {
				next <- struct{}{}
				if event := fmt.Sprintf("data: %d\n\n", i); head.value("Transfer-Encoding") == "chunked" {
					expect(t, "event", c.chunk(), event)
				} else {
					c.expectText(event)
				}
			}
			if err := c.tryBody(&head, true); err != nil || head.body != "" {
				t.Errorf("the stream ended with %q, %v", head.body, err)
			}
			expect(t, "bytes told", r.answer().Bytes, int64(10*len("data: 0\n\n")+40*len("data: 10\n\n")))
		})
	}
}

func TestLongPoll(t *testing.T) {
	gate := make(chan struct{})
	r := start(t, short)
	r.add(1, 0, serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/poll" {
			wait(t, gate)
		}
		_, _ = io.WriteString(w, r.URL.Path)
	}))
	c := r.dial()
	c.send(request("GET", "/poll", ""))
	r.awaitInFlight(1, 1)
	for range 5 {
		expect(t, "meanwhile", r.get("/quick").body, "/quick")
	}
	c.expectSilence(3 * shortly) // longer than any limit of the front
	close(gate)
	expect(t, "at last", c.answer("GET").body, "/poll")
}

// The worker answers while the body is still coming.
func TestFullDuplex(t *testing.T) {
	r := start(t)
	r.add(1, 0, scripted(t, func(s *script, c *wire) {
		if _, is := s.head(c); !is {
			return
		}
		c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for {
			data := c.chunk()
			if data == "" {
				c.expectText("\r\n")
				c.send("0\r\n\r\n")
				return
			}
			c.send(chunked("echo of " + data))
		}
	}).addr)
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	head := c.head()
	expect(t, "code", head.code(), 200)
	for i := range 20 {
		c.send(chunked(fmt.Sprint(i)))
		expect(t, "echo", c.chunk(), fmt.Sprintf("echo of %d", i))
	}
	c.send("0\r\n\r\n")
	expect(t, "last chunk", c.chunk(), "")
}

// peak follows the heap until the function that it returns is called, which says
// by how much it grew.
func peak() func() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapInuse
	var most atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapInuse))
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		return max(most.Load(), before) - before
	}
}

func expectFlat(t testing.TB, grown uint64) {
	t.Helper()
	t.Logf("the heap grew by %.1f MiB", float64(grown)/(1<<20))
	if grown > 48<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// pour writes n bytes of nothing.
func pour(to io.Writer, n int64) error {
	block := make([]byte, 256<<10)
	for ; n > 0; n -= int64(len(block)) {
		if _, err := to.Write(block[:min(n, int64(len(block)))]); err != nil {
			return err
		}
	}
	return nil
}

// drain reads n bytes, or to the end.
func drain(from io.Reader, n int64) int64 {
	got, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(from, n), make([]byte, 256<<10))
	return got
}

func TestDownloadOfAGibibyte(t *testing.T) {
	r := start(t)
	r.add(1, 0, serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(gibibyte))
		_ = pour(w, gibibyte)
	}))
	grown := peak()
	c := r.dial()
	c.send(request("GET", "/", ""))
	expect(t, "code", c.head().code(), 200)
	_ = c.SetReadDeadline(time.Now().Add(6 * patience))
	expect(t, "bytes", drain(c.br, gibibyte), gibibyte)
	expectFlat(t, grown())
	expect(t, "bytes told", r.answer().Bytes, gibibyte)
}

func TestUploadOfAGibibyte(t *testing.T) {
	r := start(t)
	r.add(1, 0, serving(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, drain(r.Body, 2*gibibyte))
	}))
	grown := peak()
	c := r.dial()
	c.send(fmt.Sprintf("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", gibibyte))
	_ = c.SetWriteDeadline(time.Now().Add(6 * patience))
	if err := pour(c.Conn, gibibyte); err != nil {
		t.Fatal(err)
	}
	expect(t, "bytes", c.answer("PUT").body, fmt.Sprint(gibibyte))
	expectFlat(t, grown())
}
