package integration

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

const mib = 1 << 20

// at is when an event happened.
func (e event) at(t *testing.T) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, e.str("@timestamp"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// memoryOf is what a process and all its descendants have resident or in swap
// that is no file's, as the kernel says and not as rota does; 0 if it has ended.
func memoryOf(pid int) (bytes int64) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		if !slices.Contains([]string{"RssAnon", "RssShmem", "VmSwap"}, name) {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err == nil {
			bytes += kb << 10
		}
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range threads {
		children, _ := os.ReadFile(path)
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				bytes += memoryOf(n)
			}
		}
	}
	return bytes
}

// crossings notes when each worker is first seen over a limit, until ctx ends.
// The workers are known from the pool's log, what they use from the kernel.
func crossings(ctx context.Context, p *pool, limit int64) map[int]time.Time {
	over := map[int]time.Time{}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return over
		case <-look.C:
		}
		for _, e := range p.history() {
			pid := e.num("pid")
			if _, known := over[pid]; known || !e.is("worker ready") {
				continue
			}
			if memoryOf(pid) > limit {
				over[pid] = time.Now()
			}
		}
	}
}

// TestMemory has workers that leak a MiB with each request, under a limit. Each
// is replaced before it is over, or soon after, and nobody notices.
func TestMemory(t *testing.T) {
	t.Parallel()
	const (
		limit  = 64 * mib
		soon   = 5 * time.Second
		cycles = 6
	)
	reason := regexp.MustCompile(`^private memory of [0-9.]+MiB (was over 64MiB in [0-9]+ samples in a row|is over 64MiB by more than a fifth)$`)
	foreseen := regexp.MustCompile(`^private memory of [0-9.]+MiB grows by [0-9.]+MiB/s and would be over 64MiB in [0-9]`)
	for name, command := range map[string][]string{
		"one process": {leaky},
		"a tree":      {"sh", "-c", leaky + "; true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			p := start(t, slices.Concat([]string{"-w", "2", "--max-memory", "64MiB", "--"}, command), withEnv(fmt.Sprintf("PORT=%d", port), "LEAK_KIB=1024"))
			p.awaitKind("pool ready", 1)

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var l *load.Seen
			var over map[int]time.Time
			var running sync.WaitGroup
			// Held for a fifth of a second, 8 clients leak 40 MiB a second at most.
			running.Go(func() { l = load.Drive(ctx, fmt.Sprintf("127.0.0.1:%d", port), "/?hold=0.2", 8) })
			running.Go(func() { over = crossings(ctx, p, limit) })
			cycle := func(e event) bool { return e.is("cycle began") && e.str("trigger") == "memory" }
			p.await("cycles for memory", cycles, cycle)
			p.await("cycles that are done", cycles, func(e event) bool { return e.is("cycle done") && e.str("trigger") == "memory" })
			ended := time.Now()
			cancel()
			running.Wait()
			t.Log(l)
			if l.Losses() > 0 {
				t.Errorf("requests lost: %v", l)
			}
			cycled, early := map[int]bool{}, 0
			var slowest time.Duration
			for _, e := range p.history() {
				pid := e.num("pid")
				if cycle(e) {
					cycled[pid] = true
					if foreseen.MatchString(e.str("reason")) {
						early++
						continue
					}
					crossed, ok := over[pid]
					if !ok {
						t.Errorf("worker %d was cycled for memory but never seen over the limit: %v", pid, e)
						continue
					}
					if !reason.MatchString(e.str("reason")) {
						t.Errorf("reason %q, want %s, or %s", e.str("reason"), reason, foreseen)
					}
					took := e.at(t).Sub(crossed)
					if slowest = max(slowest, took); took > soon {
						t.Errorf("worker %d was cycled %s after it crossed the limit, want %s at most", pid, took, soon)
					}
				}
			}
			for pid, crossed := range over {
				// One that crossed it just before the load ended may have had no time.
				if !cycled[pid] && ended.Sub(crossed) > soon {
					t.Errorf("worker %d crossed the limit %s before the load ended and was not cycled", pid, ended.Sub(crossed))
				}
			}
			t.Logf("%d workers were cycled before they crossed the limit, %d crossed it; the slowest cycle began %s later", early, len(over), slowest)
			if early == 0 {
				t.Error("no worker was cycled before it crossed the limit")
			}
			proveEnd(t, p, 2)
		})
	}
}

// scrape reads the pool's metrics, each with its labels as its name.
func scrape(t testing.TB, p *pool) map[string]float64 {
	t.Helper()
	response, err := http.Get(p.adminURL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	values := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil {
			values[name] = v
		}
	}
	return values
}

// awaitSamples waits until the metrics show n further looks at the workers, and
// returns the last. Each look takes another time, to the nanosecond.
func awaitSamples(t testing.TB, p *pool, n int, each func(map[string]float64)) {
	t.Helper()
	last := math.NaN()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	deadline := time.After(patience)
	for n >= 0 {
		values := scrape(t, p)
		if took := values["rota_sample_duration_seconds"]; took != 0 && took != last {
			last = took
			n--
			each(values)
		}
		select {
		case <-every.C:
		case <-deadline:
			t.Fatalf("waited in vain for %d samples more", n)
		}
	}
}

// TestPreforked has a parent with a heap that its children share. Added up, the
// resident memory is over the limit; what the tree really costs is not.
func TestPreforked(t *testing.T) {
	t.Parallel()
	const limit = 150 * mib
	run := func(t *testing.T, metric string) *pool {
		python(t, "flask", "python3-flask")
		p := start(t, []string{"-w", "1", "--max-memory", "150MiB", "--memory-metric", metric, "--min-uptime", "0s", "--sample-interval", "200ms", "--",
			server(t, "/usr/bin/gunicorn", "gunicorn"), "--preload", "--workers", "2", "--bind", fmt.Sprintf("127.0.0.1:%d", freePort(t)),
			"--chdir", serversDir(t, "python"), "app:app"}, quiet(t), withEnv("BALLAST_MIB=50"))
		p.awaitKind("pool ready", 1)
		return p
	}
	cycle := func(e event) bool { return e.is("cycle began") && e.str("trigger") == "memory" }

	t.Run("private", func(t *testing.T) {
		t.Parallel()
		p := run(t, "private")
		over := 0
		awaitSamples(t, p, 30, func(values map[string]float64) {
			if values[`rota_worker_memory_rss_bytes{slot="0"}`] > limit {
				over++
			}
		})
		values := scrape(t, p)
		rss, private := values[`rota_worker_memory_rss_bytes{slot="0"}`], values[`rota_worker_memory_private_bytes{slot="0"}`]
		t.Logf("RSS %.1f MiB, private %.1f MiB, over the limit by RSS in %d samples", rss/mib, private/mib, over)
		if over < 5 {
			t.Errorf("over the limit by RSS in %d samples: that proves nothing", over)
		}
		if private <= 50*mib || private >= limit {
			t.Errorf("private memory of %.1f MiB, want more than the heap and less than the limit", private/mib)
		}
		p.signal(syscall.SIGTERM)
		p.wait()
		for _, e := range p.history() {
			if cycle(e) {
				t.Errorf("cycled for memory that is shared: %v", e)
			}
		}
	})

	// The same, judged by what it is not: here the limit is passed.
	t.Run("rss", func(t *testing.T) {
		t.Parallel()
		run(t, "rss").await("a cycle for resident memory", 1, cycle)
	})
}

// TestAge replaces workers by age. They start together but must not fall due
// together.
func TestAge(t *testing.T) {
	t.Parallel()
	const apart = 300 * time.Millisecond
	port := freePort(t)
	p := start(t, []string{"-w", "3", "--restart-interval", "3s", "--", leaky}, withEnv(fmt.Sprintf("PORT=%d", port), "LEAK_KIB=0"))
	p.awaitKind("pool ready", 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results := make(chan *load.Seen, 1)
	go func() { results <- load.Drive(ctx, fmt.Sprintf("127.0.0.1:%d", port), "/?hold=0.02", 8) }()
	age := func(e event) bool { return e.is("cycle began") && e.str("trigger") == "age" }
	p.await("cycles by age", 9, age)
	cancel()
	l := <-results
	t.Log(l)
	if l.Losses() > 0 {
		t.Errorf("requests lost: %v", l)
	}

	first := map[int]time.Time{} // by slot
	var all []time.Time
	for _, e := range p.history() {
		if age(e) {
			all = append(all, e.at(t))
			if _, known := first[e.num("slot")]; !known {
				first[e.num("slot")] = e.at(t)
			}
		}
	}
	if len(first) != 3 {
		t.Fatalf("slots %v were cycled, want 3 of them", first)
	}
	for i := range all[1:] {
		if gap := all[i+1].Sub(all[i]); gap < apart {
			t.Errorf("cycles %d and %d began %s apart, want %s at least", i+1, i+2, gap, apart)
		} else {
			t.Logf("cycles %d and %d began %s apart", i+1, i+2, gap.Round(time.Millisecond))
		}
	}
	proveEnd(t, p, 3)
}
