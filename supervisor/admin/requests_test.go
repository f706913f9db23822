package admin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rota/listener/front"
	"rota/policy"
	"rota/supervisor"
)

// series are all lines of a scrape that speak of requests, without histograms' buckets.
func series(t *testing.T, m *Metrics) []string {
	t.Helper()
	_, text := get(t, handlerOf(newFixed(t, nil), m), "GET", "/metrics")
	lint(t, text)
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if (strings.HasPrefix(line, "rota_http_") || strings.Contains(line, "requests")) &&
			!strings.HasPrefix(line, "#") && !strings.Contains(line, "_bucket{") &&
			!strings.HasPrefix(line, "rota_worker_starts") && !strings.HasPrefix(line, "rota_worker_cycles") {
			lines = append(lines, line)
		}
	}
	return lines
}

// differ tells what is not as it should be.
func differ(t *testing.T, got []string, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(want), "\n")
	for _, line := range lines {
		if !slices.Contains(got, line) {
			t.Errorf("%q is missing", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(lines, line) {
			t.Errorf("%q should not be", line)
		}
	}
}

// What is one of a list is there before anything happened, at 0.
func TestRequestsBeforeTheFirst(t *testing.T) {
	m := NewMetrics(supervisor.AcceptFront)
	m.Observe(supervisor.Event{Kind: supervisor.WorkerStarted, Worker: 1, Slot: 1})
	var want strings.Builder
	for _, code := range []int{200, 400, 431, 499, 500, 502, 503} {
		fmt.Fprintf(&want, "rota_http_requests_total{code=\"%d\"} 0\n", code)
	}
	for _, reason := range []string{"full", "timeout", "unready"} {
		fmt.Fprintf(&want, "rota_http_requests_shed_total{reason=%q} 0\n", reason)
	}
	for _, reason := range []string{"connect", "closed", "malformed", "header", "truncated", "tls", "ended"} {
		fmt.Fprintf(&want, "rota_http_worker_errors_total{reason=%q} 0\n", reason)
	}
	want.WriteString(`rota_http_retries_total 0
rota_http_request_duration_seconds_count 0
rota_http_request_duration_seconds_sum 0
rota_http_queue_wait_seconds_count 0
rota_http_queue_wait_seconds_sum 0
rota_worker_requests_total{slot="1"} 0
rota_requests_cut_total{kind="request",slot="1"} 0
rota_requests_cut_total{kind="upgrade",slot="1"} 0`)
	differ(t, series(t, m), want.String())
}

func TestAnswered(t *testing.T) {
	m := NewMetrics(supervisor.AcceptFront)
	const none = front.NoSlot
	for _, a := range []front.Answer{
		{Slot: 0, Code: 200, Duration: 250 * time.Millisecond, Kind: front.KindRequest},
		{Slot: 0, Code: 204, Duration: 750 * time.Millisecond, Waited: 500 * time.Millisecond, Kind: front.KindRequest, Retried: true},
		{Slot: 2, Code: 101, Duration: time.Hour, Kind: front.KindUpgrade, Cut: true},
		{Slot: 2, Code: 502, Duration: time.Second, Kind: front.KindRequest, Failure: front.FailEnded, Error: errors.New("ended"), Cut: true},
		{Slot: 2, Code: 502, Duration: time.Second, Kind: front.KindRequest, Failure: front.FailClosed, Cut: true},
		{Slot: 2, Code: 502, Duration: time.Second, Kind: front.KindRequest, Failure: front.FailMalformed},
		{Slot: 0, Code: 499, Duration: time.Second, Kind: front.KindRequest}, // its client left
		{Slot: none, Code: 499, Duration: 2 * time.Second, Waited: 2 * time.Second, Kind: front.KindRequest},
		{Slot: none, Code: 503, Kind: front.KindRequest, Shed: front.ShedFull},
		{Slot: none, Code: 503, Duration: 4 * time.Second, Waited: 4 * time.Second, Kind: front.KindRequest, Shed: front.ShedTimeout},
		{Slot: none, Code: 400, Duration: time.Millisecond, Kind: front.KindRequest}, // not HTTP
		// What no worker and no front should say must neither panic nor make a series.
		{Slot: 0, Code: 999, Kind: "strange", Cut: true},
		{Slot: 0, Code: 600, Shed: "strange", Failure: "strange"},
		{Slot: 0, Code: -1, Kind: front.KindRequest},
	} {
		m.Answered(a)
	}
	// The log's view of the same ends: they were counted already.
	m.Observe(supervisor.Event{Kind: supervisor.WorkerExited, Worker: 3, Slot: 2, Exit: supervisor.ExitKilled, Cut: 3})
	m.Observe(supervisor.Event{Kind: supervisor.CycleDone, Worker: 3, Slot: 2, Trigger: policy.Memory, Cut: 3})

	differ(t, series(t, m), `
rota_http_requests_total{code="101"} 1
rota_http_requests_total{code="200"} 1
rota_http_requests_total{code="204"} 1
rota_http_requests_total{code="400"} 1
rota_http_requests_total{code="431"} 0
rota_http_requests_total{code="499"} 2
rota_http_requests_total{code="500"} 0
rota_http_requests_total{code="502"} 3
rota_http_requests_total{code="503"} 2
rota_http_requests_total{code="other"} 3
rota_http_requests_shed_total{reason="full"} 1
rota_http_requests_shed_total{reason="timeout"} 1
rota_http_requests_shed_total{reason="unready"} 0
rota_http_worker_errors_total{reason="closed"} 1
rota_http_worker_errors_total{reason="connect"} 0
rota_http_worker_errors_total{reason="ended"} 1
rota_http_worker_errors_total{reason="header"} 0
rota_http_worker_errors_total{reason="malformed"} 1
rota_http_worker_errors_total{reason="tls"} 0
rota_http_worker_errors_total{reason="truncated"} 0
rota_http_retries_total 1
rota_http_request_duration_seconds_count 9
rota_http_request_duration_seconds_sum 5
rota_http_queue_wait_seconds_count 12
rota_http_queue_wait_seconds_sum 6.5
rota_worker_requests_total{slot="0"} 6
rota_worker_requests_total{slot="2"} 4
rota_requests_cut_total{kind="request",slot="0"} 0
rota_requests_cut_total{kind="upgrade",slot="0"} 0
rota_requests_cut_total{kind="request",slot="2"} 2
rota_requests_cut_total{kind="upgrade",slot="2"} 1`)

	_, text := get(t, handlerOf(newFixed(t, nil), m), "GET", "/metrics")
	for _, want := range []string{
		`rota_http_request_duration_seconds_bucket{le="0.001"} 3`, `rota_http_request_duration_seconds_bucket{le="0.25"} 4`,
		`rota_http_request_duration_seconds_bucket{le="0.5"} 4`, `rota_http_request_duration_seconds_bucket{le="1"} 9`,
		`rota_http_request_duration_seconds_bucket{le="60"} 9`,
		`rota_http_queue_wait_seconds_bucket{le="0.001"} 9`, `rota_http_queue_wait_seconds_bucket{le="0.5"} 10`,
		`rota_http_queue_wait_seconds_bucket{le="5"} 12`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%q is missing", want)
		}
	}
}

// Requests end in many goroutines, in slots that come up meanwhile, while
// somebody scrapes: none is forgotten.
func TestAnsweredAtOnce(t *testing.T) {
	m := NewMetrics(supervisor.AcceptFront)
	const clients, each, slots = 8, 1000, 20
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for i := range each {
				m.Answered(front.Answer{Slot: i % slots, Code: 200 + i%slots, Kind: front.KindRequest, Cut: true, Retried: true})
			}
		})
	}
	all.Go(func() {
		for range 20 {
			series(t, m)
		}
	})
	all.Wait()
	got := series(t, m)
	for i := range slots {
		for _, want := range []string{
			fmt.Sprintf("rota_http_requests_total{code=\"%d\"} %d", 200+i, clients*each/slots),
			fmt.Sprintf("rota_worker_requests_total{slot=\"%d\"} %d", i, clients*each/slots),
			fmt.Sprintf("rota_requests_cut_total{kind=\"request\",slot=\"%d\"} %d", i, clients*each/slots),
		} {
			if !slices.Contains(got, want) {
				t.Errorf("%q is missing", want)
			}
		}
	}
	if want := fmt.Sprintf("rota_http_retries_total %d", clients*each); !slices.Contains(got, want) {
		t.Errorf("%q is missing", want)
	}
}

// Without a front, nobody tells of requests.
func TestAnsweredShared(t *testing.T) {
	m := NewMetrics(supervisor.AcceptShared)
	m.Answered(front.Answer{Slot: 0, Code: 200, Kind: front.KindRequest, Cut: true})
	if got := series(t, m); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// A worker that drains and the one that has its slot by now are one series.
func TestFronted(t *testing.T) {
	got := map[string]float64{}
	fronted(front.Stats{Queued: 7, Connections: 100, Workers: []front.WorkerStats{
		{ID: 1, Slot: 0, Retired: true, InFlight: 3, Requests: 1000}, {ID: 2, Slot: 1}, {ID: 3, Slot: 0, InFlight: 2, Requests: 5},
	}}, func(name string, v float64, labels ...string) { got[fmt.Sprint(name, labels)] = v })
	want := map[string]float64{
		"rota_http_queue_length[]": 7, "rota_http_client_connections[]": 100,
		"rota_worker_requests_in_flight[0]": 5, "rota_worker_requests_in_flight[1]": 0,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The front as it is at the scrape, through the pool.
func TestFrontOfPool(t *testing.T) {
	pool := fixedFront{newFixed(t, nil), front.New(front.Config{}, front.Hooks{})}
	m := NewMetrics(supervisor.AcceptFront)
	m.Watch(pool)
	_, text := get(t, handlerOf(pool, m), "GET", "/metrics")
	lint(t, text)
	for _, want := range []string{"rota_http_queue_length 0", "rota_http_client_connections 0"} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%q is missing", want)
		}
	}
}

type fixedFront struct {
	fixed
	front *front.Front
}

func (f fixedFront) Front() *front.Front { return f.front }

// The path of every request. It may take 300 ns and allocate nothing.
func BenchmarkAnswered(b *testing.B) {
	a := front.Answer{Slot: 3, Code: 200, Bytes: 1024, Began: time.Now(), Duration: 40 * time.Millisecond, Waited: time.Millisecond, Kind: front.KindRequest}
	shed := front.Answer{Slot: front.NoSlot, Code: 503, Kind: front.KindRequest, Shed: front.ShedFull}
	for name, a := range map[string]front.Answer{"answered": a, "shed": shed} {
		b.Run(name, func(b *testing.B) {
			m := NewMetrics(supervisor.AcceptFront)
			m.Answered(a)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					m.Answered(a)
				}
			})
		})
	}
}

func TestAnsweredAllocatesNothing(t *testing.T) {
	m := NewMetrics(supervisor.AcceptFront)
	a := front.Answer{Slot: 3, Code: 200, Duration: time.Second, Waited: time.Second, Kind: front.KindRequest, Cut: true, Retried: true,
		Failure: front.FailClosed, Shed: front.ShedFull}
	if n := testing.AllocsPerRun(100, func() { m.Answered(a) }); n > 0 {
		t.Errorf("%v allocations a request", n)
	}
}
