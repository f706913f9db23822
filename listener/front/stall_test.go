package front

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A client that does not read its answer is given up, and the handler ends.
func TestWriteStall(t *testing.T) {
	const stall = 300 * time.Millisecond
	type end struct {
		err  error
		took time.Duration
		ctx  error
	}
	ended := make(chan end, 1)
	s := startServer(t, clientListener{writeStall: stall}, func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1<<20)
		last, err := time.Now(), error(nil)
		for err == nil {
			last = time.Now()
			_, err = w.Write(block)
		}
		ended <- end{err, time.Since(last), r.Context().Err()}
	})
	conn := s.dial()
	io.WriteString(conn, get(""))
	select {
	case e := <-ended:
		if !isTimeout(e.err) || e.ctx == nil || e.took < stall {
			t.Errorf("the write ended with %v after %v, context %v", e.err, e.took, e.ctx)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the handler still writes")
	}
	n, err := io.Copy(io.Discard, conn)
	if err == nil || isTimeout(err) {
		t.Errorf("the client read %d bytes, then %v; want a reset", n, err)
	}
}

// One that reads slowly is not, even within one write: each piece is read later
// than the whole may stall after the one before.
func TestSlowReaderIsServed(t *testing.T) {
	const size = 32 << 20 // more than the kernel's buffers hold
	ended := make(chan error, 1)
	s := startServer(t, clientListener{writeStall: 400 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		_, err := w.Write(make([]byte, size))
		ended <- err
	})
	conn := s.dial()
	conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	io.WriteString(conn, get("Connection: close\r\n"))
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 12 { // three times the stall, in which the write cannot end
		<-tick.C
		if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	rest, err := io.Copy(io.Discard, conn)
	if err != nil || rest < size-12<<20 {
		t.Errorf("the rest is %d bytes, then %v", rest, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the write: %v", err)
	}
}

// A body that stalls fails, and what comes of it later is no request.
func TestBodyStall(t *testing.T) {
	for name, duplex := range map[string]bool{"answered after": false, "answered before": true} {
		t.Run(name, func(t *testing.T) {
			failed := make(chan error, 10)
			s := startServer(t, clientListener{bodyStall: 200 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
				control := http.NewResponseController(w)
				if duplex {
					control.EnableFullDuplex()
					w.WriteHeader(200)
					control.Flush()
				}
				_, err := io.ReadAll(r.Body)
				failed <- err
			})
			conn := s.dial()
			io.WriteString(conn, chunks("10\r\nabc"))
			if err := <-failed; !isTimeout(err) {
				t.Errorf("the body: %v; want a timeout", err)
			}
			io.WriteString(conn, get("")) // belongs to the body
			answers, _ := io.ReadAll(conn)
			if n := bytes.Count(answers, []byte("HTTP/1.1 ")); n > 1 {
				t.Errorf("%d answers: %q", n, answers)
			}
			select {
			case <-failed:
				t.Error("the rest of the body was a request")
			default:
			}
		})
	}
}

// A handler may take longer than a client may stall: before it reads the body,
// between two reads, and after it. So may a client that is no longer to send.
func TestSlowHandler(t *testing.T) {
	const stall = 100 * time.Millisecond
	s := startServer(t, clientListener{bodyStall: stall, writeStall: stall}, func(w http.ResponseWriter, r *http.Request) {
		wait := func() {
			select {
			case <-r.Context().Done():
				t.Errorf("cancelled: %v", context.Cause(r.Context()))
			case <-time.After(3 * stall):
			}
		}
		wait()
		if _, err := io.ReadFull(r.Body, make([]byte, 3)); err != nil {
			t.Error(err)
		}
		wait()
		w.Header().Set("Content-Length", "6")
		rest, err := io.ReadAll(r.Body)
		if err != nil || len(rest) != 100000-3 {
			t.Errorf("%d bytes, %v", len(rest), err)
		}
		wait()
		http.NewResponseController(w).EnableFullDuplex()
		w.Write([]byte("abc"))
		http.NewResponseController(w).Flush()
		wait()
		w.Write([]byte("def"))
	})
	conn := s.dial()
	r := bufio.NewReader(conn)
	for range 2 {
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 100000))
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "abcdef" {
			t.Errorf("answer %q, %v", body, err)
		}
	}
}

// net/http's own deadlines hold beside those of a body: the shorter counts, and
// a body's ends with it.
func TestDeadlinesOfNetHTTP(t *testing.T) {
	const short, long = 100 * time.Millisecond, 20 * time.Second
	post := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n"
	for name, c := range map[string]struct {
		body, header, idle, read time.Duration
		then                     string // is sent after the answer, and again after three times short
		codes                    string
	}{
		"idle":          {long, long, short, 0, "", "[200]"},
		"header":        {long, short, long, 0, "GET / HTTP/1.1\r\nHost: x\r\n", "[200]"},
		"whole request": {long, long, long, short, post + "abc", "[200 200]"},
		"body no more":  {short, long, long, 0, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ", "[200 200]"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, clientListener{bodyStall: c.body}, nil, func(s *http.Server) {
				s.ReadHeaderTimeout, s.IdleTimeout, s.ReadTimeout = c.header, c.idle, c.read
			})
			conn := s.dial()
			io.WriteString(conn, post+"abc")
			io.WriteString(conn, "def")
			var codes []int
			for r := bufio.NewReader(conn); ; {
				answer, err := http.ReadResponse(r, nil)
				if err != nil {
					if isTimeout(err) {
						t.Error("the connection was not closed")
					}
					break
				}
				io.Copy(io.Discard, answer.Body)
				if codes = append(codes, answer.StatusCode); len(codes) == 1 {
					io.WriteString(conn, c.then)
					<-time.After(3 * short)
					if name == "body no more" {
						io.WriteString(conn, "y\r\n\r\n")
					}
				}
			}
			if fmt.Sprint(codes) != c.codes {
				t.Errorf("answers %v; want %s", codes, c.codes)
			}
		})
	}
}

// The body of a pipelined request may be incomplete while the one before is
// handled; nobody waits for it yet.
func TestPipelinedBodyIsNotAwaited(t *testing.T) {
	const stall = 50 * time.Millisecond
	s := startServer(t, clientListener{bodyStall: stall}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Write(body)
			return
		}
		select {
		case <-r.Context().Done():
			t.Error("the first request was cancelled")
		case <-time.After(4 * stall):
		}
	})
	conn := s.dial()
	io.WriteString(conn, get("")+"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabc")
	r := bufio.NewReader(conn)
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "def")
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "abcdef" {
		t.Errorf("answer %q, %v", body, err)
	}
}
