package view

import (
	"fmt"
	"time"

	"rota/supervisor/admin/api"
)

// noon is when every pool of these tests is looked at.
var noon = time.Date(2026, 2, 3, 12, 4, 5, 0, time.UTC)

func at(d time.Duration) *time.Time {
	t := noon.Add(d)
	return &t
}

const mib = 1 << 20

// worker is one that serves, as most do.
func worker(slot int, up time.Duration) api.Worker {
	private := int64(182+3*slot) * mib
	return api.Worker{
		ID: uint64(slot + 1), Slot: slot, PID: 41250 + slot, State: "ready", Generation: 2,
		StartedAt: noon.Add(-up), ReadyAt: at(-up + time.Second),
		Memory: api.Memory{
			RSSBytes: new(private + 61*mib), PSSBytes: new(private + 20*mib), PrivateBytes: &private, SharedBytes: new(int64(61 * mib)), SwapBytes: new(int64(0)),
			GrowthBytesPerSecond: 1234, LimitAt: at(2*time.Hour + 10*time.Minute),
		},
		CPU:      api.CPU{Seconds: new(412.5), Cores: new(0.12)},
		InFlight: new(slot), Requests: new(int64(270412 + slot)),
		LastCycle: &api.LastCycle{Trigger: "memory", Reason: "private memory 203MiB > 200MiB in 3 samples", At: noon.Add(-up)},
	}
}

// front is a pool on an ordinary day.
func front() *api.Status {
	s := &api.Status{
		Time: noon, Version: "1.2.0", PID: 41201, StartedAt: noon.Add(-76*time.Hour - 12*time.Minute), Phase: api.PhaseReady,
		Desired: 3, Ready: 3, Alive: 3, Accept: "front", Generation: 2,
		Listeners: []api.Listener{{Address: "0.0.0.0:8080", QueueLength: new(0), QueueLimit: new(4096)}},
		Memory: api.PoolMemory{TotalBytes: new(int64(615 * mib)), BudgetBytes: new(int64(922 * mib)), RSSBytes: 738 * mib, PrivateBytes: 555 * mib,
			SharingRatio: new(0.1667), LimitBytes: new(int64(200 * mib)), Metric: "private"},
		Container: api.Container{LimitBytes: new(int64(1024 * mib)), UsageBytes: new(int64(801 * mib)), WorkingSetBytes: new(int64(702 * mib)),
			UnreclaimableBytes: new(int64(640 * mib)), SwapBytes: new(int64(0)), OOMKills: new(int64(0))},
		Verdict: api.Verdict{Kind: "steady", Why: "3 of 3 workers hardly grow: 4.2MiB an hour, at 185MiB"},
		Cycles:  map[string]int{"memory": 12, "total": 0, "age": 3, "cron": 0, "generation": 3, "requests": 0, "crash": 1, "scale": 0},
		Requests: &api.Requests{Total: 811239, Shed: 5, InFlight: 3, Connections: 12, PerSecond: 101.2,
			P50Seconds: new(0.0123), P99Seconds: new(0.301), WindowSeconds: 10},
		Next: &api.Next{Slot: new(2), Trigger: "age", At: noon.Add(3*time.Hour + 12*time.Minute)},
	}
	for slot := range 3 {
		s.Workers = append(s.Workers, worker(slot, time.Duration(slot+1)*47*time.Minute))
	}
	return s
}

// pools are those that a status is drawn of, by name.
func pools() map[string]*api.Status {
	all := map[string]*api.Status{"front": front(), "twelve": front()}
	add := func(name string, change func(*api.Status)) {
		s := front()
		change(s)
		all[name] = s
	}
	twelve := all["twelve"]
	twelve.Desired, twelve.Ready, twelve.Alive = 12, 12, 12
	twelve.Workers = nil
	for slot := range 12 {
		twelve.Workers = append(twelve.Workers, worker(slot, time.Duration(slot+1)*9*time.Hour))
	}
	add("shared", func(s *api.Status) {
		s.Accept, s.Requests = "shared", nil
		for i := range s.Workers {
			s.Workers[i].InFlight, s.Workers[i].Requests = nil, nil
		}
	})
	add("cycle", func(s *api.Status) {
		s.Alive = 4
		old, fresh := worker(1, 5*time.Hour), worker(1, 2*time.Second)
		old.Memory.PrivateBytes, old.Memory.LimitAt = new(int64(199*mib)), at(time.Minute)
		fresh.ID, fresh.PID, fresh.State, fresh.ReadyAt, fresh.Trigger = 9, 41999, "starting", nil, "memory"
		fresh.Memory = api.Memory{RSSBytes: new(int64(12 * mib))}
		fresh.InFlight, fresh.Requests, fresh.CPU = new(0), new(int64(0)), api.CPU{}
		s.Workers = []api.Worker{s.Workers[0], old, fresh, s.Workers[2]}
	})
	add("roll", func(s *api.Status) {
		s.Roll = &api.Roll{ID: 4, Trigger: "generation", Reason: "SIGHUP", Generation: 3, BeganAt: noon.Add(-72 * time.Second), Replaced: 1, Total: 3}
		s.Generation, s.Workers[0].Generation = 3, 3
	})
	add("paused", func(s *api.Status) {
		s.Roll = &api.Roll{ID: 4, Trigger: "generation", Reason: "an operator asked", Generation: 3, BeganAt: noon.Add(-20 * time.Minute), Replaced: 2, Total: 3, Paused: true}
		s.Paused = map[string]string{"memory": "a fresh worker needs 220MiB, more than --max-memory 200MiB: at least 300MiB would work"}
	})
	add("leak", func(s *api.Status) {
		s.Verdict = api.Verdict{Kind: "leak", Why: "3 of 3 workers grew evenly with their work for 9h, no slower in the end: 12.3MiB an hour, 64KiB a request",
			GrowthBytesPerHour: new(12.3 * mib), SecondsToLimit: new(7800.0),
			Causes: []string{"20 threads use glibc's malloc, which may keep freed memory for each: try --env MALLOC_ARENA_MAX=2", "8MiB of each worker (8%) is swapped out: it does not use that"}}
		s.Container.UnreclaimableBytes, s.Container.OOMKills = new(int64(990*mib)), new(int64(2))
	})
	add("denied", func(s *api.Status) {
		s.Memory.TotalBytes, s.Memory.SharingRatio = nil, nil
		s.Container = api.Container{Machine: true, LimitBytes: new(int64(64 << 30))}
		for i := range s.Workers {
			m := &s.Workers[i].Memory
			m.Denied, m.PSSBytes, m.SharedBytes = true, nil, nil
		}
		s.Workers[2].Memory = api.Memory{Denied: true}
	})
	add("starting", func(s *api.Status) {
		s.Phase, s.Why, s.Ready, s.StartedAt, s.Listeners = api.PhaseStarting, "0 of 3 workers are ready", 0, noon.Add(-2*time.Second), nil
		s.Memory, s.Container, s.Verdict, s.Cycles, s.Next = api.PoolMemory{}, api.Container{}, api.Verdict{Kind: "unknown", Why: "the workers have not been looked at for long enough"}, nil, nil
		s.Requests = &api.Requests{}
		for i := range s.Workers {
			s.Workers[i] = api.Worker{ID: uint64(i), Slot: i, PID: 41250 + i, State: "starting", Generation: 1, StartedAt: noon.Add(-2 * time.Second)}
		}
	})
	add("stopping", func(s *api.Status) {
		s.Phase, s.Why, s.Ready, s.Alive = api.PhaseStopping, "rota was asked to end", 0, 2
		s.Workers = s.Workers[:2]
		s.Workers[0].State, s.Workers[1].State = "draining", "stopping"
	})
	add("evidence", func(s *api.Status) {
		s.Alive = 4
		old := worker(1, 5*time.Hour)
		old.ID, old.PID, old.State = 9, 41199, "draining"
		old.Capture = &api.Capture{BeganAt: noon.Add(-3 * time.Second), TimeoutSeconds: 30}
		s.Workers = []api.Worker{s.Workers[0], old, s.Workers[1], s.Workers[2]}
		s.LastCapture = &api.LastCapture{Slot: 2, PID: 41100, Trigger: "memory", Result: "done", Path: new("/tmp/rota-captures-1000/20260203T115205.123Z-slot2-pid41100"), Bytes: 49 * mib / 10, At: noon.Add(-12 * time.Minute), Seconds: 2.5}
	})
	add("evidence-failed", func(s *api.Status) {
		s.LastCapture = &api.LastCapture{Slot: 0, PID: 41100, Trigger: "memory", Result: "timeout", Why: "not over within the capture timeout of 30s", Path: new("/tmp/rota-captures-1000/20260203T115205.123Z-slot0-pid41100-failed"), At: noon.Add(-12 * time.Minute), Seconds: 30}
	})
	add("path", func(s *api.Status) {
		s.Listeners = []api.Listener{{Address: fmt.Sprintf("unix:/srv/%0100d/app.sock", 0)}, {Address: "unix:/run/\x1b[2Jgr\u00f6\u00dfe\n\u202e.sock"}}
		s.Workers[0].LastCycle.Reason = "\x1b]0;owned\x07 \xff"
	})
	add("nobody", func(s *api.Status) {
		s.Phase, s.Why, s.Ready, s.Alive, s.Workers = api.PhaseDegraded, "0 of 3 workers are ready", 0, 0, nil
	})
	return all
}
