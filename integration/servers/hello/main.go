// Hello is the server that benchmarks measure: it answers at once, and can be
// told to hold memory, to serve on a socket it was started with, and to say
// when it began to run.
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
	l, err := listen()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("hello\n"))
	})}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	_ = server.Serve(l)
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
