package admin

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rota/listener/front"
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
	first    prometheus.Counter
	slots    *slots
	requests *requests // nil without the front
	boot     prometheus.Histogram
	drain    prometheus.Histogram
	captures *prometheus.CounterVec
	failed   *prometheus.CounterVec
	unborn   prometheus.Counter
	self     *self
}

// Reasons for a start that are no trigger.
const (
	bootReason = "boot" // a slot is filled for the first time
)

// A worker boots in tens of milliseconds (a static binary) to a minute (a large
// JVM or Rails application); drains are of the same range.
var lifeBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60, 120}

// NewMetrics makes the counters, all at 0. accept is the pool's Config.Accept: it
// says who tells of requests. In front mode Answered does, in shared mode
// nobody, so that there are no numbers of requests but of those that events say
// were cut.
func NewMetrics(accept string) *Metrics {
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
		first: prometheus.NewCounter(prometheus.CounterOpts{Name: "rota_worker_stop_first_total",
			Help: "Workers that were stopped before their replacement was started, since there was no memory for both."}),
		slots:    newSlots(accept == supervisor.AcceptFront),
		boot:     histogram("rota_worker_boot_duration_seconds", "Time from start to ready."),
		drain:    histogram("rota_worker_drain_duration_seconds", "Time from being told to drain to the end."),
		captures: counter("rota_captures_total", "Workers that left for their memory, by whether evidence of them was taken.", "result"),
		failed:   counter("rota_worker_cycles_failed_total", "Replacements that did not get ready, so that the old worker stayed, by what triggered them.", "trigger"),
		unborn: prometheus.NewCounter(prometheus.CounterOpts{Name: "rota_worker_start_failures_total",
			Help: "Workers that ended, or were ended, before they were ready."}),
	}
	m.self = newSelf(m.registry)
	m.starts.WithLabelValues(bootReason)
	for _, t := range policy.Triggers {
		m.starts.WithLabelValues(string(t))
		m.cycles.WithLabelValues(string(t))
		m.failed.WithLabelValues(string(t))
	}
	for _, reason := range supervisor.ExitReasons {
		m.exits.WithLabelValues(reason)
	}
	for _, t := range []policy.Trigger{policy.Generation, policy.Cron} {
		for _, result := range policy.RollResults {
			m.rolls.WithLabelValues(string(t), string(result))
		}
	}
	for _, result := range supervisor.CaptureResults {
		m.captures.WithLabelValues(result)
	}
	m.registry.MustRegister(m.starts, m.cycles, m.exits, m.rolls, m.first, m.captures, m.failed, m.unborn, m.slots, m.boot, m.drain)
	if accept == supervisor.AcceptFront {
		m.requests = newRequests()
		m.registry.MustRegister(m.requests)
	}
	return m
}

// Watch exports the state of a pool too.
func (m *Metrics) Watch(pool Pool) {
	if st := pool.Status(); st != nil {
		for slot := range st.Desired {
			m.slots.at(slot) // at 0, before there is a worker
		}
	}
	m.registry.MustRegister(newState(pool), newVerdicts(pool))
}

func (m *Metrics) handler() http.Handler { return newPaced(m.page()) }

func (m *Metrics) page() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Answered counts a request that is over. Any number of goroutines may call it;
// it takes a small part of a microsecond and does not block.
func (m *Metrics) Answered(a front.Answer) {
	if m.requests != nil {
		m.requests.answered(&a)
		m.slots.answered(&a)
	}
}

// Observe counts an event.
func (m *Metrics) Observe(e supervisor.Event) {
	// The end of a cycle repeats the number; with the front, each answer has told already.
	if e.Exit != "" && e.Cut > 0 && m.requests == nil {
		m.slots.at(e.Slot).addCut(front.KindRequest, e.Cut)
	}
	if e.Capture != "" {
		m.captures.WithLabelValues(e.Capture).Inc()
	}
	switch e.Kind {
	case supervisor.WorkerStarted:
		m.slots.at(e.Slot) // it is there from now on, at 0
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
		m.unborn.Inc()
	case supervisor.CycleFailed:
		m.failed.WithLabelValues(string(e.Trigger)).Inc()
	case supervisor.CycleDone:
		m.cycles.WithLabelValues(string(e.Trigger)).Inc()
	case supervisor.StopFirst:
		m.first.Inc()
	case supervisor.RollDone:
		m.rolls.WithLabelValues(string(e.Trigger), string(policy.RollResultDone)).Inc()
	case supervisor.RollSuperseded:
		m.rolls.WithLabelValues(string(e.Trigger), string(policy.RollResultSuperseded)).Inc()
	case supervisor.RollFailed:
		m.rolls.WithLabelValues(string(e.Trigger), string(policy.RollResultFailed)).Inc()
	case supervisor.RollAborted:
		m.rolls.WithLabelValues(string(e.Trigger), string(policy.RollResultAborted)).Inc()
	}
}
