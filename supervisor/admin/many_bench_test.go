package admin

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"rota/supervisor"
	"rota/supervisor/admin/api"
)

// awaitOpen waits until as many streams are open.
func (s *Server) awaitOpen(t testing.TB, want int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		s.streams.mu.Lock()
		open := s.streams.open
		s.streams.mu.Unlock()
		if open == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d streams are open, want %d", open, want)
		}
		<-time.After(time.Millisecond)
	}
}

// allocated is what the heap holds that is in use.
func allocated() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A status of 100 workers told to 200 clients, until each of them has it.
func BenchmarkStatusForMany(b *testing.B) {
	const clients, workers = 200, 100
	st := &supervisor.Status{Desired: workers, Workers: make([]supervisor.WorkerStatus, workers)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	s := New(Options{Pool: newFixed(b, st), Metrics: NewMetrics(supervisor.AcceptShared)})
	go func() { _ = s.Serve(l) }()
	got := make(chan int, clients)
	for range clients {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /v1/events?status HTTP/1.1\r\nHost: localhost\r\n\r\n")
		go func() {
			answer, err := http.ReadResponse(bufio.NewReaderSize(conn, 64<<10), nil)
			if err != nil {
				b.Error(err)
				return
			}
			for r := bufio.NewReader(answer.Body); ; {
				m, err := next(r)
				if err != nil {
					return
				}
				if m.name == api.StreamStatus {
					got <- len(m.data)
				}
			}
		}()
	}
	size := 0
	for range clients {
		size = <-got
	}
	s.feed.mu.Lock()
	stop := s.feed.stop
	s.feed.mu.Unlock()
	for b.Loop() {
		s.feed.tell(stop)
		for range clients { // the clock's own are among them
			<-got
		}
	}
	b.ReportMetric(float64(size), "B/status")
}
