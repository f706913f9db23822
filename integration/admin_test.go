package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	site := newSite(t, "GATE="+gate)
	p := site.start([]string{"-w", "2", "--shutdown-delay", "1m"})
	is := func(livez, readyz, healthz int, why, less string) {
		t.Helper()
		text := func(code int, why string) string {
			if code == 200 {
				return "ok"
			}
			return why
		}
		p.isHealth("/livez", livez, text(livez, why))
		p.isHealth("/readyz", readyz, text(readyz, why))
		p.isHealth("/healthz", healthz, text(healthz, less))
	}
	p.awaitKind("worker started", 2)
	is(200, 503, 503, "no worker is ready", "no worker is ready")
	put(t, gate+"1", "", 0o600)
	p.awaitKind("worker ready", 1)
	is(200, 200, 503, "", "1 of 2 workers are ready")
	put(t, gate+"0", "", 0o600)
	p.awaitKind("pool ready", 1)
	is(200, 200, 200, "", "")
	p.signal(syscall.SIGTERM)
	p.awaitKind("pool stopping", 1)
	is(200, 503, 503, "stopping", "stopping")
	p.signal(syscall.SIGTERM) // or the test takes a minute
	p.wait()
}

// Every label that is one of a list is there from the start, at 0, and the
// linter of Prometheus finds nothing at any time.
func TestMetrics(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	site := newSite(t, "GATE="+gate)
	p := site.start([]string{"-w", "2", "--sample-interval", "50ms"})
	p.awaitKind("worker started", 2)
	p.metric(`rota_worker_starts_total{reason="boot"}`, 2)
	values, text := p.scrape()
	lint(t, text)

	zero := map[string]bool{
		"rota_worker_boot_duration_seconds_count": true, "rota_worker_drain_duration_seconds_count": true, "rota_worker_stop_first_total": true,
		`rota_memory_cycles_paused{trigger="memory"}`: true, `rota_memory_cycles_paused{trigger="total"}`: true,
	}
	for slot := range 2 {
		zero[fmt.Sprintf(`rota_worker_memory_access_denied{slot="%d"}`, slot)] = true
		for _, kind := range []string{"request", "upgrade"} {
			zero[fmt.Sprintf(`rota_requests_cut_total{kind=%q,slot="%d"}`, kind, slot)] = true
		}
	}
	for _, trigger := range []string{"memory", "total", "age", "cron", "generation", "requests", "crash", "scale"} {
		zero[fmt.Sprintf("rota_worker_starts_total{reason=%q}", trigger)] = true
		zero[fmt.Sprintf("rota_worker_cycles_total{trigger=%q}", trigger)] = true
	}
	for _, reason := range []string{"drained", "stopped", "killed", "crash", "oom"} {
		zero[fmt.Sprintf("rota_worker_exits_total{reason=%q}", reason)] = true
	}
	for _, trigger := range []string{"generation", "cron"} {
		for _, result := range []string{"done", "failed"} {
			zero[fmt.Sprintf("rota_rolls_total{result=%q,trigger=%q}", result, trigger)] = true
		}
	}
	for _, state := range []string{"ready", "draining", "stopping"} {
		zero[fmt.Sprintf("rota_workers{state=%q}", state)] = true
	}
	for series := range zero {
		if v, ok := values[series]; !ok || v != 0 {
			t.Errorf("%s is %v (%v), want 0", series, v, ok)
		}
	}
	for series, want := range map[string]float64{
		`rota_workers{state="starting"}`: 2, `rota_worker_starts_total{reason="boot"}`: 2, "rota_workers_desired": 2,
	} {
		if values[series] != want {
			t.Errorf("%s is %v, want %v", series, values[series], want)
		}
	}
	for series := range values {
		if strings.Contains(series, "pid") {
			t.Errorf("%s speaks of a pid", series)
		}
	}

	put(t, gate+"0", "", 0o600)
	put(t, gate+"1", "", 0o600)
	p.awaitKind("pool ready", 1)
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll done", 1)
	eventually(t, "the new workers were sampled", func() bool {
		values, text = p.scrape()
		return values[`rota_worker_memory_private_bytes{slot="0"}`] > 0 && values[`rota_worker_memory_private_bytes{slot="1"}`] > 0
	})
	lint(t, text)
	for series, want := range map[string]float64{
		`rota_workers{state="ready"}`: 2, `rota_workers{state="starting"}`: 0, `rota_rolls_total{result="done",trigger="generation"}`: 1,
		`rota_worker_cycles_total{trigger="generation"}`: 2, `rota_worker_starts_total{reason="generation"}`: 2,
		`rota_worker_exits_total{reason="drained"}`: 2, `rota_worker_generation{slot="0"}`: 2, `rota_worker_generation{slot="1"}`: 2,
		"rota_worker_boot_duration_seconds_count": 4, "rota_worker_drain_duration_seconds_count": 2,
		`rota_requests_cut_total{kind="request",slot="0"}`: 0, `rota_requests_cut_total{kind="request",slot="1"}`: 0,
		fmt.Sprintf("rota_listener_accept_queue_length{listener=%q}", site.addr): 0,
	} {
		p.metric(series, want)
	}
}

func lint(t *testing.T, metrics string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(metrics)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}
