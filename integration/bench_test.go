package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkSharedGo: two workers of a Go server under rota, against the same two
// processes on one inherited socket without it.
func BenchmarkSharedGo(b *testing.B) {
	hello := buildServer(b, "hello")
	addr, port := benchPort(b)
	for b.Loop() {
		compare(b, rotaServing("shared", addr, []string{"PORT=" + port}, hello), bare(b, hello))
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
	clusterAddr, clusterPort := benchPort(b)
	cluster := contender{"cluster", clusterAddr, func(b *testing.B) serving {
		cmd := exec.Command(node, script)
		cmd.Env = append(os.Environ(), "PORT="+clusterPort, "CLUSTER=1")
		stop := spawn(b, cmd)
		awaitAnswer(b, clusterAddr)
		return serving{0, stop}
	}}
	for b.Loop() {
		compare(b, rotaServing("shared", addr, []string{"PORT=" + port}, node, script), cluster)
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
