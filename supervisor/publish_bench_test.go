package supervisor

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"rota/listener"
	"rota/policy"
	"rota/procstats"
)

// crowd is a pool of many workers, each looked at, in the middle of a roll.
func crowd(b *testing.B, workers int) *Supervisor {
	b.Helper()
	address, err := listener.ParseAddress("unix:" + b.TempDir() + "/s")
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(Config{
		Policy:  policy.Config{SampleInterval: time.Second, MemorySamples: 3, MaxSurge: 1, RestartInterval: time.Hour, MaxMemory: 1 << 30, MemoryMetric: MetricPrivate},
		Workers: workers, Command: []string{"server"}, Listen: []listener.Address{address},
		Accept: AcceptFront, Handoff: []string{HandoffAdopt}, StopSignal: syscall.SIGTERM,
	}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.sockets.Close() })
	now := time.Now()
	for slot := range workers {
		w := s.fleet.Launch(policy.Start{Slot: slot, Generation: 1}, now)
		s.fleet.MarkReady(s.config.Policy, w.ID, now)
		s.fleet.Observe(s.config.Policy, w.ID, policy.Sample{Bytes: 100 * mib, Private: 100 * mib, Share: 100 * mib}, now)
		s.processes[w.ID] = &process{id: w.ID, slot: slot, pid: nobody + slot, pidfd: -1, readyAt: now, usage: procstats.Usage{ID: w.ID, RSS: 100 * mib}}
		s.front.Add(w.ID, slot, func() (net.Conn, error) { return nil, net.ErrClosed })
		s.lastCycles[slot] = &LastCycle{Trigger: policy.Memory, Reason: "over", At: now}
	}
	s.roll("bench")
	return s
}

// BenchmarkPublish is what each turn of the loop pays for readers.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{4, 100, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := crowd(b, n)
			b.ReportAllocs()
			for b.Loop() {
				s.publish(time.Now())
			}
		})
	}
}

// BenchmarkPlan is what the same turn pays for deciding, to compare with.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{4, 100, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := crowd(b, n)
			for b.Loop() {
				policy.Plan(s.config.Policy, time.Now(), s.fleet)
			}
		})
	}
}
