package top

import (
	"fmt"
	"math"
	"time"

	"rota/supervisor/admin/api"
)

// began is when the pool of the tests was started.
var began = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

const mib = 1 << 20

func ptr[T any](v T) *T { return &v }

// saw is what a worker of the test's pool holds, t after the start: it grows to 200
// MiB in 10 minutes and is replaced then, each slot at another time.
func saw(slot int, t time.Duration) (life int, bytes int64, age time.Duration) {
	const period = 10 * time.Minute
	shifted := t + time.Duration(slot)*period/4
	age = shifted % period
	return int(shifted / period), int64(40*mib + 160*mib*age.Seconds()/period.Seconds()), age
}

// status is a pool of n workers, t after its start.
func status(n int, t time.Duration) *api.Status {
	now := began.Add(t)
	s := &api.Status{
		Time: now, Version: "1.2.3", PID: 4000, StartedAt: began, Phase: api.PhaseReady,
		Desired: n, Ready: n, Alive: n, Accept: "front", Generation: 3,
		Listeners: []api.Listener{{Address: "127.0.0.1:8080", QueueLength: ptr(2), QueueLimit: ptr(4096)}},
		Memory: api.PoolMemory{TotalBytes: ptr(int64(612 * mib)), BudgetBytes: ptr(int64(920 * mib)), RSSBytes: 900 * mib,
			SharingRatio: ptr(.31), LimitBytes: ptr(int64(200 * mib)), Metric: "private"},
		Container: api.Container{LimitBytes: ptr(int64(1024 * mib)), UsageBytes: ptr(int64(801 * mib)), UnreclaimableBytes: ptr(int64(705 * mib))},
		Verdict:   api.Verdict{Kind: "leak", Why: "each worker grows by 958MiB/h, and 4 of 4 agree", Causes: []string{"40MiB of each worker (20%) is swapped out: it does not use that"}},
		Requests: &api.Requests{Total: 1234567, Shed: 12, Cut: 0, InFlight: 7, Queued: 1, PerSecond: 1234.5,
			P50Seconds: ptr(.0021), P99Seconds: ptr(.0143), WindowSeconds: 10},
		Next: &api.Next{Slot: ptr(2), Trigger: "memory", At: now.Add(3*time.Minute + 20*time.Second)},
	}
	for slot := range n {
		life, bytes, age := saw(slot, t)
		s.Workers = append(s.Workers, api.Worker{
			ID: uint64(100*slot + life + 1), Slot: slot, PID: 4711 + 100*slot + life, State: "ready", Generation: 3, StartedAt: now.Add(-age),
			Memory: api.Memory{RSSBytes: ptr(bytes + 60*mib), PSSBytes: ptr(bytes + 15*mib), PrivateBytes: ptr(bytes), SharedBytes: ptr(int64(60 * mib)),
				GrowthBytesPerSecond: 160 * mib / 600., LimitAt: ptr(now.Add(10*time.Minute - age))},
			CPU: api.CPU{Seconds: ptr(123.), Cores: ptr(.11 * float64(slot+1))}, InFlight: ptr(slot), Requests: ptr(int64(1234 * (slot + 1))),
			LastCycle: &api.LastCycle{Trigger: "memory", Reason: "private 201MiB is over 200MiB", At: now.Add(-age)},
		})
	}
	return s
}

// event is one that happened t after the start.
func event(id uint64, t time.Duration, kind string, slot int) api.Event {
	return api.Event{ID: id, Time: began.Add(t), Kind: kind, Level: "info", Slot: &slot, PID: 4700 + slot, Generation: 3}
}

// watched is a model that has seen a pool of n workers for half an hour.
func watched(n int) *model {
	m := newModel()
	m.falling = false
	for t := time.Duration(0); t <= 30*time.Minute; t += 5 * time.Second {
		m.tick(began.Add(t))
		m.heed(status(n, t))
	}
	e := event(1, 28*time.Minute, "cycle began", 1)
	e.Trigger, e.Reason = "memory", "private 201MiB is over 200MiB in 3 samples"
	m.happened(e)
	m.happened(event(2, 28*time.Minute+2*time.Second, "worker ready", 1))
	e = event(3, 28*time.Minute+3*time.Second, "cycle done", 1)
	e.Trigger, e.Seconds = "memory", 3.2
	m.happened(e)
	e = event(4, 29*time.Minute, "warning", 0)
	e.Slot, e.PID, e.Level, e.Message = nil, 0, "warn", "the container has 705MiB of 1024MiB, and a surge of one worker would not fit beside it"
	m.happened(e)
	return m
}

// noise is text that would steer a terminal, if it reached one.
func noise() string {
	var b []byte
	for c := range 256 {
		b = append(b, byte(c))
	}
	return string(b) + "\x1b]0;title\a\u009b31m\u202e[red]" + fmt.Sprint(math.Pi)
}
