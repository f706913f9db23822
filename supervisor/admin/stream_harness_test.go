package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rota/supervisor"
	"rota/supervisor/admin/api"
	"rota/supervisor/admin/journal"
)

// message is one message of a stream, as a browser would see it.
type message struct {
	id, name, data string
	comment        bool
}

func (m message) event(t testing.TB) api.Event {
	t.Helper()
	var e api.Event
	if err := json.Unmarshal([]byte(m.data), &e); err != nil {
		t.Errorf("%v in %q", err, m.data)
	}
	return e
}

// next reads a message of a stream, or a comment. One that is not complete is none.
func next(r *bufio.Reader) (m message, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return m, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n" && m != message{}:
			return m, nil
		case line == ":\n":
			m.comment = true
		case field == "id":
			m.id = value
		case field == "event":
			m.name = value
		case field == "data":
			m.data += value
		}
	}
}

// network is a listener in memory, whose connections have no buffer at all.
type network struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newNetwork() *network { return &network{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}
func (n *network) Close() error   { n.once.Do(func() { close(n.closed) }); return nil }
func (n *network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9797} }

func (n *network) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case n.conns <- there:
		return here, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// served is a Server that answers in memory.
type served struct {
	*Server
	t       *testing.T
	journal *journal.Journal
	network *network
	client  *http.Client
}

// serve makes a server, of which nothing is left when the test's bubble ends.
func serve(t *testing.T, pool Pool) *served {
	t.Helper()
	j := journal.New(time.Now())
	s := &served{t: t, journal: j, network: newNetwork(),
		Server: New(Options{Pool: pool, Metrics: NewMetrics(supervisor.AcceptShared), Journal: j})}
	s.client = &http.Client{Transport: &http.Transport{DialContext: s.network.dial, DisableKeepAlives: true}}
	done := make(chan error)
	go func() { done <- s.Serve(s.network) }()
	t.Cleanup(func() {
		s.End()
		s.network.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// open asks for a stream.
func (s *served) open(path, lastID string) *http.Response {
	s.t.Helper()
	request, err := http.NewRequest("GET", "http://localhost:9797"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// append lets n events happen.
func (s *served) append(n int) {
	for range n {
		s.journal.Append(supervisor.Event{Kind: supervisor.WorkerReady, Time: time.Now(), Worker: 1})
	}
}

// read is what a stream of things that have happened tells, in short.
func (s *served) read(path, lastID string) (told []string) {
	s.t.Helper()
	body := bufio.NewReader(s.open(path, lastID).Body)
	for {
		m, err := next(body)
		if err != nil {
			if err != io.EOF {
				s.t.Error(err)
			}
			return told
		}
		switch m.name {
		case api.StreamEvent:
			told = append(told, strconv.Itoa(int(m.event(s.t).ID-s.first())))
			if m.id != fmt.Sprint(m.event(s.t).ID) {
				s.t.Errorf("event %d has the id %q", m.event(s.t).ID, m.id)
			}
		default:
			told = append(told, m.name)
		}
	}
}

// first is the id of the first event of the first run that a test has.
func (s *served) first() uint64 { return s.journal.Oldest() }
