package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-units"

	"rota/policy"
	"rota/supervisor"
)

// barWidth is the number of cells of a worker's memory bar; its end is the limit.
const barWidth = 24

// screen shows a pool: a table that is drawn over and over on a terminal, a
// line a second elsewhere.
type screen struct {
	out      io.Writer
	terminal bool
	limit    int64
	drawn    int // lines to go back over

	mu     sync.Mutex
	cycles map[policy.Trigger]int
	last   string // what happened last

	began time.Time
	fresh int64 // private memory of one worker before any request; bytes
	peak  int64 // of all workers together
}

func newScreen(out io.Writer, terminal bool) *screen {
	size, _ := ParseSize(demoLimit)
	return &screen{out: out, terminal: terminal, limit: size.Bytes, cycles: map[policy.Trigger]int{}}
}

// observe notes an event; it is called from the supervisor's loop.
func (s *screen) observe(e supervisor.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.Kind {
	case supervisor.CycleDone:
		s.cycles[e.Trigger]++
	case supervisor.CycleBegan:
		s.last = fmt.Sprintf("slot %d is cycled: %s", e.Slot, e.Reason)
	case supervisor.WorkerCrashed, supervisor.StartFailed, supervisor.CycleFailed, supervisor.PoolGivenUp, supervisor.Warning:
		s.last = fmt.Sprintf("%s: %s", e.Kind, e.Message)
	}
}

// ended says why the pool did, before its time.
func (s *screen) ended(code int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &ExitError{supervisor.ExitFailed, fmt.Errorf("the demo's pool has ended with exit code %d: %s", code, s.last)}
}

func (s *screen) open(admin string, d *demo) {
	s.began = time.Now()
	fmt.Fprintf(s.out, "A server that leaks %s a request, %d requests a second, for %s.\n",
		units.BytesSize(demoLeak), d.rate, d.duration)
	fmt.Fprintf(s.out, "What runs is: rota -w %d --max-memory %s -- ./leaky-server\n", demoWorkers, demoLimit)
	fmt.Fprintf(s.out, "Metrics: http://%s/metrics\n\n", admin)
}

// watch shows the pool once a second until ctx ends.
func (s *screen) watch(ctx context.Context, sup *supervisor.Supervisor, load *demoLoad) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		s.show(sup.Status(), load)
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

func (s *screen) show(st *supervisor.Status, load *demoLoad) {
	workers := slices.SortedFunc(slices.Values(st.Workers), func(a, b supervisor.WorkerStatus) int {
		if a.Slot != b.Slot {
			return a.Slot - b.Slot
		}
		return int(a.ID) - int(b.ID)
	})
	var sum int64
	for _, w := range workers {
		sum += w.Private
		if w.Sampled && (s.fresh == 0 || w.Private < s.fresh) {
			s.fresh = w.Private
		}
	}
	s.peak = max(s.peak, sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terminal {
		s.table(workers, load)
	} else {
		s.line(workers, load)
	}
}

func (s *screen) table(workers []supervisor.WorkerStatus, load *demoLoad) {
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	lines := 0
	put := func(format string, args ...any) {
		fmt.Fprintf(&b, format+"\x1b[K\n", args...)
		lines++
	}
	for _, w := range workers {
		put("slot %d  %-8s  %s  %9s of %s", w.Slot, w.State, bar(w.Private, s.limit), units.BytesSize(float64(w.Private)), demoLimit)
	}
	for range demoWorkers + 1 - len(workers) {
		put("")
	}
	put("%3.0fs  %s", time.Since(s.began).Seconds(), s.totals(load))
	put("%s", s.last)
	fmt.Fprint(s.out, b.String())
	s.drawn = lines
}

func (s *screen) line(workers []supervisor.WorkerStatus, load *demoLoad) {
	fmt.Fprintf(s.out, "%3.0fs ", time.Since(s.began).Seconds())
	for _, w := range workers {
		fmt.Fprintf(s.out, " %d:%-8s %s %-8s", w.Slot, w.State, spark(w.Private, s.limit), units.BytesSize(float64(w.Private)))
	}
	fmt.Fprintf(s.out, "  %s\n", s.totals(load))
}

func (s *screen) totals(load *demoLoad) string {
	n := 0
	for _, k := range s.cycles {
		n += k
	}
	return fmt.Sprintf("cycles %d  requests %d  failed %d", n, load.sent.Load(), load.failed.Load())
}

// summary says what came out, once the pool has ended.
func (s *screen) summary(load *demoLoad) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "\nrequests  %d, failed %d; answered within %s (median), %s (99 %%)\n", load.sent.Load(), load.failed.Load(),
		load.percentile(.5).Round(100*time.Microsecond), load.percentile(.99).Round(100*time.Microsecond))
	if load.lastError != "" {
		fmt.Fprintf(s.out, "          last failure: %s\n", load.lastError)
	}
	fmt.Fprint(s.out, "cycles   ")
	if len(s.cycles) == 0 {
		fmt.Fprint(s.out, " none")
	}
	for _, t := range slices.Sorted(maps.Keys(s.cycles)) {
		fmt.Fprintf(s.out, " %s %d", t, s.cycles[t])
	}
	projected := demoWorkers*s.fresh + load.sent.Load()*demoLeak
	fmt.Fprintf(s.out, "\nmemory    %s at its peak, all workers together; without cycling it would be %s now, and rising\n",
		units.BytesSize(float64(s.peak)), units.BytesSize(float64(projected)))
}

// eighths are the cells of a bar, from empty to full.
var eighths = []rune(" ▏▎▍▌▋▊▉█")

// bar is n of limit as a bar that is exact to an eighth of a cell.
func bar(n, limit int64) string {
	filled := min(int(n*barWidth*8/limit), barWidth*8)
	cells := strings.Repeat(string(eighths[8]), filled/8)
	if rest := filled % 8; rest > 0 {
		cells += string(eighths[rest])
	}
	return "▕" + cells + strings.Repeat(" ", barWidth-len([]rune(cells))) + "▏"
}

// levels are the heights of a one-cell bar.
var levels = []rune("▁▂▃▄▅▆▇█")

func spark(n, limit int64) string {
	i := min(int(n*int64(len(levels))/limit), len(levels)-1)
	return string(levels[i])
}
