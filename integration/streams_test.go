package integration

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// streams is a pool of servers/streams behind the front, of one worker, so that
// all that is open is in its hands when it is replaced.
type streams struct {
	*pool
	addr string
}

func startStreams(t *testing.T, flags ...string) streams {
	t.Helper()
	port := freePort(t)
	args := append([]string{"-w", "1", "--accept", "front"}, flags...)
	p := start(t, append(args, "--", buildServer(t, "streams")), withEnv(fmt.Sprintf("PORT=%d", port)))
	p.awaitKind("pool ready", 1)
	return streams{p, fmt.Sprintf("127.0.0.1:%d", port)}
}

// request sends one on a connection of its own, and returns what is left to do
// with both: the body to be sent, and the answer to be read.
func (s streams) request(head string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "%s\r\nHost: %s\r\n\r\n", head, s.addr); err != nil {
		s.t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// echo is a WebSocket.
func (s streams) echo() *websocket.Conn {
	s.t.Helper()
	ws, err := websocket.Dial("ws://"+s.addr+"/echo", "", "http://"+s.addr)
	if err != nil {
		s.t.Fatalf("no WebSocket: %v", err)
	}
	s.t.Cleanup(func() { ws.Close() })
	_ = ws.SetDeadline(time.Now().Add(patience))
	return ws
}

func says(t *testing.T, ws *websocket.Conn, text string) {
	t.Helper()
	if err := websocket.Message.Send(ws, text); err != nil {
		t.Fatalf("cannot say %q on a WebSocket: %v", text, err)
	}
	var heard string
	if err := websocket.Message.Receive(ws, &heard); err != nil || heard != text {
		t.Fatalf("heard %q (%v) on a WebSocket, want %q", heard, err, text)
	}
}

// events are server-sent ones; it returns after the first. The channel gives
// what the last of them said, or why there were no more.
func (s streams) events(until string) <-chan error {
	s.t.Helper()
	_, r := s.request("GET /events?until=" + until + " HTTP/1.1")
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		s.t.Fatalf("no events: %v", err)
	}
	body := bufio.NewReader(response.Body)
	next := func() (string, error) {
		line, err := body.ReadString('\n')
		if err == nil {
			_, err = body.ReadString('\n')
		}
		return strings.TrimPrefix(strings.TrimSpace(line), "data: "), err
	}
	if first, err := next(); err != nil || first != "1" {
		s.t.Fatalf("the first event is %q (%v), want 1", first, err)
	}
	ended := make(chan error, 1)
	go func() {
		for want := 2; ; want++ {
			event, err := next()
			switch {
			case err != nil:
				ended <- fmt.Errorf("at event %d: %w", want, err)
				return
			case event == "last":
				if _, err := next(); err != io.EOF {
					ended <- fmt.Errorf("after the last event: %w", err)
				}
				close(ended)
				return
			case event != strconv.Itoa(want):
				ended <- fmt.Errorf("event %q, want %d", event, want)
				return
			}
		}
	}()
	return ended
}

// large is what is sent up and down.
const large = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// transfer is what sends or reads the first half, then says so, and goes on when
// rest is closed.
type transfer func(half chan<- struct{}, rest <-chan struct{}) error

func (s streams) upload() transfer {
	s.t.Helper()
	conn, r := s.request(fmt.Sprintf("POST /upload HTTP/1.1\r\nContent-Length: %d", large))
	return func(half chan<- struct{}, rest <-chan struct{}) error { return upload(conn, r, half, rest) }
}

func (s streams) download() transfer {
	s.t.Helper()
	_, r := s.request(fmt.Sprintf("GET /download?bytes=%d HTTP/1.1", large))
	return func(half chan<- struct{}, rest <-chan struct{}) error { return download(r, half, rest) }
}

func upload(conn net.Conn, r *bufio.Reader, half chan<- struct{}, rest <-chan struct{}) error {
	block, sum := make([]byte, 256<<10), uint32(0)
	for i := range block {
		block[i] = byte(i * i >> 8)
	}
	for sent := 0; sent < large; sent += len(block) {
		if sent == large/2 {
			close(half)
			<-rest
		}
		if _, err := conn.Write(block); err != nil {
			return fmt.Errorf("after %d bytes: %w", sent, err)
		}
		sum = crc32.Update(sum, castagnoli, block)
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	body, err := io.ReadAll(response.Body)
	if want := fmt.Sprintf("%d %08x", large, sum); err != nil || response.StatusCode != 200 || string(body) != want {
		return fmt.Errorf("%s %q (%v), want %q", response.Status, body, err, want)
	}
	return nil
}

func download(r *bufio.Reader, half chan<- struct{}, rest <-chan struct{}) error {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	block, sum, read := make([]byte, 256<<10), uint32(0), 0
	for {
		n, err := response.Body.Read(block)
		sum = crc32.Update(sum, castagnoli, block[:n])
		if read < large/2 && read+n >= large/2 {
			close(half)
			<-rest
		}
		read += n
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", read, err)
		}
	}
	if want := response.Trailer.Get("Checksum"); read != large || fmt.Sprintf("%08x", sum) != want {
		return fmt.Errorf("%d bytes with checksum %08x, want %d with %q", read, sum, large, want)
	}
	return nil
}

// TestLongStreams replaces a worker that has long streams in its hands, all of
// which end within the drain timeout: none of them notices.
func TestLongStreams(t *testing.T) {
	t.Parallel()
	s := startStreams(t, "--drain-timeout", "80s")
	until := filepath.Join(t.TempDir(), "until")
	rest := make(chan struct{})
	results := map[string]chan error{}
	for name, transfer := range map[string]transfer{"upload": s.upload(), "download": s.download()} {
		half, result := make(chan struct{}), make(chan error, 1)
		results[name] = result
		go func() { result <- transfer(half, rest) }()
		select {
		case <-half:
		case err := <-result:
			t.Fatalf("%s: %v", name, err)
		}
	}
	ws := s.echo()
	says(t, ws, "before")
	events := s.events(until)

	s.signal(syscall.SIGHUP)
	s.awaitKind("worker draining", 1)
	says(t, ws, "meanwhile")
	close(rest)
	for name, result := range results {
		if err := <-result; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	put(t, until, "", 0o600)
	if err := <-events; err != nil {
		t.Errorf("events: %v", err)
	}
	says(t, ws, "to the end")
	if n := s.count("cycle done"); n > 0 {
		t.Errorf("the worker has gone before its streams ended")
	}
	ws.Close()
	s.awaitKind("roll done", 1)
	if e := s.awaitKind("cycle done", 1); e.num("cut") != 0 || e.num("cut_upgrades") != 0 {
		t.Errorf("cut: %v", e)
	}
	s.isCut(0, 0)
	// What passed was held by nobody. The race detector has memory of its own.
	limit := 64.0
	if os.Getenv("TEST_RACE") != "" {
		limit *= 8
	}
	peak := peakMiB(t, s.cmd.Process.Pid)
	t.Logf("rota took %.1f MiB at most", peak)
	if peak > limit {
		t.Errorf("rota took %.1f MiB while %d MiB passed each way, want at most %.0f", peak, large>>20, limit)
	}
}

// isCut checks how much of each kind the metrics say was cut.
func (p *pool) isCut(requests, upgrades int) {
	p.t.Helper()
	p.metric(`rota_requests_cut_total{kind="request",slot="0"}`, float64(requests))
	p.metric(`rota_requests_cut_total{kind="upgrade",slot="0"}`, float64(upgrades))
}

func peakMiB(t *testing.T, pid int) float64 {
	t.Helper()
	for _, line := range lines(fmt.Sprintf("/proc/%d/status", pid)) {
		if fields := strings.Fields(line); fields[0] == "VmHWM:" {
			kib, _ := strconv.Atoi(fields[1])
			return float64(kib) / 1024
		}
	}
	t.Fatalf("process %d has no memory", pid)
	return 0
}

// TestStreamsCut replaces a worker whose streams do not end: they are cut at
// the drain timeout and no sooner, in a way that their clients can tell from an
// end, and reported.
func TestStreamsCut(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	s := startStreams(t, "--drain-timeout", timeout.String())
	ws := s.echo()
	says(t, ws, "before")
	events := s.events(filepath.Join(t.TempDir(), "never"))
	s.signal(syscall.SIGHUP)
	if err := <-events; !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the events ended with %v", err)
	}
	at := time.Now()
	if began := s.awaitKind("worker draining", 1).time(); at.Sub(began) < timeout {
		t.Errorf("the events were cut after %v, want %v", at.Sub(began), timeout)
	}
	var heard string
	if err := websocket.Message.Receive(ws, &heard); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the WebSocket says %q (%v), want its end", heard, err)
	}
	s.awaitKind("roll done", 1)
	if e := s.awaitKind("cycle done", 1); e.num("cut") != 1 || e.num("cut_upgrades") != 1 {
		t.Errorf("cut: %v, want the events and the WebSocket", e)
	}
	s.isCut(1, 1)
}
