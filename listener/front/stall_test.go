package front

import (
	"bufio"
	"bytes"
	"context"
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

// A connection that was taken over is checked and limited no more.
func TestUpgradedConnection(t *testing.T) {
	const stall = 50 * time.Millisecond
	s := startServer(t, clientListener{bodyStall: stall, writeStall: stall}, func(w http.ResponseWriter, r *http.Request) {
		conn, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		both.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
		both.Flush()
		if n, err := io.Copy(conn, both); err != nil {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if err := conn.(*clientConn).CloseWrite(); err != nil {
			t.Error(err)
		}
	})
	conn := s.dial()
	io.WriteString(conn, get("Connection: upgrade\r\nUpgrade: echo\r\n"))
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != 101 {
		t.Fatal(answer, err)
	}
	sent := bytes.Repeat([]byte("\x00\n\rGET\xff"), 2<<20) // more than the kernel's buffers hold
	go func() {
		conn.Write(sent)
		conn.(*net.TCPConn).CloseWrite()
	}()
	<-time.After(4 * stall) // both directions stall meanwhile
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes of %d came back, %v", len(got), len(sent), err)
	}
}

// A client that speaks before the upgrade gets no tunnel.
func TestSpeaksBeforeUpgrade(t *testing.T) {
	got := make(chan string, 1)
	s := startServer(t, clientListener{}, func(w http.ResponseWriter, r *http.Request) {
		conn, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		all, err := io.ReadAll(both)
		got <- string(all) + ": " + err.Error()
	})
	conn := s.dial()
	io.WriteString(conn, get("Connection: upgrade\r\nUpgrade: echo\r\n")+"\x81\x00")
	if all := <-got; !strings.HasPrefix(all, ": refused") {
		t.Errorf("the tunnel had %q", all)
	}
}

// HTTP/2 with prior knowledge passes, in any pieces.
func TestHTTP2(t *testing.T) {
	s := startServer(t, clientListener{}, nil)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	for _, size := range []int{1, 5, 14, 20, 1 << 20} {
		transport := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) {
			return pieces{s.dial(), size}, nil
		}}
		answer, err := (&http.Client{Transport: transport}).Post("http://"+s.addr+"/", "", strings.NewReader("\x00hello\n"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || string(body) != "POST \x00hello\n" || answer.ProtoMajor != 2 {
			t.Errorf("in pieces of %d: %q by %s, %v", size, body, answer.Proto, err)
		}
		transport.CloseIdleConnections()
	}
}

// pieces writes in pieces.
type pieces struct {
	net.Conn
	size int
}

func (c pieces) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = c.Conn.Write(p[n:min(n+c.size, len(p))])
		n += m
	}
	return n, err
}
