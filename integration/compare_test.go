package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

// Benchmarks compare rota with the same program without it, or behind something
// else, in one run and in short turns, because machines drift and have other
// things to do. What counts is the ratio of neighbours.
const (
	benchRounds  = 15
	benchSpan    = time.Second
	benchClients = 32
)

// buildServer compiles one of the servers beside the tests.
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

// contender is one side of a comparison.
type contender struct {
	name  string
	addr  string
	start func(b *testing.B) serving
}

// serving is a contender that has begun to serve.
type serving struct {
	pid  int    // of rota, or of the other proxy; 0 if there is none
	stop func() // ends it
}

// measured are the figures of one contender over all rounds: requests a second,
// the 99th percentile in seconds, and the processor time of the proxy alone in
// microseconds a request.
type measured struct{ rate, p99, cpu []float64 }

// turns starts contenders, each on an address of its own, and loads them in turns.
func turns(b *testing.B, contenders ...contender) map[string]*measured {
	b.Helper()
	results, running := map[string]*measured{}, map[string]serving{}
	for _, c := range contenders {
		results[c.name], running[c.name] = &measured{}, c.start(b)
		defer running[c.name].stop()
	}
	order := slices.Clone(contenders)
	for range benchRounds {
		slices.Reverse(order)
		for _, c := range order {
			hammer(b, c.addr, benchSpan/5) // warm
			pids := proxyProcesses(c, running[c.name])
			before := cpuOf(b, pids)
			rate, p99 := hammer(b, c.addr, benchSpan)
			used := cpuOf(b, pids) - before
			m := results[c.name]
			m.rate, m.p99 = append(m.rate, rate), append(m.p99, p99)
			m.cpu = append(m.cpu, float64(used.Microseconds())/(rate*benchSpan.Seconds()))
		}
	}
	return results
}

// hammer returns requests a second and the 99th percentile in seconds.
func hammer(b *testing.B, addr string, span time.Duration) (rate, p99 float64) {
	b.Helper()
	seen, err := load.Hammer(addr, benchClients, span, true)
	if err != nil {
		b.Fatal(err)
	}
	return seen.PerSecond, seen.P99.Seconds()
}

// proxyProcesses are those of a proxy, without the servers behind it: rota's
// children are the servers, nginx's do its work.
func proxyProcesses(c contender, s serving) []int {
	switch {
	case s.pid == 0:
		return nil
	case c.name == "rota":
		return []int{s.pid}
	}
	return append(children(s.pid), s.pid)
}

func cpuOf(b *testing.B, pids []int) (d time.Duration) {
	for _, pid := range pids {
		d += cpuTime(b, pid)
	}
	return d
}

// compare reports the ratios a/z of two contenders.
func compare(b *testing.B, a, z contender) {
	b.Helper()
	results := turns(b, a, z)
	ra, rz := results[a.name], results[z.name]
	rate, p99 := ratios(ra.rate, rz.rate), ratios(ra.p99, rz.p99)
	b.Logf("%s/%s: throughput %s, p99 %s", a.name, z.name, spread(rate), spread(p99))
	b.ReportMetric(median(rate), "throughput-ratio")
	b.ReportMetric(median(p99), "p99-ratio")
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

// spread is a median with the range that it comes from.
func spread(v []float64) string {
	return fmt.Sprintf("%.3g (%.3g to %.3g)", median(v), slices.Min(v), slices.Max(v))
}

// awaitAnswer waits until an address answers.
func awaitAnswer(b *testing.B, addr string) {
	b.Helper()
	for deadline := time.Now().Add(patience); ; {
		if _, err := load.Get(addr, "/"); err == nil {
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
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	b.Cleanup(stop) // also if the benchmark fails
	return stop
}

// rotaServing is two workers of a command under rota.
func rotaServing(accept, addr string, env []string, command ...string) contender {
	return contender{"rota", addr, func(b *testing.B) serving {
		cmd := exec.Command(binary, append([]string{"-w", "2", "--accept", accept, "--admin", "off", "--log-level", "error", "--"}, command...)...)
		cmd.Env = append(os.Environ(), env...)
		stop := spawn(b, cmd)
		awaitAnswer(b, addr)
		return serving{cmd.Process.Pid, stop}
	}}
}

// bare is two processes of hello on one socket that they inherit.
func bare(b *testing.B, hello string, env ...string) contender {
	addr, _ := benchPort(b)
	return contender{"bare", addr, func(b *testing.B) serving {
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
			cmd.Env, cmd.ExtraFiles = append(append(os.Environ(), "FD=3"), env...), []*os.File{f}
			stops = append(stops, spawn(b, cmd))
		}
		awaitAnswer(b, addr)
		return serving{0, func() {
			for _, stop := range stops {
				stop()
			}
		}}
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
