package front_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"rota/listener/front"
)

// h2 is a client that speaks HTTP/2 without TLS, with prior knowledge.
func (r *rig) h2() *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetUnencryptedHTTP2(true)
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, r.network, r.addr)
	}
	r.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 3 * patience}
}

// ask sends a request and reads its answer.
func ask(t testing.TB, client *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	a, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatalf("the answer to %s %s: %s", req.Method, req.URL, err)
	}
	expect(t, "protocol", a.Proto, "HTTP/2.0")
	return a, string(b)
}

func newRequest(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// A client's HTTP/2 needs no worker that speaks it.
func TestH2ToHTTP1(t *testing.T) {
	r := start(t)
	r.add(1, 2, echoing(t).addr)
	client := r.h2()
	for i := range 5 {
		req := newRequest(t, "POST", fmt.Sprintf("http://front.test:81/a%%2Fb//c;d?x=1;y=%d", i), strings.NewReader("body"))
		req.Header["X-A"] = []string{"1", "", "2"}
		req.Header.Set("X-Forwarded-For", "6.6.6.6")
		req.Header.Set("Cookie", "a=b; c=d")
		answer, body := ask(t, client, req)
		got := echoed(message{body: body})
		expect(t, "code", answer.StatusCode, 200)
		expect(t, "request line", got.start, fmt.Sprintf("POST /a%%2Fb//c;d?x=1;y=%d HTTP/1.1", i))
		expect(t, "Host", got.value("Host"), "front.test:81")
		expect(t, "X-A", strings.Join(got.values("X-A"), "|"), "1||2")
		expect(t, "Cookie", strings.Join(got.values("Cookie"), "|"), "a=b; c=d")
		expect(t, "X-Forwarded-For", got.value("X-Forwarded-For"), "127.0.0.1")
		expect(t, "body", got.body, "body")
		expect(t, "slot", r.answer().Slot, 2)
	}
	expect(t, "connections", r.front.Stats().Connections, 1)
}

// Streams of one connection are requests of their own.
func TestH2StreamsAreDispatched(t *testing.T) {
	gate := make(chan struct{})
	r := start(t)
	for id := range uint64(2) {
		r.add(id+1, int(id), serving(t, func(w http.ResponseWriter, r *http.Request) { wait(t, gate) }))
	}
	client := r.h2()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			a, err := client.Get("http://front.test/")
			if err != nil {
				t.Error(err)
				return
			}
			a.Body.Close()
			expect(t, "code", a.StatusCode, 200)
		})
	}
	r.awaitInFlight(1, 5)
	r.awaitInFlight(2, 5)
	close(gate)
	wg.Wait()
}

func TestH2Body(t *testing.T) {
	const size = 64 << 20
	r := start(t)
	r.add(1, 0, serving(t, func(w http.ResponseWriter, r *http.Request) {
		if n := drain(r.Body, 2*size); n != size {
			t.Errorf("the worker read %d bytes", n)
		}
		_ = pour(w, size)
	}))
	req := newRequest(t, "PUT", "http://front.test/", io.LimitReader(zeros{}, size))
	grown := peak()
	a, err := r.h2().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	expect(t, "bytes", drain(a.Body, 2*size), size)
	expectFlat(t, grown())
	expect(t, "bytes told", r.answer().Bytes, size)
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// A stream that the client gives up is given up at the worker.
func TestH2Cancelled(t *testing.T) {
	began, gone := make(chan struct{}), make(chan struct{})
	r := start(t)
	r.add(1, 0, serving(t, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		wait(t, r.Context().Done())
		close(gone)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	if _, err := r.h2().Do(newRequest(t, "GET", "http://front.test/", nil).WithContext(ctx)); err == nil {
		t.Error("a cancelled request was answered")
	}
	receive(t, "the end of the request at the worker", gone)
	a := r.answer()
	expect(t, "code", a.Code, front.CodeClientGone)
	expect(t, "cut", a.Cut, false)
}

// A worker's failure is one of the stream, not of the connection.
func TestH2FailureOfOneStream(t *testing.T) {
	r := start(t)
	r.add(1, 0, scripted(t, func(s *script, c *wire) {
		for {
			m, is := s.request(c)
			switch {
			case !is, m.target() == "/none":
				return
			case m.target() == "/half":
				c.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
				return
			}
			_ = c.trySend(ok("hello")) // be it to who asks whether it speaks HTTP/2
		}
	}).addr)
	client := r.h2()
	a, _ := ask(t, client, newRequest(t, "POST", "http://front.test/none", strings.NewReader("x")))
	expect(t, "code", a.StatusCode, 502)
	if half, err := client.Get("http://front.test/half"); err == nil {
		if b, err := io.ReadAll(half.Body); err == nil && half.StatusCode != 502 {
			t.Errorf("a truncated answer looks complete: %d %q", half.StatusCode, b)
		}
		half.Body.Close()
	}
	_, body := ask(t, client, newRequest(t, "GET", "http://front.test/", nil))
	expect(t, "body", body, "hello")
	expect(t, "connections", r.front.Stats().Connections, 1)
}

// Close lets streams finish, and the client go.
func TestH2Close(t *testing.T) {
	gate := make(chan struct{})
	r := start(t)
	r.add(1, 0, serving(t, func(w http.ResponseWriter, r *http.Request) {
		wait(t, gate)
		_, _ = io.WriteString(w, "hello")
	}))
	client := r.h2()
	answered := make(chan string, 1)
	go func() {
		a, err := client.Get("http://front.test/")
		if err != nil {
			answered <- err.Error()
			return
		}
		b, _ := io.ReadAll(a.Body)
		a.Body.Close()
		answered <- string(b)
	}()
	r.awaitInFlight(1, 1)
	done := r.closing()
	select {
	case <-done:
		t.Error("Close was done with a stream left")
	case <-time.After(50 * time.Millisecond):
	}
	close(gate)
	expect(t, "answer", receive(t, "the answer", answered), "hello")
	receive(t, "the end of Close", done)
}
