package front_test

import (
	"bufio"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"rota/listener/front"
)

// BenchmarkRequest is what a small request on kept connections costs, on all
// sides: clients and a worker that read and write bytes, and the front between
// them. What they need of the processor says more than the time it takes.
func BenchmarkRequest(b *testing.B) {
	const clients = 16
	worker, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer worker.Close()
	go func() {
		for {
			c, err := worker.Accept()
			if err != nil {
				return
			}
			go answerAll(c)
		}
	}()
	public, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	file, err := public.(*net.TCPListener).File()
	if err != nil {
		b.Fatal(err)
	}
	public.Close()
	defer file.Close()
	f := front.New(defaults(), front.Hooks{})
	if err := f.Listen(int(file.Fd()), true); err != nil {
		b.Fatal(err)
	}
	f.Add(1, 0, func() (net.Conn, error) { return net.Dial("tcp4", worker.Addr().String()) })
	b.ReportAllocs()
	b.ResetTimer()
	before := processorTime(b)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			c, err := net.Dial("tcp4", public.Addr().String())
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			in := bufio.NewReader(c)
			for range (b.N + i) / clients {
				if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"); err != nil {
					b.Error(err)
					return
				}
				if err := skipHead(in); err != nil {
					b.Error(err)
					return
				}
				in.Discard(len("hello\n"))
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/1e3/float64(b.N), "CPU-µs/req")
	done := make(chan struct{})
	f.Close(func() { close(done) })
	<-done
	f.Remove(1, nil)
}

// answerAll answers each request without looking at it.
func answerAll(c net.Conn) {
	defer c.Close()
	for in := bufio.NewReader(c); skipHead(in) == nil; {
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Length: 6\r\n"+
			"Content-Type: text/plain; charset=utf-8\r\n\r\nhello\n"); err != nil {
			return
		}
	}
}

// skipHead reads to the end of a header.
func skipHead(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil || len(line) == len("\r\n") {
			return err
		}
	}
}

// processorTime is what this process has had.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
