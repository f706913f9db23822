// Hello is the server that benchmarks measure, and whose capacity tests know:
// it answers at once and without work, and can be told otherwise.
//
//	PORT         of 127.0.0.1 that it serves on
//	FD           of a socket that it was started with, to serve on instead
//	STAMP        a file to which it writes when it began to run
//	BALLAST_MIB  memory that it holds
//	BOOT         how long it takes to start, as 3s
//	DELAY        how long it holds each request, as 5ms
//	LIMIT        how many it holds at once; the others wait for their turn
//
// /healthz is answered at once in any case.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ballast keeps BALLAST_MIB of touched memory.
var ballast []byte

func main() {
	if path := os.Getenv("STAMP"); path != "" {
		stamp(path)
	}
	mib, _ := strconv.Atoi(os.Getenv("BALLAST_MIB"))
	ballast = make([]byte, mib<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	time.Sleep(duration("BOOT"))
	l, err := listen()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Handler: handler()}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	_ = server.Serve(l)
}

func handler() http.HandlerFunc {
	delay := duration("DELAY")
	var turns chan struct{}
	if limit, _ := strconv.Atoi(os.Getenv("LIMIT")); limit > 0 {
		turns = make(chan struct{}, limit)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if delay > 0 && r.URL.Path != "/healthz" {
			if turns != nil {
				turns <- struct{}{}
				defer func() { <-turns }()
			}
			time.Sleep(delay)
		}
		_, _ = w.Write([]byte("hello\n"))
	}
}

func duration(name string) time.Duration {
	text := os.Getenv(name)
	if text == "" {
		return 0
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
