// Hello is the server that benchmarks measure, and whose capacity tests know:
// it answers at once and without work, and can be told otherwise.
//
//	PORT         of 127.0.0.1 that it serves on
//	FD           of a socket that it was started with, to serve on instead
//	STAMP        a file to which it writes when it began to run
//	BALLAST_MIB  memory that it holds
//	BOOT         how long it takes to start, as 3s or 3
//	DELAY        how long it holds each request, as 5ms
//	LIMIT        how many it holds at once; the others wait for their turn
//	NOTE         a file that it makes when it begins to hold a request
//	DRAIN        set to anything, SIGTERM has it finish what it has begun before it ends
//
// The answer says who gave it: pid=PID id=TEXT length=BYTES, with the length of the
// request's body. /?hold=0.3&leak=1024&id=TEXT is held for so many seconds and keeps so
// many KiB for ever. /healthz is answered at once in any case. SIGTERM ends it at once without DRAIN.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if path := os.Getenv("STAMP"); path != "" {
		stamp(path)
	}
	mib, _ := strconv.Atoi(os.Getenv("BALLAST_MIB"))
	ballast := touched(mib << 20)
	defer runtime.KeepAlive(ballast)
	time.Sleep(duration("BOOT"))
	l, err := listen()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Handler: handler()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		if os.Getenv("DRAIN") != "" {
			_ = server.Shutdown(context.Background())
		}
		server.Close()
	}()
	if err := server.Serve(l); errors.Is(err, http.ErrServerClosed) {
		<-ended
	}
}

func handler() http.HandlerFunc {
	delay := duration("DELAY")
	var turns chan struct{}
	if limit, _ := strconv.Atoi(os.Getenv("LIMIT")); limit > 0 {
		turns = make(chan struct{}, limit)
	}
	plain := fmt.Appendf(nil, "pid=%d id= length=0\n", os.Getpid())
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			_, _ = w.Write(plain)
			return
		}
		hold, answer := delay, plain
		if r.URL.RawQuery != "" || r.ContentLength != 0 {
			hold, answer = told(r, delay)
		}
		if hold > 0 {
			note()
			if turns != nil {
				turns <- struct{}{}
				defer func() { <-turns }()
			}
			time.Sleep(hold)
		}
		_, _ = w.Write(answer)
	}
}

func note() {
	if path := os.Getenv("NOTE"); path != "" {
		_ = os.WriteFile(path, nil, 0o600)
	}
}

// leaked is what requests had it keep.
var leaked struct {
	sync.Mutex
	kept [][]byte
}

// told does what the query of a request says, and has its answer.
func told(r *http.Request, hold time.Duration) (time.Duration, []byte) {
	length, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // there is nobody to answer
	}
	query := r.URL.Query()
	if seconds, err := strconv.ParseFloat(query.Get("hold"), 64); err == nil {
		hold = time.Duration(seconds * float64(time.Second))
	}
	if kib, _ := strconv.Atoi(query.Get("leak")); kib > 0 {
		block := touched(kib << 10)
		leaked.Lock()
		leaked.kept = append(leaked.kept, block)
		leaked.Unlock()
	}
	return hold, fmt.Appendf(nil, "pid=%d id=%s length=%d\n", os.Getpid(), query.Get("id"), length)
}

// touched is memory of which each page was written to, so that the kernel had to
// give it.
func touched(bytes int) []byte {
	block := make([]byte, bytes)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	return block
}

// duration of the environment, as 5ms or in seconds.
func duration(name string) time.Duration {
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return time.Duration(seconds * float64(time.Second))
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	return d
}

func listen() (net.Listener, error) {
	if fd, err := strconv.Atoi(os.Getenv("FD")); err == nil {
		return net.FileListener(os.NewFile(uintptr(fd), "socket"))
	}
	return net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
}

// stamp writes the time of the machine's monotonic clock, in nanoseconds.
func stamp(path string) {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	_ = os.WriteFile(path+".new", []byte(strconv.FormatInt(now.Nano(), 10)), 0o600)
	_ = os.Rename(path+".new", path)
}
