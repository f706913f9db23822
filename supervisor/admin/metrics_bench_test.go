package admin

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"rota/listener/front"
	"rota/policy"
	"rota/supervisor"
)

// large is a pool of workers that were all looked at.
func large(b *testing.B, workers int) *Metrics {
	b.Helper()
	st := &supervisor.Status{Time: time.Now(), Desired: workers, Ready: workers}
	for slot := range workers {
		st.Workers = append(st.Workers, supervisor.WorkerStatus{
			ID: uint64(slot + 1), Slot: slot, State: policy.Ready, Generation: 1, Started: time.Now(),
			RSS: 300 << 20, PSS: 200 << 20, Private: 150<<20 + int64(slot), Shared: 150 << 20, Sampled: true, Measured: true,
			Foreseen: policy.Foreseen{Growth: 1.5, Reaches: time.Now().Add(time.Hour)},
		})
	}
	pool := fixedFront{newFixed(b, st), front.New(front.Config{}, front.Hooks{})}
	m := NewMetrics(supervisor.AcceptFront)
	m.Watch(pool)
	for slot := range workers {
		m.Answered(front.Answer{Slot: slot, Code: 200, Kind: front.KindRequest, Duration: time.Millisecond})
	}
	return m
}

// discarding keeps nothing of an answer but its size.
type discarding struct {
	header http.Header
	bytes  int
}

func (d *discarding) Header() http.Header { return d.header }
func (d *discarding) WriteHeader(int)     {}
func (d *discarding) Write(p []byte) (int, error) {
	d.bytes += len(p)
	return len(p), nil
}

// What a page costs to make. However many ask, that is done for a fifth of the time.
func BenchmarkScrape(b *testing.B) {
	for name, workers := range map[string]int{"4": 4, "100": 100} {
		b.Run(name, func(b *testing.B) {
			h := large(b, workers).page()
			b.ReportAllocs()
			for b.Loop() {
				w := &discarding{header: http.Header{}}
				h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
				b.ReportMetric(float64(w.bytes), "bytes/scrape")
			}
		})
	}
}
