package admin

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"rota/policy"
	"rota/policy/verdict"
	"rota/procstats"
	"rota/supervisor"
	"rota/supervisor/admin/api"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// full is a worker of which all is known.
func full(slot int) supervisor.WorkerStatus {
	return supervisor.WorkerStatus{
		ID: uint64(slot) + 1, Slot: slot, PID: 100 + slot, Generation: 2, State: policy.Ready, Trigger: policy.Memory,
		Started: noon, ReadyAt: noon.Add(time.Second), Due: noon.Add(time.Hour),
		RSS: 400, PSS: 100, Private: 80, Shared: 320, Swap: 5, SharedClean: 200, SharedDirty: 120, LazyFree: 3, HugePages: 2,
		MinorFaults: 70, MajorFaults: 1, CPU: 1500 * time.Millisecond, Cores: 0.25,
		Sampled: true, Measured: true, Timed: true, Foreseen: policy.Foreseen{Growth: 2, Reaches: noon.Add(time.Minute)},
		LastCycle: &supervisor.LastCycle{Trigger: policy.Memory, Reason: "over", At: noon},
		Capture:   &supervisor.CaptureUnderWay{Began: noon, Timeout: 30 * time.Second},
	}
}

// rolled is a pool of n workers of which all is known, during a roll.
func rolled(n int) *supervisor.Status {
	st := &supervisor.Status{
		Time: noon, Desired: n, Ready: n, EverReady: true, Generation: 2, Accept: supervisor.AcceptShared,
		Rolls: supervisor.Rolls{
			Current: &supervisor.Roll{Roll: policy.Roll{ID: 3, Trigger: policy.Generation, Reason: "SIGHUP", Generation: 2, Began: noon, Replaced: 1, Paused: true}, Total: n},
			Ended:   []policy.EndedRoll{{Roll: policy.Roll{ID: 2, Trigger: policy.Cron, Began: noon}, Ended: noon.Add(time.Minute), Result: policy.RollResultFailed, Why: "it broke", Of: 4}},
		},
		Next: &policy.Next{Slot: -1, Trigger: policy.Cron, At: noon}, Cycles: map[policy.Trigger]int{policy.Memory: 7},
		Memory: 300, Budget: 900, MaxMemory: 500, MemoryMetric: supervisor.MetricPrivate, Paused: map[policy.Trigger]string{policy.Memory: "too low"},
		Container: procstats.Container{
			Limit: procstats.Limit{Bytes: 1000, Source: "memory.max"}, Usage: 700, WorkingSet: 600, Unreclaimable: 500, Swap: 4, OOMGroup: true,
			Events:   procstats.MemoryEvents{High: 6, Max: 9, OOM: 1, OOMKill: procstats.OOMKills{Own: 2}},
			Pressure: procstats.Pressure{Known: true, Source: "memory.pressure", Some: 2 * time.Second, Full: time.Second},
		},
		Verdict: verdict.Verdict{Kind: verdict.Bloat, Why: "it settles", PerHour: 9, PerRequest: 8, PerCPUSecond: 7, Settles: 6, ToLimit: 5 * time.Second,
			Agreeing: 4, Observed: 3, Lives: 2, Age: time.Second, Outliers: []verdict.Outlier{{Slot: 1, PerHour: 1}}, Earlier: verdict.Leak},
		Causes: []string{"huge pages"},
		LastCapture: &supervisor.LastCapture{Slot: 1, PID: 99, Trigger: policy.Memory, Result: supervisor.CaptureResultFailed, Message: "no luck",
			Path: "/captures/1", Bytes: 4096, Began: noon.Add(-time.Minute), Duration: 2 * time.Second},
	}
	for slot := range n {
		st.Workers = append(st.Workers, full(slot))
	}
	return st
}

func statusOf(t testing.TB, pool Pool) *api.Status {
	t.Helper()
	s := New(Options{Pool: pool, Metrics: NewMetrics(supervisor.AcceptShared), Started: noon, Version: "1"})
	text, err := json.Marshal(s.describe(pool.Status()))
	if err != nil {
		t.Fatal(err)
	}
	st := new(api.Status)
	if err := json.Unmarshal(text, st); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestStatusTellsAllThatIsKnown(t *testing.T) {
	pool := newFixed(t, rolled(2))
	pool.status.Workers = append(pool.status.Workers, supervisor.WorkerStatus{ID: 9, Slot: 0, State: policy.Starting})
	st := statusOf(t, pool)
	if ids := []uint64{st.Workers[0].ID, st.Workers[1].ID, st.Workers[2].ID}; !reflect.DeepEqual(ids, []uint64{1, 9, 2}) {
		t.Errorf("workers in the order %v, want them by slot", ids)
	}
	st.Workers[1] = st.Workers[0] // of that one nothing is known
	for _, empty := range unset(reflect.ValueOf(*st), "status") {
		switch {
		case empty == "status.requests", empty == "status.why", empty == "status.container.machine", empty == "status.next.slot",
			strings.HasPrefix(empty, "status.listeners[0].queue"), strings.HasPrefix(empty, "status.cycles["),
			strings.HasSuffix(empty, ".denied"), strings.HasSuffix(empty, "].slot"), strings.HasSuffix(empty, ".in_flight"), strings.HasSuffix(empty, ".requests"),
			empty == "status.roll.ended_at", empty == "status.roll.result", empty == "status.roll.why":
		default:
			t.Errorf("%s is not filled in", empty)
		}
	}
	if n := len(st.Cycles); n != len(policy.Triggers) || st.Cycles["memory"] != 7 {
		t.Errorf("cycles: %v", st.Cycles)
	}
	if c := st.LastCapture; c.Result != "failed" || c.Why != "no luck" || !c.At.Equal(noon.Add(-58*time.Second)) || st.Workers[0].Capture.TimeoutSeconds != 30 {
		t.Errorf("%+v, %+v", c, st.Workers[0].Capture)
	}
	if st.Phase != api.PhaseReady || *st.Memory.TotalBytes != 300 || st.Memory.RSSBytes != 800 || *st.Memory.SharingRatio != 0.75 || *st.Workers[0].CPU.Cores != 0.25 {
		t.Errorf("%+v", st)
	}
}

// unset are the fields that are zero, by their names in JSON.
func unset(v reflect.Value, name string) (empty []string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return unset(v.Elem(), name)
		}
		return []string{name}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			break
		}
		for i := range v.NumField() {
			field, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			empty = append(empty, unset(v.Field(i), name+"."+field)...)
		}
		return empty
	case reflect.Slice:
		for i := range v.Len() {
			empty = append(empty, unset(v.Index(i), fmt.Sprintf("%s[%d]", name, i))...)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			empty = append(empty, unset(v.MapIndex(key), fmt.Sprintf("%s[%s]", name, key))...)
		}
	}
	if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 || v.Kind() == reflect.Map && v.Len() == 0 {
		empty = append(empty, name)
	}
	return empty
}

// What is not known is null, and never 0.
func TestStatusOfAPoolThatHasJustBegun(t *testing.T) {
	pool := newFixed(t, &supervisor.Status{Desired: 1, Missing: "0 of 1 workers are ready", Workers: []supervisor.WorkerStatus{{ID: 1, State: policy.Starting}}})
	text, err := json.Marshal(New(Options{Pool: pool, Metrics: NewMetrics(supervisor.AcceptShared)}).describe(pool.status))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"phase":"starting","why":"0 of 1 workers are ready"`, `"total_bytes":null`, `"last_capture":null`, `"capture":null`, `"budget_bytes":null`, `"limit_bytes":null`, `"usage_bytes":null`,
		`"growth_bytes_per_hour":null`, `"causes":[]`, `"outliers":[]`, `"paused":{}`, `"operator":0`, `"requests":null`, `"roll":null`, `"next":null`, `"ready_at":null`,
		`"private_bytes":null`, `"seconds":null`, `"cores":null`, `"in_flight":null`, `"last_cycle":null`, `"kind":"unknown"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}

func TestPhases(t *testing.T) {
	for _, c := range []struct {
		status supervisor.Status
		want   api.Phase
		why    bool
	}{
		{supervisor.Status{Desired: 2, Missing: "m"}, api.PhaseStarting, true},
		{supervisor.Status{Desired: 2, Ready: 1, Missing: "m"}, api.PhaseStarting, true},
		{supervisor.Status{Desired: 2, Ready: 2, EverReady: true}, api.PhaseReady, false},
		{supervisor.Status{Desired: 2, Ready: 3, EverReady: true}, api.PhaseReady, false},
		{supervisor.Status{Desired: 2, Ready: 1, EverReady: true, Missing: "m"}, api.PhaseDegraded, true},
		{supervisor.Status{Desired: 2, Ready: 2, EverReady: true, Stopping: true}, api.PhaseStopping, true},
	} {
		if got, why := phase(&c.status); got != c.want || (why != "") != c.why {
			t.Errorf("%+v: %s because of %q, want %s", c.status, got, why, c.want)
		}
	}
}

func TestRollsAsToldByTheAPI(t *testing.T) {
	s := New(Options{Pool: newFixed(t, rolled(4)), Metrics: NewMetrics(supervisor.AcceptShared)})
	got := s.describeRolls()
	ended := noon.Add(time.Minute)
	want := &api.Rolls{
		Current: &api.Roll{ID: 3, Trigger: "generation", Reason: "SIGHUP", Generation: 2, BeganAt: noon, Paused: true, Replaced: 1, Total: 4},
		History: []api.Roll{{ID: 2, Trigger: "cron", BeganAt: noon, EndedAt: &ended, Result: "failed", Why: "it broke", Total: 4}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if none := New(Options{Pool: newFixed(t, nil), Metrics: NewMetrics(supervisor.AcceptShared)}).describeRolls(); none.Current != nil || none.History == nil {
		t.Errorf("before the first status: %+v", none)
	}
}

// BenchmarkStatus is an answer of /v1/status.
func BenchmarkStatus(b *testing.B) {
	for _, n := range []int{4, 100, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			pool := newFixed(b, rolled(n))
			s := New(Options{Pool: pool, Metrics: NewMetrics(supervisor.AcceptShared)})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := json.Marshal(s.describe(pool.status)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
