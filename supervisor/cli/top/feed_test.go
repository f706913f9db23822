package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// pool is a fake one behind a unix socket.
type pool struct {
	*http.Server
	socket string
}

// serve starts a fake pool at a socket. Each stream gets what is said.
func serve(t *testing.T, socket string, say func(r *http.Request, tell func(name string, what any))) *pool {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		say(r, func(name string, what any) {
			text, _ := json.Marshal(what)
			fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, text)
			w.(http.Flusher).Flush()
		})
	})
	mux.HandleFunc("GET /v1/history", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"points":[{"time":"2026-03-01T07:00:00Z","workers":[{"slot":0,"id":1,"private_bytes":5}]}]}`)
	})
	mux.HandleFunc("POST /v1/workers/0/cycle", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /v1/scale", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"error":"rota ends"}`)
	})
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	p := &pool{&http.Server{Handler: mux}, socket}
	go p.Serve(l)
	t.Cleanup(func() { p.Close() })
	return p
}

// TestFeedConnectsAgain loses a pool and finds the next one elsewhere.
func TestFeedConnectsAgain(t *testing.T) {
	dir := t.TempDir()
	first := filepath.Join(dir, "first")
	one := serve(t, first, func(r *http.Request, tell func(string, any)) {
		tell(api.StreamEvent, event(41, 0, "pool ready", 0))
		tell(api.StreamStatus, status(2, time.Minute))
		<-r.Context().Done()
	})
	where := make(chan string, 1)
	where <- first
	find := func() (*api.Client, error) {
		select {
		case socket := <-where:
			return api.NewClient(socket), nil
		default:
			return nil, errors.New("no pool is running")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	to := make(chan news)
	go (&feed{find: find, to: to}).run(ctx)
	m := newModel()
	await := func(what string, ok func() bool) {
		t.Helper()
		late := time.After(patience)
		for !ok() {
			select {
			case n := <-to:
				n(m)
			case <-late:
				t.Fatalf("waited in vain for %s", what)
			}
		}
	}
	await("a status", func() bool { return m.status != nil && len(m.events) == 1 })
	one.Close()
	await("the loss to be told", func() bool { return m.lost == "no pool is running" })
	second, after := filepath.Join(dir, "second"), make(chan string, 1)
	serve(t, second, func(r *http.Request, tell func(string, any)) {
		after <- r.Header.Get("Last-Event-ID")
		tell(api.StreamStatus, status(3, 2*time.Minute))
		tell(api.StreamStatus, status(3, 2*time.Minute+time.Second))
		tell(api.StreamEvent, event(42, 0, "roll began", 0))
		for r.Context().Err() == nil { // until its past was fetched as well
			tell(api.StreamStatus, status(3, 3*time.Minute))
		}
	})
	where <- second
	await("the next pool", func() bool { return m.lost == "" && len(m.workers()) == 3 && len(m.events) == 2 })
	if id := <-after; id != "41" {
		t.Errorf("asked for the events after %q, want 41", id)
	}
	await("the past", func() bool { return m.trails[0].samples[0].at.Hour() == 7 })
}

func TestPerform(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	serve(t, socket, nil)
	m := newModel()
	client := api.NewClient(socket)
	if perform(t.Context(), client, action{verb: cycle, pid: 7})(m); m.note.bad || m.note.text != "The worker of slot 0 (pid 7) will be replaced." {
		t.Errorf("says %+v", m.note)
	}
	if perform(t.Context(), client, action{verb: scale, to: 5})(m); !m.note.bad || m.note.text != "rota ends" {
		t.Errorf("says %+v", m.note)
	}
	for _, v := range []verb{roll, pauseRoll, resumeRoll, abortRoll} {
		if perform(t.Context(), client, action{verb: v})(m); !m.note.bad || !strings.Contains(m.note.text, "404") {
			t.Errorf("verb %d says %+v", v, m.note)
		}
	}
}
