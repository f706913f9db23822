package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// fakePool answers as a pool does, with what a test gives it.
type fakePool struct {
	t      testing.TB
	socket string

	mu     sync.Mutex
	status api.Status
	rolls  api.Rolls
	events []api.Event
	news   chan struct{} // closed and replaced at each event
	asked  []string      // requests that change something
	cut    int           // streams that end after each event
	posted func(path string) (int, any)
	silent chan struct{} // nothing is answered until it is closed; nil: all at once
}

// newFakePool serves one on a socket until the test ends.
func newFakePool(t testing.TB) *fakePool {
	t.Helper()
	dir, err := os.MkdirTemp("", "rota") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := &fakePool{t: t, socket: filepath.Join(dir, "s"), news: make(chan struct{})}
	now := time.Now()
	f.status = api.Status{Time: now, PID: 7, StartedAt: now.Add(-time.Hour), Phase: api.PhaseReady, Desired: 2, Ready: 2, Alive: 2, Accept: "front", Generation: 1,
		Workers: []api.Worker{{ID: 1, Slot: 0, PID: 100, State: "ready", Generation: 1, StartedAt: now}, {ID: 2, Slot: 1, PID: 101, State: "ready", Generation: 1, StartedAt: now}}}
	f.posted = func(string) (int, any) { return http.StatusConflict, api.Error{Message: "not now"} }
	f.serve()
	return f
}

// serve begins to answer, and returns how to end it.
func (f *fakePool) serve() (stop func()) {
	f.t.Helper()
	l, err := net.Listen("unix", f.socket)
	if err != nil {
		f.t.Fatal(err)
	}
	mux := http.NewServeMux()
	get := func(path string, value func() any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			f.mu.Lock()
			text, err := json.Marshal(value())
			f.mu.Unlock()
			if err != nil {
				panic(err)
			}
			_, _ = w.Write(append(text, '\n'))
		})
	}
	get("/v1/status", func() any { return f.status })
	get("/v1/rolls", func() any { return f.rolls })
	mux.HandleFunc("GET /v1/events", f.stream)
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		f.asked = append(f.asked, r.URL.Path+body.String())
		code, answer := f.posted(r.URL.Path)
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(answer)
	})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.silent != nil {
			<-f.silent
		}
		mux.ServeHTTP(w, r)
	})}
	go server.Serve(l)
	stop = func() { server.Close() }
	f.t.Cleanup(stop)
	return stop
}

// stream is the events as a pool sends them; see api.Client.Events.
func (f *fakePool) stream(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
	follow := r.URL.Query().Get("follow") != "false"
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	for {
		f.mu.Lock()
		news, cut := f.news, f.cut > 0
		for _, e := range f.events {
			if e.ID <= after {
				continue
			}
			text, _ := json.Marshal(e)
			fmt.Fprintf(w, "id: %d\nevent: event\ndata: %s\n\n", e.ID, text)
			after = e.ID
			if f.cut > 0 {
				f.cut--
				break
			}
		}
		f.mu.Unlock()
		_ = http.NewResponseController(w).Flush()
		if !follow {
			return
		}
		if cut {
			panic(http.ErrAbortHandler)
		}
		select {
		case <-news:
		case <-r.Context().Done():
			return
		}
	}
}

// change changes what the pool says.
func (f *fakePool) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// happen adds events; the lock is held.
func (f *fakePool) happen(events ...api.Event) {
	for _, e := range events {
		e.ID, e.Time = uint64(len(f.events)+1), time.Now()
		f.events = append(f.events, e)
	}
	close(f.news)
	f.news = make(chan struct{})
}

// rota runs a command against the pool, as Main does.
func (f *fakePool) rota(args ...string) (code int, out, said string) {
	return f.rotaFor(context.Background(), new(lockedBuffer), args...)
}

func (f *fakePool) rotaFor(ctx context.Context, out *lockedBuffer, args ...string) (code int, printed, said string) {
	f.t.Helper()
	root := newRoot()
	root.SetArgs(lessFlags(root, append(args, "--control", f.socket)))
	errors := new(bytes.Buffer)
	root.SetOut(out)
	root.SetErr(errors)
	code = exitCode(root.ExecuteContext(ctx), errors)
	return code, out.String(), errors.String()
}

// lockedBuffer can be read while it is written to.
type lockedBuffer struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote func(string) // with all that was written so far
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	n, err := b.text.Write(p)
	text := b.text.String()
	b.mu.Unlock()
	if b.wrote != nil {
		b.wrote(text)
	}
	return n, err
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
