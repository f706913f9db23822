package integration

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// BenchmarkOperatorStatus is `rota status` of a pool of 100 workers, from the start
// of its process to its end. Who answers is no pool: what a status costs a pool is
// measured where that is. `rota --version` beside it is what any start costs.
func BenchmarkOperatorStatus(b *testing.B) {
	socket := filepath.Join(b.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	text, err := json.Marshal(manyWorkers(100))
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(text) }))
	}()
	for name, args := range map[string][]string{
		"status":  {"status", "--control", socket},
		"json":    {"status", "-o", "json", "--control", socket},
		"version": {"--version"},
	} {
		b.Run(name, func(b *testing.B) {
			var cpu time.Duration // tells more than the clock where others are busy
			for b.Loop() {
				cmd := exec.Command(binary, args...)
				cmd.Env = []string{"COLUMNS=200"}
				cmd.Stderr = os.Stderr
				if out, err := cmd.Output(); err != nil || len(out) == 0 {
					b.Fatalf("%v: %s", err, out)
				}
				cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			}
			b.ReportMetric(cpu.Seconds()*1e3/float64(b.N), "cpu-ms/op")
		})
	}
}

func manyWorkers(n int) *api.Status {
	now := time.Now()
	s := &api.Status{Time: now, PID: 1, StartedAt: now.Add(-time.Hour), Phase: api.PhaseReady, Desired: n, Ready: n, Alive: n, Accept: "front", Generation: 1}
	size, later := int64(200<<20), now.Add(time.Hour)
	for slot := range n {
		s.Workers = append(s.Workers, api.Worker{ID: uint64(slot), Slot: slot, PID: 1000 + slot, State: "ready", Generation: 1, StartedAt: now, ReadyAt: &now,
			Memory:   api.Memory{RSSBytes: &size, PSSBytes: &size, PrivateBytes: &size, SharedBytes: &size, GrowthBytesPerSecond: 1000, LimitAt: &later},
			CPU:      api.CPU{Seconds: new(1.5), Cores: new(.2)},
			InFlight: new(3), Requests: new(int64(123456)), LastCycle: &api.LastCycle{Trigger: "memory", Reason: "private memory 201MiB > 200MiB in 3 samples", At: now}})
	}
	return s
}
