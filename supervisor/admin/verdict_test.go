package admin

import (
	"strings"
	"testing"
	"time"

	"rota/policy/verdict"
	"rota/supervisor"
)

func TestVerdictMetrics(t *testing.T) {
	export := func(v verdict.Verdict) string {
		pool := newFixed(t, &supervisor.Status{Verdict: v})
		m := NewMetrics(supervisor.AcceptFront)
		m.Watch(pool)
		_, text := get(t, handlerOf(pool, m), "GET", "/metrics")
		lint(t, text)
		return text
	}
	text := export(verdict.Verdict{Kind: verdict.Leak, PerHour: 5 << 20, PerRequest: 65536, PerCPUSecond: 1 << 20, Settles: 4096, ToLimit: 90 * time.Second})
	for _, want := range []string{
		`rota_memory_verdict{verdict="leak"} 1`, `rota_memory_verdict{verdict="unknown"} 0`,
		`rota_memory_verdict{verdict="bloat"} 0`, `rota_memory_verdict{verdict="steady"} 0`,
		"rota_memory_growth_bytes_per_hour 5.24288e+06", "rota_memory_growth_bytes_per_request 65536",
		"rota_memory_growth_bytes_per_cpu_second 1.048576e+06", "rota_memory_settles_bytes 4096", "rota_memory_limit_seconds 90",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%q is missing", want)
		}
	}
	text = export(verdict.Verdict{Kind: verdict.Unknown})
	if !strings.Contains(text, `rota_memory_verdict{verdict="unknown"} 1`) || strings.Contains(text, "rota_memory_growth") || strings.Contains(text, "rota_memory_settles") || strings.Contains(text, "rota_memory_limit") {
		t.Errorf("of what is unknown:\n%s", text)
	}
	if text = export(verdict.Verdict{Kind: verdict.Steady}); !strings.Contains(text, "rota_memory_growth_bytes_per_hour 0\n") {
		t.Errorf("what does not grow has a growth of 0:\n%s", text)
	}
}
