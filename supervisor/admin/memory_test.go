package admin

import (
	"strings"
	"testing"
	"time"

	"rota/policy"
	"rota/procstats"
	"rota/supervisor"
)

func metricsOf(t *testing.T, st *supervisor.Status, events ...supervisor.Event) string {
	t.Helper()
	pool := newFixed(t, st)
	m := NewMetrics(supervisor.AcceptShared)
	m.Watch(pool)
	for _, e := range events {
		m.Observe(e)
	}
	_, text := get(t, handlerOf(pool, m), "GET", "/metrics")
	lint(t, text)
	return text
}

func want(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%q is missing", line)
		}
	}
}

func wantNone(t *testing.T, text string, names ...string) {
	t.Helper()
	for line := range strings.Lines(text) {
		for _, name := range names {
			if strings.HasPrefix(line, name) {
				t.Errorf("%q is there", line)
			}
		}
	}
}

func TestMemoryMetrics(t *testing.T) {
	now := time.Now()
	text := metricsOf(t, &supervisor.Status{
		Time: now, Memory: 300, Budget: 900, Paused: map[policy.Trigger]string{policy.Total: "why"},
		Container: procstats.Container{
			Limit: procstats.Limit{Bytes: 1000}, Usage: 800, WorkingSet: 700, Unreclaimable: 600, Swap: 50, OOMGroup: true,
			Events:   procstats.MemoryEvents{High: 1, Max: 2, OOM: 3, OOMKill: procstats.OOMKills{Own: 3, Nested: 1}},
			Pressure: procstats.Pressure{Known: true, Some: 1500 * time.Millisecond, Full: time.Second},
		},
		Workers: []supervisor.WorkerStatus{{
			State: policy.Ready, RSS: 400, Sampled: true, Measured: true, SharedClean: 11, SharedDirty: 12, LazyFree: 13, HugePages: 14,
			MinorFaults: 15, MajorFaults: 16, Foreseen: policy.Foreseen{Growth: 2.5, Reaches: now.Add(90 * time.Second)},
		}, {
			Slot: 1, State: policy.Ready, Denied: true, Sampled: true, Private: 5, Foreseen: policy.Foreseen{},
		}, {
			Slot: 2, State: policy.Ready, Denied: true,
		}},
	}, supervisor.Event{Kind: supervisor.StopFirst})
	want(t, text,
		"rota_memory_budget_bytes 900",
		`rota_memory_cycles_paused{trigger="memory"} 0`, `rota_memory_cycles_paused{trigger="total"} 1`,
		"rota_cgroup_memory_limit_bytes 1000", "rota_cgroup_memory_usage_bytes 800", "rota_cgroup_memory_working_set_bytes 700",
		"rota_cgroup_memory_unreclaimable_bytes 600", "rota_cgroup_memory_swap_bytes 50", "rota_cgroup_memory_oom_group 1",
		`rota_cgroup_memory_events_total{event="high"} 1`, `rota_cgroup_memory_events_total{event="max"} 2`,
		`rota_cgroup_memory_events_total{event="oom"} 3`, `rota_cgroup_memory_events_total{event="oom_kill"} 4`,
		`rota_cgroup_memory_pressure_seconds_total{kind="some"} 1.5`, `rota_cgroup_memory_pressure_seconds_total{kind="full"} 1`,
		`rota_worker_memory_shared_clean_bytes{slot="0"} 11`, `rota_worker_memory_shared_dirty_bytes{slot="0"} 12`,
		`rota_worker_memory_lazyfree_bytes{slot="0"} 13`, `rota_worker_memory_huge_bytes{slot="0"} 14`,
		`rota_worker_page_faults_total{kind="minor",slot="0"} 15`, `rota_worker_page_faults_total{kind="major",slot="0"} 16`,
		`rota_worker_memory_growth_bytes_per_second{slot="0"} 2.5`, `rota_worker_memory_limit_seconds{slot="0"} 90`,
		`rota_worker_memory_access_denied{slot="0"} 0`, `rota_worker_memory_access_denied{slot="1"} 1`,
		`rota_worker_memory_access_denied{slot="2"} 1`, `rota_worker_memory_private_bytes{slot="1"} 5`,
		`rota_worker_memory_growth_bytes_per_second{slot="1"} 0`, "rota_worker_stop_first_total 1",
	)
	// What cannot be read is not 0 but absent, and so is a limit that no end is seen of.
	wantNone(t, text, "rota_memory_total_bytes", `rota_worker_memory_private_bytes{slot="2"}`, `rota_worker_memory_rss_bytes{slot="2"}`,
		`rota_worker_memory_growth_bytes_per_second{slot="2"}`, `rota_worker_page_faults_total{kind="minor",slot="2"}`,
		`rota_worker_memory_limit_seconds{slot="1"}`, `rota_worker_memory_huge_bytes{slot="1"}`)
}

// The sum is there as long as nobody is missing from it, though one may only be bounded.
func TestMemoryOfAllWorkers(t *testing.T) {
	text := metricsOf(t, &supervisor.Status{Memory: 300, Workers: []supervisor.WorkerStatus{
		{State: policy.Ready, Sampled: true}, {Slot: 1, State: policy.Ready, Sampled: true, Denied: true}, {Slot: 2, State: policy.Starting},
	}})
	want(t, text, "rota_memory_total_bytes 300")
}

func TestMemoryMetricsWithoutAContainer(t *testing.T) {
	text := metricsOf(t, &supervisor.Status{Container: procstats.Container{Limit: procstats.Limit{Bytes: 1 << 34}, Machine: true, Usage: 800}})
	want(t, text, "rota_cgroup_memory_usage_bytes 800", `rota_cgroup_memory_events_total{event="oom_kill"} 0`, "rota_memory_total_bytes 0",
		`rota_memory_cycles_paused{trigger="memory"} 0`, "rota_worker_stop_first_total 0")
	wantNone(t, text, "rota_cgroup_memory_limit_bytes", "rota_memory_budget_bytes", "rota_cgroup_memory_pressure_seconds_total")

	wantNone(t, metricsOf(t, &supervisor.Status{}), "rota_cgroup_") // nothing can be read, which is not 0
}
