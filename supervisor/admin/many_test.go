package admin

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rota/supervisor"
	"rota/supervisor/admin/api"
	"rota/supervisor/admin/journal"
)

// patience is how long a test waits for what must happen; no measure of speed.
const patience = time.Minute

// follower follows a stream as a browser does: it comes back when it is cut off.
type follower struct {
	t      testing.TB
	addr   string
	first  uint64 // id of the first event that will happen
	last   string // id of the last event that it has in full
	events int
	gaps   int
	cuts   int // how often it was cut off
}

// dial connects with a receive buffer as small as the kernel lets it be, so that a
// client that does not read is soon in the way.
func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return nil
	}
	return conn
}

// ask asks for the stream.
func (f *follower) ask(conn net.Conn) {
	request := "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n"
	if f.last != "" {
		request += "Last-Event-ID: " + f.last + "\r\n"
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		f.t.Error(err)
	}
}

// read reads the stream until it ends, or has come to the event that is wanted. On a
// busy machine even the head of the answer may come too late to be sent.
func (f *follower) read(conn net.Conn, until string) {
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		f.cuts++
		return
	}
	if answer.StatusCode != http.StatusOK {
		f.t.Error(answer.Status)
		return
	}
	for body := bufio.NewReader(answer.Body); f.last != until; {
		m, err := next(body)
		if err != nil {
			f.cuts++
			return
		}
		switch m.name {
		case api.StreamGap:
			f.gaps++
		case api.StreamEvent:
			// Looking into each would take longer than all else.
			if f.events%50 == 0 && m.event(f.t).Cut != f.events || m.id != fmt.Sprint(f.first+uint64(f.events)) {
				f.t.Errorf("after %d events came the one with id %s", f.events, m.id)
			}
			f.events++
			f.last = m.id
		}
	}
}

// follow goes on until it has the event that is wanted.
func (f *follower) follow(until string) {
	for f.last != until && !f.t.Failed() {
		conn := dial(f.t, f.addr)
		if conn == nil {
			return
		}
		f.ask(conn)
		f.read(conn, until)
		conn.Close()
	}
}

// partings is a listener that tells of the end of each of its connections.
type partings struct {
	net.Listener
	ended chan struct{}
}

func (p *partings) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &parting{conn.(*net.TCPConn), sync.OnceFunc(func() { p.ended <- struct{}{} })}, nil
}

type parting struct {
	*net.TCPConn
	tell func()
}

func (p *parting) NetConn() net.Conn { return p.TCPConn }

func (p *parting) Close() error {
	defer p.tell()
	return p.TCPConn.Close()
}

// gather makes a server on a real socket.
func gather(t testing.TB, patience time.Duration) (s *Server, j *journal.Journal, addr string, end func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return gatherOn(t, l, patience)
}

func gatherOn(t testing.TB, l net.Listener, patience time.Duration) (s *Server, j *journal.Journal, addr string, end func()) {
	j = journal.New(time.Now())
	s = New(Options{Pool: newFixed(t, &supervisor.Status{}), Metrics: NewMetrics(supervisor.AcceptShared), Journal: j})
	s.patience = patience
	served := make(chan error)
	go func() { served <- s.Serve(l) }()
	return s, j, l.Addr().String(), func() {
		l.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

// happen lets n events happen, of a KiB each.
func happen(j *journal.Journal, from, n int) {
	for i := range n {
		j.Append(supervisor.Event{Kind: supervisor.Warning, Time: time.Now(), Cut: from + i, Message: strings.Repeat("x", 1000)})
	}
}

// 200 clients follow, of which a quarter takes nothing, or hardly anything, and
// some are gone without a word. With all the time of the world for each of them,
// nothing waits: neither whoever appends nor the other clients. Then they get as
// little time as they should, are cut off, come back, and miss nothing.
func TestManyClients(t *testing.T) {
	const clients, slow, stuck, vanishing = 200, 20, 20, 20
	const events = 700 // more than the kernel takes for who does not read; the journal still has them all when the slow ones come back
	before := goleak.IgnoreCurrent()
	heap := allocated()
	s, j, addr, end := gather(t, time.Hour)
	var idle []net.Conn
	var stalled []*follower
	for i := range slow + stuck + vanishing {
		f := &follower{t: t, addr: addr, first: j.Oldest()}
		conn := dial(t, addr)
		if conn == nil {
			return
		}
		f.ask(conn)
		idle = append(idle, conn)
		if i < slow+stuck {
			stalled = append(stalled, f)
		}
	}
	// A byte a second, for as long as the test takes.
	ctx, cancel := context.WithCancel(t.Context())
	var trickle sync.WaitGroup
	for _, conn := range idle[:slow] {
		trickle.Go(func() {
			every := time.NewTicker(time.Second)
			defer every.Stop()
			for one := make([]byte, 1); ; {
				select {
				case <-ctx.Done():
					return
				case <-every.C:
				}
				_, _ = conn.Read(one)
			}
		})
	}
	first, wanted := j.Oldest(), fmt.Sprint(j.Newest()+events)
	var lively sync.WaitGroup
	for range clients - len(idle) {
		lively.Go(func() {
			f := &follower{t: t, addr: addr, first: first}
			f.follow(wanted)
			if f.events != events || f.gaps != 0 || f.cuts != 0 {
				t.Errorf("a client that reads has %d events, %d gaps, and was cut off %d times", f.events, f.gaps, f.cuts)
			}
		})
	}
	s.awaitOpen(t, clients)
	for i := range events {
		happen(j, i, 1)
		if i%10 == 0 {
			runtime.Gosched() // a pool has rarely more at once
		}
	}
	lively.Wait()
	s.awaitOpen(t, len(idle))
	t.Logf("%d KiB of heap with %d clients that take nothing", (allocated()-min(heap, allocated()))>>10, len(idle))

	// Without a word: the last ones are reset, as a machine does that has come up again.
	for _, conn := range idle[slow+stuck:] {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	s.awaitOpen(t, slow+stuck)
	cancel()
	trickle.Wait()
	for _, conn := range idle {
		conn.Close()
	}
	s.awaitOpen(t, 0)
	var back sync.WaitGroup
	for _, f := range stalled {
		back.Go(func() {
			f.follow(wanted)
			if f.events != events || f.gaps != 0 {
				t.Errorf("a client that came back has %d events and %d gaps", f.events, f.gaps)
			}
		})
	}
	back.Wait()
	s.awaitOpen(t, 0)
	end()
	deadline := time.Now().Add(patience)
	for err := goleak.Find(before); err != nil; err = goleak.Find(before) {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if after := allocated(); after > heap+8<<20 {
		t.Errorf("%d bytes of heap are left, %d before", after, heap)
	}
}

// Clients that read late find that they were cut off, and come back for the rest.
func TestSlowClientsResume(t *testing.T) {
	const events, clients = 980, 20
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{}, 2*clients)
	s, j, addr, end := gatherOn(t, &partings{l, ended}, 50*time.Millisecond)
	defer end()
	var followers []*follower
	var conns []net.Conn
	for range clients {
		f := &follower{t: t, addr: addr, first: j.Oldest()}
		conn := dial(t, addr)
		if conn == nil {
			return
		}
		f.ask(conn)
		followers, conns = append(followers, f), append(conns, conn)
	}
	happen(j, 0, events)
	for range conns { // all are dropped
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("a client that takes nothing is not dropped")
		}
	}
	s.streams.mu.Lock()
	s.patience = time.Hour // a busy machine may take its time from here on
	s.streams.mu.Unlock()
	wanted := fmt.Sprint(j.Newest())
	var all sync.WaitGroup
	var cuts atomic.Int64
	for i, f := range followers {
		all.Go(func() {
			f.read(conns[i], wanted) // what the kernel still has of it, the last message in part
			conns[i].Close()
			cuts.Add(int64(f.cuts))
			f.follow(wanted)
			if f.events != events || f.gaps != 0 {
				t.Errorf("%d events, %d gaps", f.events, f.gaps)
			}
		})
	}
	all.Wait()
	if n := cuts.Load(); n != int64(len(conns)) {
		t.Errorf("%d clients were cut off, of %d that did not read", n, len(conns))
	}
}
