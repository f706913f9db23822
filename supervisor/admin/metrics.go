package admin

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rota/policy"
	"rota/supervisor"
)

// Metrics counts what happens to a pool and exports it with the pool's present
// state. Every enumerated label starts at 0, so that a first event is a rise.
type Metrics struct {
	registry *prometheus.Registry
	starts   *prometheus.CounterVec
	cycles   *prometheus.CounterVec
	exits    *prometheus.CounterVec
	rolls    *prometheus.CounterVec
	cut      prometheus.Counter
	boot     prometheus.Histogram
	drain    prometheus.Histogram
}

// Reasons for a start that are no trigger.
const (
	bootReason = "boot" // a slot is filled for the first time
)

// Results of a roll.
const (
	rollDone       = "done"
	rollFailed     = "failed"
	rollSuperseded = "superseded"
)

// A worker boots in tens of milliseconds (a static binary) to a minute (a large
// JVM or Rails application); drains are of the same range.
var lifeBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60, 120}

// NewMetrics makes the counters, all at 0.
func NewMetrics() *Metrics {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: lifeBuckets})
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		starts:   counter("rota_worker_starts_total", "Workers started, by why.", "reason"),
		cycles:   counter("rota_worker_cycles_total", "Workers replaced, by what triggered it.", "trigger"),
		exits:    counter("rota_worker_exits_total", "Workers ended, by how.", "reason"),
		rolls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rota_rolls_total",
			Help: "Replacements of all workers, by what triggered them and how they ended."}, []string{"trigger", "result"}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{Name: "rota_requests_cut_total",
			Help: "Requests that were ended unfinished, as far as rota can tell."}),
		boot:  histogram("rota_worker_boot_duration_seconds", "Time from start to ready."),
		drain: histogram("rota_worker_drain_duration_seconds", "Time from being told to drain to the end."),
	}
	m.starts.WithLabelValues(bootReason)
	for _, t := range policy.Triggers {
		m.starts.WithLabelValues(string(t))
		m.cycles.WithLabelValues(string(t))
	}
	for _, reason := range supervisor.ExitReasons {
		m.exits.WithLabelValues(reason)
	}
	for _, t := range []policy.Trigger{policy.Generation, policy.Cron} {
		m.rolls.WithLabelValues(string(t), rollDone)
		m.rolls.WithLabelValues(string(t), rollFailed)
		m.rolls.WithLabelValues(string(t), rollSuperseded)
	}
	m.registry.MustRegister(m.starts, m.cycles, m.exits, m.rolls, m.cut, m.boot, m.drain)
	return m
}

// Watch exports the state of a pool too.
func (m *Metrics) Watch(pool Pool) { m.registry.MustRegister(newState(pool)) }

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Observe counts an event.
func (m *Metrics) Observe(e supervisor.Event) {
	if e.Exit != "" { // the end of a cycle repeats the number
		m.cut.Add(float64(e.Cut))
	}
	switch e.Kind {
	case supervisor.WorkerStarted:
		reason := string(e.Trigger)
		if reason == "" {
			reason = bootReason
		}
		m.starts.WithLabelValues(reason).Inc()
	case supervisor.WorkerReady:
		m.boot.Observe(e.Duration.Seconds())
	case supervisor.WorkerExited:
		m.exits.WithLabelValues(e.Exit).Inc()
		m.drain.Observe(e.Duration.Seconds())
	case supervisor.WorkerCrashed:
		m.exits.WithLabelValues(e.Exit).Inc()
		m.cycles.WithLabelValues(string(policy.Crash)).Inc()
	case supervisor.StartFailed:
		m.exits.WithLabelValues(e.Exit).Inc()
	case supervisor.CycleDone:
		m.cycles.WithLabelValues(string(e.Trigger)).Inc()
	case supervisor.RollDone:
		m.rolls.WithLabelValues(string(e.Trigger), rollDone).Inc()
	case supervisor.RollSuperseded:
		m.rolls.WithLabelValues(string(e.Trigger), rollSuperseded).Inc()
	case supervisor.RollFailed:
		m.rolls.WithLabelValues(string(e.Trigger), rollFailed).Inc()
	}
}
