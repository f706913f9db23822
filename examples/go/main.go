// A small HTTP server that leaks: each request for / keeps LEAK_KIB KiB for ever.
package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

var kept struct { // never emptied: this is the leak
	sync.Mutex
	blocks [][]byte
}

func main() {
	http.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	http.HandleFunc("GET /debug/pprof/heap", heap)
	http.HandleFunc("GET /{$}", leak)
	http.HandleFunc("POST /{$}", leak)

	ln, err := net.Listen("tcp4", "0.0.0.0:"+env("PORT", "8080"))
	if err != nil {
		log.Fatal(err)
	}
	var open sync.WaitGroup // connections accepted and not yet closed
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, ConnState: func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Done()
		}
	}}

	// The order of the drain matters. Closing the listener makes Serve return, and from then on every accepted
	// connection is counted in open. Only then are idle connections closed, and the others after their answer.
	// Shutdown is no substitute, early or late: once it has begun, net/http reads the request of a connection
	// that was just accepted, and hangs up without an answer.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() { <-stop; ln.Close() }()
	if err := srv.Serve(ln); !errors.Is(err, net.ErrClosed) {
		log.Fatal(err)
	}
	srv.SetKeepAlivesEnabled(false)
	open.Wait()
}

func leak(w http.ResponseWriter, r *http.Request) {
	kib, _ := strconv.Atoi(env("LEAK_KIB", "1024"))
	block := bytes.Repeat([]byte{'x'}, kib<<10) // written, so that the kernel must really give it
	kept.Lock()
	kept.blocks = append(kept.blocks, block)
	leaked := len(kept.blocks) * kib
	kept.Unlock()

	var body string
	if n, _ := io.Copy(io.Discard, r.Body); r.Method == http.MethodPost {
		body = fmt.Sprintf(" body=%d", n)
	}
	hold, _ := strconv.ParseFloat(r.URL.Query().Get("hold"), 64)
	time.Sleep(time.Duration(hold * float64(time.Second)))
	fmt.Fprintf(w, "pid=%d slot=%s generation=%s leaked=%d KiB%s\n",
		os.Getpid(), env("ROTA_SLOT", "-"), env("ROTA_GENERATION", "-"), leaked, body)
}

// heap is for rota's --capture, which asks for it at the worker's own address. What a front or another proxy passes on
// comes from elsewhere, and is refused.
func heap(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	_, passedOn := r.Header["X-Forwarded-Proto"]
	if ip := net.ParseIP(host); passedOn || r.Header.Get("X-Forwarded-For") != "" || !ip.IsLoopback() {
		http.NotFound(w, r)
		return
	}
	pprof.Handler("heap").ServeHTTP(w, r)
}

func env(name, otherwise string) string { return cmp.Or(os.Getenv(name), otherwise) }
