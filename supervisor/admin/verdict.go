package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rota/policy/verdict"
)

// verdicts exports what is known of how the workers' memory grows.
type verdicts struct {
	source                                      Source
	kind, hour, request, work, settles, toLimit *prometheus.Desc
}

func newVerdicts(source Source) *verdicts {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &verdicts{
		source: source,
		kind:   desc("rota_memory_verdict", "1 for what the workers' memory does: steady, bloat (it grew and settles), leak (it grows with the work and does not), or unknown for want of evidence.", "verdict"),
		hour:   desc("rota_memory_growth_bytes_per_hour", "What the private memory of a worker grows by; absent as long as nothing tells."),
		request: desc("rota_memory_growth_bytes_per_request",
			"What the private memory of a worker grows by with each request; absent as long as nothing tells."),
		work: desc("rota_memory_growth_bytes_per_cpu_second",
			"What the private memory of a worker grows by with each second of CPU time, where requests are not counted; absent as long as nothing tells."),
		settles: desc("rota_memory_settles_bytes", "The private memory at which a worker stays; absent where it does not, or where that is not to be seen."),
		toLimit: desc("rota_memory_limit_seconds",
			"Time until the first worker reaches --max-memory, by what it grows by with its work and what it has to do at present; absent where none does."),
	}
}

// Describe implements prometheus.Collector.
func (c *verdicts) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.kind, c.hour, c.request, c.work, c.settles, c.toLimit} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *verdicts) Collect(ch chan<- prometheus.Metric) {
	st := c.source.Status()
	if st == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	v := st.Verdict
	for _, k := range verdict.Kinds {
		is := 0.0
		if k == v.Kind {
			is = 1
		}
		gauge(c.kind, is, string(k))
	}
	if v.Kind != verdict.Unknown || v.PerHour > 0 {
		gauge(c.hour, v.PerHour)
	}
	if v.PerRequest > 0 {
		gauge(c.request, v.PerRequest)
	}
	if v.PerCPUSecond > 0 {
		gauge(c.work, v.PerCPUSecond)
	}
	if v.Settles > 0 {
		gauge(c.settles, float64(v.Settles))
	}
	if v.ToLimit > 0 {
		gauge(c.toLimit, v.ToLimit.Seconds())
	}
}
