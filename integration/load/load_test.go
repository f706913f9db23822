package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// served is a server that counts.
type served struct {
	addr   string
	asked  atomic.Int64
	enough chan struct{} // closed once it was asked so many times
}

func serve(t *testing.T, enough int64, handler http.HandlerFunc) *served {
	t.Helper()
	s := &served{enough: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.asked.Add(1) == enough {
			close(s.enough)
		}
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	s.addr = strings.TrimPrefix(server.URL, "http://")
	return s
}

// right is what the applications of the bench do.
func right(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	fmt.Fprintf(w, "pid=1 id=%s length=%d\n", r.URL.Query().Get("id"), n)
}

// hangUp closes the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// TestClients: what is not answered rightly is lost, once, and told by its cause.
func TestClients(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		lost    string // the cause, in part; empty if nothing is
	}{
		"right":      {right, ""},
		"another's":  {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pid=1 id=another length=0\n") }, "not the worker's answer"},
		"no body":    {func(http.ResponseWriter, *http.Request) {}, "not the worker's answer"},
		"refused":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "status: 503"},
		"unanswered": {hangUp, "answer: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, 100, test.handler)
			ctx, cancel := context.WithCancel(t.Context())
			c := &Clients{Addr: server.addr, Of: 2, Pause: time.Millisecond, Says: Length}
			c.Begin(ctx)
			<-server.enough
			cancel()
			c.Halt()
			for _, k := range Kinds {
				seen := c.Tallies[k.Name]
				if test.lost == "" && (len(seen.Failed) > 0 || seen.Answered == 0 || seen.Quantile(1) == 0) {
					t.Errorf("%s: %v", k.Name, seen)
				}
				if test.lost != "" && (seen.Answered > 0 || len(seen.Failed) == 0) {
					t.Errorf("%s: %v", k.Name, seen)
				}
				for why := range seen.Lost {
					// What is sent to a server that does not read it may fail as it is sent.
					if test.lost == "" || !strings.Contains(why, test.lost) && !(name == "unanswered" && strings.HasPrefix(why, "send: ")) {
						t.Errorf("%s: lost %q", k.Name, why)
					}
				}
			}
			if tried := int64(c.Answered() + len(c.Failures())); tried < server.asked.Load() {
				t.Errorf("the server was asked %d times, for %d requests", server.asked.Load(), tried)
			}
		})
	}
}

// TestIdle: a kept connection that the server closes between two requests is no loss,
// and is told.
func TestIdle(t *testing.T) {
	conn, err := Connect(serve(t, 0, right).addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, _, err := conn.Exchange(Kinds[1], "/", nil); err != nil || conn.Ends || conn.gone() {
		t.Errorf("the connection is not kept: %v", err)
	}
	_ = conn.CloseRead() // as if the server's end had come
	if !conn.gone() {
		t.Error("a connection without an other end is taken for open")
	}
}

// TestArrive: requests come by the schedule whether or not they are answered.
func TestArrive(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	server := serve(t, 20, func(w http.ResponseWriter, r *http.Request) {
		<-gate
		right(w, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan *Arrivals, 1)
	go func() { result <- Arrive(ctx, server.addr, "/", 200) }()
	<-server.enough // and none of them is answered
	cancel()
	close(gate)
	a := <-result
	if n := a.Count(http.StatusOK); int64(n) != server.asked.Load() || len(a.Lost) > 0 {
		t.Errorf("%d asked, %v", server.asked.Load(), a)
	}
	if most := a.Quantile(http.StatusOK, 1); most < 50*time.Millisecond {
		t.Errorf("the first waited for 20 more at 200 a second, yet the slowest took %s", most)
	}
}

func TestHammer(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{true, false} {
		server := serve(t, 0, right)
		seen, err := Hammer(server.addr, 4, 50*time.Millisecond, keep)
		if err != nil || seen.PerSecond <= 0 || seen.P50 <= 0 || seen.P99 < seen.P50 || server.asked.Load() == 0 {
			t.Errorf("kept %v: %+v, %v", keep, seen, err)
		}
	}
	if seen, err := Hammer(serve(t, 0, hangUp).addr, 4, time.Minute, true); err == nil {
		t.Errorf("of a server that hangs up: %+v", seen)
	}
}
