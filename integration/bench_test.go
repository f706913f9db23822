package integration

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Benchmarks compare rota with the same program without it, in one run and in
// turns, because machines drift. What counts is the ratio.
const (
	benchRounds  = 5
	benchSeconds = 3
	benchClients = 32
)

// build compiles one of the servers beside the tests.
func buildServer(tb testing.TB, name string) string {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", out, "rota/integration/servers/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("cannot build %s: %v\n%s", name, err, text)
	}
	return out
}

// contender is one side of a comparison: start begins to serve and returns what
// ends it.
type contender struct {
	name  string
	addr  string
	start func(b *testing.B) (stop func())
}

// measured are the figures of one contender over all rounds.
type measured struct{ rate, p99 []float64 }

// compare lets two contenders serve in turns and reports the ratios a/b.
func compare(b *testing.B, a, z contender) {
	results := map[string]*measured{a.name: {}, z.name: {}}
	for round := range benchRounds {
		order := []contender{a, z}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, c := range order {
			stop := c.start(b)
			hammer(b, c.addr, 500*time.Millisecond) // warm
			rate, p99 := hammer(b, c.addr, benchSeconds*time.Second)
			stop()
			results[c.name].rate = append(results[c.name].rate, rate)
			results[c.name].p99 = append(results[c.name].p99, p99)
		}
	}
	ra, rz := results[a.name], results[z.name]
	b.ReportMetric(median(ratios(ra.rate, rz.rate)), "throughput-ratio")
	b.ReportMetric(median(ratios(ra.p99, rz.p99)), "p99-ratio")
	b.ReportMetric(median(ra.rate), "req/s")
	b.ReportMetric(0, "ns/op")
}

func ratios(a, z []float64) []float64 {
	rs := make([]float64, len(a))
	for i := range a {
		rs[i] = a[i] / z[i]
	}
	return rs
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// hammer sends requests on kept connections, one after another on each, and
// returns requests a second and the 99th percentile in seconds.
func hammer(b *testing.B, addr string, d time.Duration) (rate, p99 float64) {
	b.Helper()
	deadline := time.Now().Add(d)
	var mu sync.Mutex
	var all []float64
	var wg sync.WaitGroup
	for range benchClients {
		wg.Go(func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			var took []float64
			r := bufio.NewReader(conn)
			for time.Now().Before(deadline) {
				began := time.Now()
				if err := ask(conn, r, addr); err != nil {
					b.Error(err)
					return
				}
				took = append(took, time.Since(began).Seconds())
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	if len(all) == 0 {
		b.Fatal("nothing was answered")
	}
	slices.Sort(all)
	return float64(len(all)) / d.Seconds(), all[len(all)*99/100]
}

func ask(conn net.Conn, r *bufio.Reader, addr string) error {
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+addr+"\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// awaitAnswer waits until an address answers.
func awaitAnswer(b *testing.B, addr string) {
	b.Helper()
	for deadline := time.Now().Add(patience); ; {
		if _, err := get(addr, "/"); err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s never answers", addr)
		}
		runtime.Gosched()
	}
}

// spawn starts a process that ends with stop.
func spawn(b *testing.B, cmd *exec.Cmd) (stop func()) {
	b.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}

func rotaServing(addr string, env []string, command ...string) contender {
	return contender{"rota", addr, func(b *testing.B) func() {
		cmd := exec.Command(binary, append([]string{"-w", "2", "--admin", "off", "--log-level", "error", "--"}, command...)...)
		cmd.Env = append(os.Environ(), env...)
		stop := spawn(b, cmd)
		awaitAnswer(b, addr)
		return stop
	}}
}

func benchPort(b *testing.B) (string, string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return l.Addr().String(), port
}

// BenchmarkSharedGo: two workers of a Go server under rota, against the same two
// processes on one inherited socket without it.
func BenchmarkSharedGo(b *testing.B) {
	hello := buildServer(b, "hello")
	addr, port := benchPort(b)
	bare := contender{"bare", addr, func(b *testing.B) func() {
		l, err := net.Listen("tcp4", addr)
		if err != nil {
			b.Fatal(err)
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
		defer f.Close()
		var stops []func()
		for range 2 {
			cmd := exec.Command(hello)
			cmd.Env, cmd.ExtraFiles = append(os.Environ(), "FD=3"), []*os.File{f}
			stops = append(stops, spawn(b, cmd))
		}
		awaitAnswer(b, addr)
		return func() {
			for _, stop := range stops {
				stop()
			}
		}
	}}
	for b.Loop() {
		compare(b, rotaServing(addr, []string{"PORT=" + port}, hello), bare)
	}
}

const nodeHello = `const http = require('http'), cluster = require('cluster');
if (process.env.CLUSTER && cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork();
  process.on('SIGTERM', () => { for (const w of Object.values(cluster.workers)) w.kill(); process.exit(); });
} else {
  http.createServer((q, s) => s.end('hello\n')).listen(process.env.PORT, '127.0.0.1');
}
`

// BenchmarkSharedNode: two workers of a Node server under rota, against its own
// cluster mode.
func BenchmarkSharedNode(b *testing.B) {
	node, err := exec.LookPath("node")
	if err != nil {
		b.Skip("node is missing")
	}
	script := filepath.Join(b.TempDir(), "hello.js")
	if err := os.WriteFile(script, []byte(nodeHello), 0o600); err != nil {
		b.Fatal(err)
	}
	addr, port := benchPort(b)
	cluster := contender{"cluster", addr, func(b *testing.B) func() {
		cmd := exec.Command(node, script)
		cmd.Env = append(os.Environ(), "PORT="+port, "CLUSTER=1")
		stop := spawn(b, cmd)
		awaitAnswer(b, addr)
		return stop
	}}
	for b.Loop() {
		compare(b, rotaServing(addr, []string{"PORT=" + port}, node, script), cluster)
	}
}

// BenchmarkOwnCost: what rota itself costs while its workers idle, at default
// sampling.
func BenchmarkOwnCost(b *testing.B) {
	hello := buildServer(b, "hello")
	for _, c := range []struct{ workers, ballast int }{{8, 200}, {100, 0}} {
		b.Run(fmt.Sprintf("%dx%dMiB", c.workers, c.ballast), func(b *testing.B) {
			for b.Loop() {
				ownCost(b, hello, c.workers, c.ballast)
			}
		})
	}
}

// ownCostSpan is long enough that the first exact readings of all workers, one
// a second, are a part of it and not all.
const ownCostSpan = 60 * time.Second

func ownCost(b *testing.B, hello string, workers, ballast int) {
	addr, port := benchPort(b)
	cmd := exec.Command(binary, "-w", strconv.Itoa(workers), "--admin", "127.0.0.1:0", "--log-level", "error", "--", hello)
	cmd.Env = append(os.Environ(), "PORT="+port, "BALLAST_MIB="+strconv.Itoa(ballast))
	stop := spawn(b, cmd)
	defer stop()
	awaitAnswer(b, addr)
	ctx, cancel := context.WithTimeout(context.Background(), ownCostSpan/6)
	defer cancel()
	<-ctx.Done() // all have started by then
	before := cpuTime(b, cmd.Process.Pid)
	began := time.Now()
	ctx, cancel = context.WithTimeout(context.Background(), ownCostSpan)
	defer cancel()
	<-ctx.Done()
	used := cpuTime(b, cmd.Process.Pid) - before
	b.ReportMetric(100*used.Seconds()/time.Since(began).Seconds(), "%-of-a-core")
	b.ReportMetric(rssMiB(b, cmd.Process.Pid), "RSS-MiB")
	b.ReportMetric(0, "ns/op")
}

func cpuTime(b *testing.B, pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / 100 // USER_HZ
}

func rssMiB(b *testing.B, pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	kib, _ := strconv.Atoi(strings.Fields(rest)[0])
	return float64(kib) / 1024
}

// BenchmarkStart: from the exec of rota to the first instruction of the worker's
// main, against starting the worker bare.
func BenchmarkStart(b *testing.B) {
	hello := buildServer(b, "hello")
	_, port := benchPort(b)
	stampFile := filepath.Join(b.TempDir(), "stamp")
	env := append(os.Environ(), "PORT="+port, "STAMP="+stampFile)
	start := func(argv ...string) float64 {
		_ = os.Remove(stampFile)
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = env
		began := monotonic()
		stop := spawn(b, cmd)
		defer stop()
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
			if data, err := os.ReadFile(stampFile); err == nil {
				at, _ := strconv.ParseInt(string(data), 10, 64)
				return float64(at-began) / 1e6
			}
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 200_000}, nil) // leave the cores to what is measured
		}
		b.Fatal("the worker never ran")
		return 0
	}
	for b.Loop() {
		var bare, under []float64
		for range 20 {
			bare = append(bare, start(hello))
			under = append(under, start(binary, "-w", "1", "--admin", "off", "--log-level", "error", "--", hello))
		}
		b.ReportMetric(median(bare), "bare-ms")
		b.ReportMetric(median(under), "rota-ms")
		b.ReportMetric(median(under)-median(bare), "added-ms")
		b.ReportMetric(0, "ns/op")
	}
}

func monotonic() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return now.Nano()
}
