package admin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"rota/listener"
	"rota/listener/front"
	"rota/policy"
	"rota/supervisor"
)

// fixed is a pool that does not change.
type fixed struct {
	status *supervisor.Status
	set    *listener.Set
}

func (f fixed) Status() *supervisor.Status { return f.status }
func (f fixed) Sockets() *listener.Set     { return f.set }
func (f fixed) Front() *front.Front        { return nil }

func (f fixed) Explain(int) (supervisor.Explanation, error) {
	return supervisor.Explanation{}, supervisor.ErrNoWorker
}

func newFixed(t testing.TB, st *supervisor.Status) fixed {
	t.Helper()
	return newFixedOn(t, st, "unix:"+t.TempDir()+"/s")
}

func newFixedOn(t testing.TB, st *supervisor.Status, address string) fixed {
	t.Helper()
	a, err := listener.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	set, err := listener.Hold([]listener.Address{a}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return fixed{st, set}
}

func get(t *testing.T, h http.Handler, method, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestHealth(t *testing.T) {
	for name, c := range map[string]struct {
		status              *supervisor.Status
		live, ready, health int
	}{
		"before the first status": {nil, 200, 503, 503},
		"no worker ready":         {&supervisor.Status{Desired: 2}, 200, 503, 503},
		"one of two":              {&supervisor.Status{Desired: 2, Ready: 1}, 200, 200, 503},
		"all":                     {&supervisor.Status{Desired: 2, Ready: 2}, 200, 200, 200},
		"a surge":                 {&supervisor.Status{Desired: 2, Ready: 3}, 200, 200, 200},
		"stopping":                {&supervisor.Status{Desired: 2, Ready: 2, Stopping: true}, 200, 503, 503},
	} {
		h := handlerOf(newFixed(t, c.status), NewMetrics(supervisor.AcceptShared))
		for path, want := range map[string]int{"/livez": c.live, "/readyz": c.ready, "/healthz": c.health} {
			if got, _ := get(t, h, "GET", path); got != want {
				t.Errorf("%s: %s is %d, want %d", name, path, got, want)
			}
		}
	}
	ends := &supervisor.Status{Desired: 2, Stopping: true}
	if _, body := get(t, handlerOf(newFixed(t, ends), NewMetrics(supervisor.AcceptShared)), "GET", "/readyz"); body != "stopping\n" {
		t.Errorf("a pool that ends without a ready worker says %q", body)
	}
	h := handlerOf(newFixed(t, nil), NewMetrics(supervisor.AcceptShared))
	if code, _ := get(t, h, "POST", "/livez"); code != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered with %d", code)
	}
	if code, _ := get(t, h, "GET", "/nothing"); code != http.StatusNotFound {
		t.Errorf("an unknown path is answered with %d", code)
	}
}

func TestMetrics(t *testing.T) {
	pool := newFixed(t, &supervisor.Status{
		Desired: 2, Ready: 1,
		Workers: []supervisor.WorkerStatus{
			{Slot: 0, State: policy.Draining, RSS: 1, Sampled: true},
			{Slot: 0, State: policy.Ready, Generation: 2, RSS: 400, PSS: 100, Private: 80, Shared: 320, Swap: 5,
				CPU: 1500 * time.Millisecond, Sampled: true, Measured: true, Started: time.Unix(1700000000, 0)},
			{Slot: 1, State: policy.Starting},
		},
	})
	m := NewMetrics(supervisor.AcceptShared)
	m.Watch(pool)
	m.Observe(supervisor.Event{Kind: supervisor.WorkerStarted})
	m.Observe(supervisor.Event{Kind: supervisor.WorkerStarted, Trigger: policy.Memory})
	m.Observe(supervisor.Event{Kind: supervisor.WorkerReady, Duration: time.Second})
	m.Observe(supervisor.Event{Kind: supervisor.WorkerExited, Slot: 1, Exit: supervisor.ExitDrained, Cut: 3})
	m.Observe(supervisor.Event{Kind: supervisor.CycleDone, Slot: 1, Trigger: policy.Memory, Cut: 3})
	m.Observe(supervisor.Event{Kind: supervisor.WorkerCrashed, Exit: supervisor.ExitCrash})
	m.Observe(supervisor.Event{Kind: supervisor.RollDone, Trigger: policy.Generation})
	m.Observe(supervisor.Event{Kind: supervisor.CaptureSkipped, Capture: supervisor.CaptureResultSkipped})
	code, text := get(t, handlerOf(pool, m), "GET", "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, text)
	}
	for _, want := range []string{
		`rota_captures_total{result="done"} 0`, `rota_captures_total{result="skipped"} 1`,
		`rota_workers{state="draining"} 1`, `rota_workers{state="ready"} 1`, `rota_workers{state="stopping"} 0`,
		"rota_workers_desired 2", "rota_memory_sharing_ratio 0.75",
		`rota_worker_memory_rss_bytes{slot="0"} 400`, `rota_worker_memory_private_bytes{slot="0"} 80`,
		`rota_worker_memory_swap_bytes{slot="0"} 5`, `rota_worker_generation{slot="0"} 2`,
		`rota_worker_cpu_seconds_total{slot="0"} 1.5`, `rota_worker_start_time_seconds{slot="0"} 1.7e+09`,
		`rota_worker_starts_total{reason="boot"} 1`, `rota_worker_starts_total{reason="memory"} 1`,
		`rota_worker_starts_total{reason="age"} 0`, `rota_worker_cycles_total{trigger="memory"} 1`,
		`rota_worker_cycles_total{trigger="crash"} 1`, `rota_worker_exits_total{reason="oom"} 0`,
		`rota_worker_exits_total{reason="drained"} 1`, `rota_rolls_total{result="done",trigger="generation"} 1`,
		`rota_rolls_total{result="failed",trigger="cron"} 0`, `rota_requests_cut_total{kind="request",slot="0"} 0`,
		`rota_requests_cut_total{kind="request",slot="1"} 3`, `rota_requests_cut_total{kind="upgrade",slot="1"} 0`,
		"rota_worker_boot_duration_seconds_count 1",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%q is missing", want)
		}
	}
	for _, wrong := range []string{`rss_bytes{slot="1"}`, "pid=", "rota_http_", "rota_worker_requests_"} {
		if strings.Contains(text, wrong) {
			t.Errorf("%q is there: a worker without a sample has no memory, and requests that nobody sees have no number", wrong)
		}
	}
	lint(t, text)
}

func lint(t *testing.T, text string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}

func handlerOf(pool Pool, m *Metrics) http.Handler {
	return New(Options{Pool: pool, Metrics: m}).handler()
}
