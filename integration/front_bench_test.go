package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rota/integration/load"
)

// BenchmarkFrontHello: the front with two workers, against HAProxy and nginx
// before two processes of the same server that answers at once. Ratios are
// rota's figure over the other's.
func BenchmarkFrontHello(b *testing.B) {
	hello := buildServer(b, "hello")
	addr, port := benchPort(b)
	contenders := []contender{
		rotaServing("front", addr, []string{"PORT=" + port}, hello),
		haproxy(b, hello), nginx(b, hello),
	}
	for b.Loop() {
		results := turns(b, contenders...)
		rota := results["rota"]
		for _, c := range contenders {
			m := results[c.name]
			b.Logf("%-7s %s requests a second, p99 %s ms, %s microseconds of CPU a request", c.name,
				spread(m.rate), spread(times(m.p99, 1e3)), spread(m.cpu))
			b.ReportMetric(median(m.cpu), c.name+"-CPU-µs/req")
			if c.name == "rota" {
				continue
			}
			rate, p99 := ratios(rota.rate, m.rate), ratios(rota.p99, m.p99)
			b.Logf("rota/%s: throughput %s, p99 %s", c.name, spread(rate), spread(p99))
			b.ReportMetric(median(rate), "rota/"+c.name+"-throughput")
			b.ReportMetric(median(p99), "rota/"+c.name+"-p99")
		}
		b.ReportMetric(median(rota.rate), "req/s")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkFrontHandler: what the front adds to requests that take their time.
// Two workers of a server that sleeps, behind the front, against the same two
// processes on one inherited socket. At least 0.97 of the throughput and at
// most 1.1 of the 99th percentile are to be reached.
//
// The clients ask again as soon as they are answered, and so come in bursts: what
// any hop needs of the cores that they and the servers share delays the last of
// a burst. HAProxy's ratios beside rota's tell how much of it is the machine's.
// A server that answers so many at once, as most do, is the limit itself.
func BenchmarkFrontHandler(b *testing.B) {
	hello := buildServer(b, "hello")
	for _, server := range []struct {
		name string
		env  []string
	}{
		{"5ms", []string{"DELAY=5ms"}},
		{"20ms", []string{"DELAY=20ms"}},
		{"5ms-8-at-once", []string{"DELAY=5ms", "LIMIT=8"}},
	} {
		b.Run(server.name, func(b *testing.B) {
			addr, port := benchPort(b)
			contenders := []contender{rotaServing("front", addr, append(server.env, "PORT="+port), hello)}
			if path, _ := lookup("haproxy"); path != "" {
				contenders = append(contenders, haproxy(b, hello, server.env...))
			}
			without := bare(b, hello, server.env...)
			for b.Loop() {
				results := turns(b, append(contenders, without)...)
				z := results[without.name]
				for _, c := range contenders {
					m := results[c.name]
					rate, p99 := ratios(m.rate, z.rate), ratios(m.p99, z.p99)
					b.Logf("%s/bare: throughput %s, p99 %s", c.name, spread(rate), spread(p99))
					b.ReportMetric(median(rate), c.name+"/bare-throughput")
					b.ReportMetric(median(p99), c.name+"/bare-p99")
				}
				b.ReportMetric(median(z.rate), "bare-req/s")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// idleClients are kept connections of which each had one answer.
const idleClients = 10_000

// BenchmarkFrontIdle: memory that idle clients take in the front, in HAProxy
// and in nginx, as resident memory that was added.
func BenchmarkFrontIdle(b *testing.B) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	// The soft limit is no matter: Go raises it, and so do the proxies.
	if limit.Max < idleClients+1000 {
		b.Skipf("only %d open files are allowed: ulimit -Hn %d", limit.Max, 2*idleClients)
	}
	hello := buildServer(b, "hello")
	addr, port := benchPort(b)
	contenders := []contender{
		rotaServing("front", addr, []string{"PORT=" + port}, hello),
		haproxy(b, hello), nginx(b, hello),
	}
	for b.Loop() {
		for _, c := range contenders {
			s := c.start(b)
			pids := proxyProcesses(c, s)
			before := rssOf(b, pids)
			end := idle(b, c.addr)
			after := rssOf(b, pids)
			end()
			s.stop()
			b.Logf("%-7s %.1f MiB, then %.1f MiB with %d idle clients", c.name, before, after, idleClients)
			b.ReportMetric(after-before, c.name+"-added-MiB")
			b.ReportMetric((after-before)*1024/idleClients, c.name+"-KiB/conn")
		}
		b.ReportMetric(0, "ns/op")
	}
}

// idle opens the connections, a few at a time, and makes a request on each.
// They are closed with a reset, so that no port is kept for them.
func idle(b *testing.B, addr string) (end func()) {
	b.Helper()
	conns := make([]net.Conn, idleClients)
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed error
	const atOnce = 50
	for first := range atOnce {
		group.Go(func() {
			for i := first; i < idleClients; i += atOnce {
				// Ports are enough for all with several addresses to come from.
				dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%4))}}
				conn, err := dialer.Dial("tcp4", addr)
				if err == nil {
					conns[i] = conn
					_ = conn.(*net.TCPConn).SetLinger(0)
					err = load.NewTerse(conn, addr, true).Ask()
				}
				if err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	group.Wait()
	end = func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	}
	if failed != nil {
		end()
		b.Fatal(failed)
	}
	// What the last requests left behind is freed or not by now.
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	<-ctx.Done()
	for i, conn := range conns {
		if err := stillOpen(conn); err != nil {
			end()
			b.Fatalf("connection %d of %d is not kept: %v", i, idleClients, err)
		}
	}
	return end
}

// stillOpen finds out whether a connection on which nothing is to come was
// closed by the other side.
func stillOpen(conn net.Conn) error {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var n int
	var peeked error
	err = raw.Read(func(fd uintptr) bool {
		n, _, peeked = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return true
	})
	switch {
	case err != nil:
		return err
	case errors.Is(peeked, unix.EAGAIN):
		return nil
	case peeked != nil:
		return peeked
	}
	return fmt.Errorf("closed, or %d bytes came that nobody asked for", n)
}

func rssOf(b *testing.B, pids []int) (mib float64) {
	for _, pid := range pids {
		mib += rssMiB(b, pid)
	}
	return mib
}

func times(v []float64, k float64) []float64 {
	scaled := slices.Clone(v)
	for i := range scaled {
		scaled[i] *= k
	}
	return scaled
}
