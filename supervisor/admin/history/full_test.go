package history

import (
	"io"
	"runtime"
	"strconv"
	"testing"
	"time"

	"rota/listener/front"
)

// full is a recorder of a whole day, made row by row rather than second by second.
func full(workers int) *Recorder {
	r := New(nil, true)
	now := time.Unix(1800000000, 0)
	for i := range r.tiers {
		t := &r.tiers[i]
		for n := range t.most {
			at := now.Add(-time.Duration(t.most-n-1) * t.step)
			reading := &row{end: at.UnixMilli(), seconds: float32(t.step.Seconds()), ready: int32(workers), total: 1 << 30, container: 1 << 30, limit: 1 << 31}
			for slot := range workers {
				reading.workers = append(reading.workers, cell{slot: uint16(slot), id: uint32(n / 10), private: uint32(n) << 10, shared: 12345, rss: uint32(n)<<10 + 23456})
			}
			r.counters.answered(&front.Answer{Duration: time.Duration(n) * time.Microsecond})
			counted := &counts{}
			r.counters.copy(counted)
			t.add(reading, counted, true, true)
		}
	}
	return r
}

// What a day takes in memory is bounded, and little.
func TestMemory(t *testing.T) {
	for workers, most := range map[int]uint64{8: 1 << 20, 100: 10 << 20} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := full(workers)
		runtime.GC()
		runtime.ReadMemStats(&after)
		took := after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
		t.Logf("a day of %d workers takes %d KiB", workers, took>>10)
		if took > most {
			t.Errorf("a day of %d workers takes %d bytes, want at most %d", workers, took, most)
		}
		if n := len(r.Since(time.Time{}, 0).rows); n < 2800 || n > 2900 {
			t.Errorf("%d points", n)
		}
	}
}

func BenchmarkHistory(b *testing.B) {
	for _, workers := range []int{8, 100} {
		r := full(workers)
		for name, write := range map[string]func(*Excerpt, io.Writer) error{"json": (*Excerpt).WriteJSON, "csv": (*Excerpt).WriteCSV} {
			b.Run(strconv.Itoa(workers)+" workers/"+name, func(b *testing.B) {
				var size counter
				for b.Loop() {
					size = 0
					if err := write(r.Since(time.Time{}, 0), &size); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(size)/1e6, "MB")
			})
		}
	}
}

// counter counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func BenchmarkReading(b *testing.B) {
	r := full(100)
	at := time.Unix(1900000000, 0)
	cells := r.tiers[0].rows[0].workers
	for b.Loop() {
		at = at.Add(time.Second)
		r.record(&row{workers: cells}, at, time.Second, time.Second)
	}
}
