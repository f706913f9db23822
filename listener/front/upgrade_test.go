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
