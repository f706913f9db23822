package front

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// clientServer is an http.Server on a clientListener.
type clientServer struct {
	t    *testing.T
	addr string

	mu     sync.Mutex
	served []string // what the handler was called for: method, target, body or its error
}

func startServer(t *testing.T, l clientListener, handler http.HandlerFunc, configure ...func(*http.Server)) *clientServer {
	t.Helper()
	inner, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &clientServer{t: t, addr: inner.Addr().String()}
	if handler == nil {
		handler = s.answer
	}
	l.Listener = inner
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: handler, ConnState: clientState, Protocols: protocols, ReadHeaderTimeout: 20 * time.Second}
	for _, c := range configure {
		c(server)
	}
	go server.Serve(&l)
	t.Cleanup(func() { server.Close() })
	return s
}

func (s *clientServer) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	s.served = append(s.served, fmt.Sprintf("%s %s %q %v", r.Method, r.RequestURI, body, err))
	s.mu.Unlock()
	fmt.Fprintf(w, "%s %s", r.Method, body)
}

func (s *clientServer) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp4", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// send sends data in pieces, at once if size is 0, and returns the status codes
// of the answers until the server closes the connection, which it has to.
func (s *clientServer) send(data string, size int) (codes []int) {
	c := s.dial()
	go func() {
		for i := 0; i < len(data) && size > 0; i += size {
			io.WriteString(c, data[i:min(i+size, len(data))])
		}
		if size == 0 {
			io.WriteString(c, data)
		}
	}()
	for r := bufio.NewReader(c); ; {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
				s.t.Errorf("%.80q: the connection was not closed", data)
			}
			return codes
		}
		io.Copy(io.Discard, answer.Body)
		codes = append(codes, answer.StatusCode)
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// handled is what the handler was called for since the last time.
func (s *clientServer) handled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.served
	s.served = nil
	return was
}

func TestServerRefusesHeaders(t *testing.T) {
	s := startServer(t, clientListener{}, nil)
	for name, bad := range badHeaders {
		for _, size := range []int{0, 1} {
			if codes := s.send(bad.data, size); len(codes) != 1 || codes[0] != 400 {
				t.Errorf("%s in pieces of %d: answers %v; want a 400", name, size, codes)
			}
			if was := s.handled(); len(was) != 0 {
				t.Errorf("%s in pieces of %d: was handled as %q", name, size, was)
			}
		}
	}
}

// What net/http refuses by itself, and framing need not.
func TestServerRefusesMore(t *testing.T) {
	s := startServer(t, clientListener{}, nil)
	for name, c := range map[string]struct {
		data string
		code int
	}{
		"no host":          {"GET / HTTP/1.1\r\n\r\n", 400},
		"two hosts":        {get("Host: example.net\r\n"), 400},
		"the same twice":   {get("Host: example.org\r\n"), 400},
		"bad host":         {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		"large header":     {get("X: " + strings.Repeat("y", http.DefaultMaxHeaderBytes+8192) + "\r\n"), 431},
		"many fields":      {get(strings.Repeat("X: yyyyyyyy\r\n", 200000)), 431},
		"length announced": {get("Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n"), 400},
	} {
		if codes := s.send(c.data, 0); len(codes) != 1 || codes[0] != c.code {
			t.Errorf("%s: answers %v; want a %d", name, codes, c.code)
		}
		if was := s.handled(); len(was) != 0 {
			t.Errorf("%s: was handled as %q", name, was)
		}
	}
}

// A bad body reaches the handler as an error, and nothing after it is a request.
func TestServerRefusesBodies(t *testing.T) {
	s := startServer(t, clientListener{}, nil)
	for name, bad := range badBodies {
		for _, size := range []int{0, 1} {
			s.send(bad.data+get(""), size)
			was := s.handled()
			if len(was) != 1 || !strings.HasPrefix(was[0], "POST / ") || strings.HasSuffix(was[0], "<nil>") {
				t.Errorf("%s in pieces of %d: was handled as %q; want a POST with an error", name, size, was)
			}
		}
	}
}

// The first line of HTTP/2's preface is a request to net/http, though no good
// one: the empty line that ends it comes with the rest or not at all.
func TestHalfPreface(t *testing.T) {
	for end := prefaceLine; end < len(preface); end++ {
		client, server := net.Pipe()
		c := &clientConn{Conn: server, framing: newFraming()}
		go func() {
			for _, b := range []byte(preface[:end] + "x") {
				client.Write([]byte{b})
			}
			client.Close()
		}()
		n, err := 0, error(nil)
		for space := prefaceLine; err == nil; { // as net/http does
			var m int
			m, err = c.Read(make([]byte, space-n))
			if n += m; n == prefaceLine {
				space = len(preface)
			}
		}
		if !errors.As(err, new(framingError)) || n > prefaceLine {
			t.Errorf("%q, and then x: passed %d bytes, %v", preface[:end], n, err)
		}
	}
}

// What TestServerRefusesBodies shows, of a handler that answers first, in which case net/http does not
// look what became of the body.
func TestServerRefusesBodiesAfterAnswer(t *testing.T) {
	var mu sync.Mutex
	var methods []string
	s := startServer(t, clientListener{}, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		methods = append(methods, r.Method)
		mu.Unlock()
		control := http.NewResponseController(w)
		control.EnableFullDuplex()
		w.Write([]byte("early"))
		control.Flush()
		io.Copy(io.Discard, r.Body)
	})
	for name, bad := range badBodies {
		s.send(bad.data+get(""), 0)
		mu.Lock()
		if len(methods) != 1 {
			t.Errorf("%s: was handled as %q", name, methods)
		}
		methods = nil
		mu.Unlock()
	}
}

func TestServerAnswersGood(t *testing.T) {
	s := startServer(t, clientListener{}, nil)
	last := "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for name, data := range goodRequests {
		switch name {
		case "two empty lines", "pipelined", // net/http takes empty lines only after a POST
			"1.0", "HTTP/2", "largest length, no body", "expect", "upgrade, then HTTP", "connect, then HTTP":
			continue
		}
		want, _ := understood([]byte(data + last))
		for _, size := range []int{0, 1} {
			if len(data) > 10000 && size == 1 {
				continue
			}
			codes := s.send(data+last, size)
			was := s.handled()
			if len(codes) != len(want) || len(was) != len(want) {
				t.Errorf("%s in pieces of %d: %d requests, %d handled, answers %v", name, size, len(want), len(was), codes)
				continue
			}
			for i, m := range want {
				if line := fmt.Sprintf("%s %s %q <nil>", m.method, m.target, m.body); was[i] != line || codes[i] != 200 {
					t.Errorf("%s in pieces of %d: answer %d, handled as %s; want %s", name, size, codes[i], was[i], line)
				}
			}
		}
	}
	post := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
	if codes := s.send(strings.Repeat(post+"\r\n", 20)+post+"\r\n\r\n"+last, 0); len(codes) != 22 {
		t.Errorf("empty lines after a POST: answers %v", codes)
	}
}

// What comes after a good request must not disturb its answer.
func TestOffenceAfterRequest(t *testing.T) {
	began := make(chan context.Context)
	goOn := make(chan bool)
	s := startServer(t, clientListener{}, func(w http.ResponseWriter, r *http.Request) {
		began <- r.Context()
		<-goOn
		if err := r.Context().Err(); err != nil {
			w.WriteHeader(500)
		}
	})
	for name, c := range map[string]struct {
		together, later string
		codes           string
	}{
		"at once":    {get("") + get("Transfer-Encoding : chunked\r\n"), "", "[200 400]"},
		"later":      {get(""), "\x81\x00", "[200]"},
		"at the end": {"GET / HTTP/1.0\r\n\r\n\x00", "garbage", "[200]"},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan []int)
			conn := s.dial()
			io.WriteString(conn, c.together)
			ctx := <-began
			io.WriteString(conn, c.later)
			go func() {
				var codes []int
				for r := bufio.NewReader(conn); ; {
					answer, err := http.ReadResponse(r, nil)
					if err != nil {
						done <- codes
						return
					}
					codes = append(codes, answer.StatusCode)
				}
			}()
			select {
			case <-ctx.Done():
				t.Error("the request was cancelled")
			case <-time.After(100 * time.Millisecond): // nothing is to happen
			}
			goOn <- true
			if codes := fmt.Sprint(<-done); codes != c.codes {
				t.Errorf("answers %s; want %s", codes, c.codes)
			}
		})
	}
}

// A client that leaves after an offence is noticed all the same.
func TestClientLeavesAfterOffence(t *testing.T) {
	began := make(chan context.Context)
	s := startServer(t, clientListener{}, func(w http.ResponseWriter, r *http.Request) {
		began <- r.Context()
		<-r.Context().Done()
	})
	conn := s.dial()
	io.WriteString(conn, get("")+"\x00\x00")
	ctx := <-began
	conn.Close()
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Error("the handler was not told")
	}
}
