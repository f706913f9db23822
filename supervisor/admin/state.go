package admin

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"rota/listener"
	"rota/listener/front"
	"rota/policy"
	"rota/supervisor"
)

// Pool is a running pool, as far as it can be looked at.
type Pool interface {
	Source
	Explain(slot int) (supervisor.Explanation, error)
	Sockets() *listener.Set
	Front() *front.Front // nil in shared mode
}

// state exports a pool as it is at the moment of the scrape.
type state struct {
	pool Pool
	desc map[string]*prometheus.Desc
}

// perWorker are the gauges with a label slot. Two workers may share a slot
// during a cycle; the series are those of the one that serves.
var perWorker = []struct {
	name, help string
	kind       prometheus.ValueType
	value      func(supervisor.WorkerStatus) (float64, bool)
}{
	{"rota_worker_memory_rss_bytes", "Resident memory of the worker's processes, shared pages counted for each.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.RSS), w.Sampled }},
	{"rota_worker_memory_pss_bytes", "Resident memory of the worker's processes, shared pages divided among those that share them.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.PSS), w.Measured }},
	{"rota_worker_memory_private_bytes", "Memory that would be free if the worker ended, swap included.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.Private), w.Sampled }},
	{"rota_worker_memory_shared_bytes", "Resident memory that the worker's processes share with each other or with others.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.Shared), w.Measured }},
	{"rota_worker_memory_shared_clean_bytes", "Of the shared memory, what a file on a disk has too.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.SharedClean), w.Measured }},
	{"rota_worker_memory_shared_dirty_bytes", "Of the shared memory, what is nowhere else: pages of a parent that were not written to since, and shared memory.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.SharedDirty), w.Measured }},
	{"rota_worker_memory_lazyfree_bytes", "Of the resident memory, what the worker has given back and the kernel has not taken yet.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.LazyFree), w.Measured }},
	{"rota_worker_memory_huge_bytes", "Of the resident memory, what is anonymous in huge pages, of which the worker may have used a part alone.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.HugePages), w.Measured }},
	{"rota_worker_memory_access_denied", "1 if rota may not read all about the worker's memory: its private memory is then an upper bound, or absent.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return truth(w.Denied), true }},
	{"rota_worker_memory_swap_bytes", "Memory of the worker that was swapped out.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.Swap), w.Sampled }},
	{"rota_worker_generation", "Release of command and configuration that the worker runs.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.Generation), true }},
	{"rota_worker_start_time_seconds", "When the worker was started, in seconds since the epoch.", prometheus.GaugeValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return float64(w.Started.UnixMilli()) / 1000, true }},
	{"rota_worker_cpu_seconds_total", "CPU time that the worker's processes have used.", prometheus.CounterValue,
		func(w supervisor.WorkerStatus) (float64, bool) { return w.CPU.Seconds(), w.Sampled }},
}

// family is a metric that one value is exported of, or one for each value of a
// label.
type family struct{ name, help, label string }

// poolWide are the names and helps of all else.
var poolWide = []family{
	{"rota_workers", "Workers, by what they are doing.", "state"},
	{"rota_workers_desired", "Workers that are wanted ready.", ""},
	{"rota_roll_in_progress", "1 while all workers are being replaced, one after another.", ""},
	{"rota_roll_paused", "1 while that goes on with no further worker, since an operator has paused it.", ""},
	{"rota_sample_duration_seconds", "What the last look at the workers' memory took.", ""},
	{"rota_listener_accept_queue_length", "Connections that wait to be accepted.", "listener"},
	{"rota_listener_accept_queue_limit", "Connections that may wait to be accepted.", "listener"},
	{"rota_http_queue_length", "Requests that wait for a worker.", ""},
	{"rota_http_client_connections", "Connections of clients, idle ones included.", ""},
	{"rota_worker_requests_in_flight", "Requests and upgraded connections in the hands of the slot's workers, those included that drain.", "slot"},
}

func newState(pool Pool) *state {
	s := &state{pool: pool, desc: map[string]*prometheus.Desc{}}
	for _, g := range perWorker {
		s.desc[g.name] = prometheus.NewDesc(g.name, g.help, []string{"slot"}, nil)
	}
	add := func(g family, labels ...string) {
		if g.label != "" {
			labels = append(labels, g.label)
		}
		s.desc[g.name] = prometheus.NewDesc(g.name, g.help, labels, nil)
	}
	for _, g := range poolWide {
		add(g)
	}
	for _, g := range poolMemory {
		add(g)
	}
	for _, g := range perWorkerMemory {
		add(g, "slot")
	}
	return s
}

// Describe implements prometheus.Collector.
func (s *state) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range s.desc {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(ch chan<- prometheus.Metric) {
	as := func(kind prometheus.ValueType) export {
		return func(name string, v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(s.desc[name], kind, v, labels...)
		}
	}
	gauge, counter := as(prometheus.GaugeValue), as(prometheus.CounterValue)
	// Not what workers bind beside them: a program may choose another port in each life.
	sockets := s.pool.Sockets()
	for _, socket := range sockets.Served() {
		if length, limit, ok := sockets.Queue(socket); ok {
			gauge("rota_listener_accept_queue_length", float64(length), socket.Address().String())
			gauge("rota_listener_accept_queue_limit", float64(limit), socket.Address().String())
		}
	}
	if f := s.pool.Front(); f != nil {
		fronted(f.Stats(), gauge)
	}
	st := s.pool.Status()
	if st == nil {
		return
	}
	gauge("rota_workers_desired", float64(st.Desired))
	gauge("rota_roll_in_progress", truth(st.Rolls.Current != nil))
	gauge("rota_roll_paused", truth(st.Rolls.Current != nil && st.Rolls.Current.Paused))
	gauge("rota_sample_duration_seconds", st.SampleDuration.Seconds())
	counts := map[policy.State]int{}
	for _, w := range st.Workers {
		counts[w.State]++
	}
	for _, name := range policy.States {
		gauge("rota_workers", float64(counts[name]), string(name))
	}
	memory(st, gauge, counter)
	for slot, w := range serving(st.Workers) {
		outlook(w, st.Time, gauge, counter)
		for _, g := range perWorker {
			if v, ok := g.value(w); ok {
				ch <- prometheus.MustNewConstMetric(s.desc[g.name], g.kind, v, strconv.Itoa(slot))
			}
		}
	}
}

// fronted exports the front. Two workers may share a slot during a cycle, and
// both have requests: the number is that of both, or a drain would be invisible.
func fronted(st front.Stats, gauge export) {
	gauge("rota_http_queue_length", float64(st.Queued))
	gauge("rota_http_client_connections", float64(st.Connections))
	inFlight := map[int]int{}
	for _, w := range st.Workers {
		inFlight[w.Slot] += w.InFlight
	}
	for slot, n := range inFlight {
		gauge("rota_worker_requests_in_flight", float64(n), strconv.Itoa(slot))
	}
}

// serving picks the worker of each slot that a series speaks of: the ready one
// rather than one that comes or goes, and the newest of equals.
func serving(workers []supervisor.WorkerStatus) map[int]supervisor.WorkerStatus {
	picked := map[int]supervisor.WorkerStatus{}
	for _, w := range workers {
		have, ok := picked[w.Slot]
		if !ok || w.State == policy.Ready || have.State != policy.Ready {
			picked[w.Slot] = w
		}
	}
	return picked
}
