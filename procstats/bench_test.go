package procstats

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSample samples real processes once a second of made-up time, so that
// readings of smaps_rollup come as often as they would. %core is the share of
// one CPU that sampling once a second takes.
func BenchmarkSample(b *testing.B) {
	for _, shape := range []struct{ trees, processes int }{{8, 1}, {8, 4}, {100, 1}, {100, 2}} {
		b.Run(fmt.Sprintf("trees=%d/processes=%d", shape.trees, shape.processes), func(b *testing.B) {
			script := ""
			for range shape.processes - 1 {
				script += fmt.Sprintf("%q & ", self(b))
			}
			script += fmt.Sprintf("exec %q", self(b))
			var targets []Target
			for i := range shape.trees {
				pid := start(b, shape.processes, 8, "/bin/sh", "-c", script)
				targets = append(targets, Target{ID: uint64(i), PID: pid})
			}
			s, now := NewSampler(Host), time.Now()
			s.Sample(now, targets)
			before := cpuTime(b)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Second)
				s.Sample(now, targets)
			}
			b.ReportMetric(100*(cpuTime(b)-before).Seconds()/float64(b.N), "%core")
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func BenchmarkContainer(b *testing.B) {
	g := NewGroup(Host)
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			if _, err := g.Container(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("kills", func(b *testing.B) {
		for b.Loop() {
			if _, err := g.OOMKills(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
