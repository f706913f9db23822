package admin

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"rota/listener/front"
)

// requests counts what the front tells of each request that is over. That is on
// the path of every request, so nothing there looks a label up in a vector: what
// each request touches is an array, and the rest is prepared.
type requests struct {
	codes    [codeLimit]atomic.Uint64 // by status; the first is for all that is none
	shed     map[string]prometheus.Counter
	failures map[string]prometheus.Counter
	retries  prometheus.Counter
	duration prometheus.Histogram
	waited   prometheus.Histogram

	all  []prometheus.Collector // of the above but codes
	desc *prometheus.Desc       // of codes
}

// A status has three digits, of which the first is 1 to 5. A worker may answer
// with anything; it must not be able to make series without end.
const (
	codeFirst = 100
	codeLimit = 600
	codeOther = "other"
)

// usualCodes are there from the start, at 0: what rota itself answers with, and
// what most alerts are about.
var usualCodes = []int{200, 400, 431, 499, 500, 502, 503}

// requestBuckets go from what a hop over loopback takes to the longest that
// clients and balancers usually wait.
var requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

func newRequests() *requests {
	r := &requests{
		retries: prometheus.NewCounter(prometheus.CounterOpts{Name: "rota_http_retries_total",
			Help: "Requests that were sent on a second connection, since the worker had closed the first one before it took them."}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "rota_http_request_duration_seconds", Buckets: requestBuckets,
			Help: "Time from a request to the end of its answer, waiting in the queue included, of requests that a worker was given. Neither shed requests nor upgraded connections count."}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "rota_http_queue_wait_seconds", Buckets: requestBuckets,
			Help: "Time that requests waited for a worker: 0 for those that got one at once; those count too that were shed or whose client left after they had waited, but none that was refused at once."}),
		desc: prometheus.NewDesc("rota_http_requests_total",
			"Requests that are over, by the status of the answer; 499 if the client left before it began. Shed requests are among them, upgraded connections once they end.", []string{"code"}, nil),
	}
	r.all = append(r.all, r.retries, r.duration, r.waited)
	counters := func(name, help string, reasons []string) map[string]prometheus.Counter {
		vector := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"reason"})
		r.all = append(r.all, vector)
		prepared := map[string]prometheus.Counter{}
		for _, reason := range reasons {
			prepared[reason] = vector.WithLabelValues(reason)
		}
		return prepared
	}
	r.shed = counters("rota_http_requests_shed_total", "Requests answered with 503 without having reached a worker, by why.", front.ShedReasons)
	r.failures = counters("rota_http_worker_errors_total", "Answers of workers that were none or broke off, by what was wrong.", front.Failures)
	return r
}

// answered counts a request that is over.
func (r *requests) answered(a *front.Answer) {
	code := a.Code
	if code < codeFirst || code >= codeLimit {
		code = 0
	}
	r.codes[code].Add(1)
	given := a.Slot != front.NoSlot
	if given || a.Waited > 0 {
		r.waited.Observe(a.Waited.Seconds())
	}
	if given && a.Kind != front.KindUpgrade {
		r.duration.Observe(a.Duration.Seconds())
	}
	if a.Shed != "" {
		count(r.shed, a.Shed)
	}
	if a.Failure != "" {
		count(r.failures, a.Failure)
	}
	if a.Retried {
		r.retries.Inc()
	}
}

func count(counters map[string]prometheus.Counter, reason string) {
	if c, ok := counters[reason]; ok {
		c.Inc()
	}
}

// Describe implements prometheus.Collector.
func (r *requests) Describe(ch chan<- *prometheus.Desc) {
	ch <- r.desc
	for _, c := range r.all {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (r *requests) Collect(ch chan<- prometheus.Metric) {
	var usual [codeLimit]bool
	for _, code := range usualCodes {
		usual[code] = true
	}
	for code := range r.codes {
		n := r.codes[code].Load()
		if n == 0 && !usual[code] {
			continue
		}
		label := codeOther
		if code != 0 {
			label = strconv.Itoa(code)
		}
		ch <- prometheus.MustNewConstMetric(r.desc, prometheus.CounterValue, float64(n), label)
	}
	for _, c := range r.all {
		c.Collect(ch)
	}
}
