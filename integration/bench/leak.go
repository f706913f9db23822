package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rota/integration/load"
)

// The leak: a container of so many MiB, which so many requests a second fill at
// 1 MiB each, each of them held for so long.
const (
	leakRoom    = 512
	leakRate    = 50
	leakHold    = "0.3"
	leakWorkers = 2
	// leakAtOnce is what a worker can hold at once: enough for one to carry the 15
	// requests that are under way while the other is away.
	leakAtOnce = 16
	// leakLimit is the memory, in MiB, at which those replace a worker that need to be
	// told: two workers, a third as it starts and what is between two looks fit in the
	// container.
	leakLimit = 150
)

// drains has the Go application finish what it has begun when it is told to stop.
// The front does well without; shared and steered leave it to the server.
var drains = []string{"DRAIN=1"}

var leakQuestion = question{"leak", "A leak in a container", askLeak}

// leakEntries are in the order of their rows. Those with a control have their turn
// together, and the others theirs: all at once were more than two cores can do.
func leakEntries() []*entry {
	hello := want{workers: leakWorkers, atOnce: leakAtOnce, app: "hello", env: drains}
	slow, python, limited := hello, hello, hello
	slow.boot = 3 * time.Second
	python.app = "gunicorn gthread"
	limited.app, limited.limit = "", leakLimit
	unlimited := []string{"--max-total-memory", "off", "--min-uptime", "0s"}
	// A server that does not leak is never replaced: one control is enough for each.
	calm := &entry{contender: rota("front"), want: hello, row: "Go without a leak"}
	calmPython := &entry{contender: rotaServing("front", python.app), want: python, row: "gunicorn without a leak"}
	return append([]*entry{
		{contender: rota("front"), want: hello, control: calm},
		{contender: rota("shared"), want: hello, control: calm},
		{contender: rota("steered"), want: hello, control: calm},
		{contender: rota("front"), want: slow, row: "rota front, boot of 3 s", control: calm},
		{contender: rotaServing("front", python.app), want: python, row: "rota front, gunicorn gthread", control: calmPython},
		{contender: rota("front", unlimited...), want: hello, row: "rota front, no limit: only started again"},
	}, leakPeers(limited)...)
}

func askLeak(b *bench) (*answer, error) {
	span := 2 * time.Minute
	if b.quick {
		span = 30 * time.Second
	}
	entries, missing := b.installed(leakEntries())
	var halves [2][]*entry // with a control, and without
	for _, e := range entries {
		if e.control == nil {
			halves[1] = append(halves[1], e)
			continue
		}
		halves[0] = append(halves[0], e)
		if !slices.Contains(halves[0], e.control) {
			halves[0] = append(halves[0], e.control)
		}
	}
	s := leakSheet(entries)
	var busyness [2][]float64
	for turn := range 2 * b.rounds {
		b.say("round %d of %d", turn/2+1, b.rounds)
		half := halves[turn%2]
		err := b.all(half, leakRoom, func(running []*entry) error {
			ctx, cancel := context.WithTimeout(b.ctx, span)
			defer cancel()
			meanwhile := busy()
			results := gather(running, func(e *entry) leakResult {
				path := "/?hold=" + leakHold
				if slices.Contains(entries, e) {
					path += "&leak=1024"
				}
				return leak(ctx, e, path)
			})
			busyness[turn%2] = append(busyness[turn%2], meanwhile())
			for _, e := range running {
				if r, ok := results[e]; ok && slices.Contains(entries, e) {
					b.say("%s: %v", e.name(), r.load)
					r.note(s, e.name(), results[e.control])
				}
			}
			return b.ctx.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	how := fmt.Sprintf("%d requests a second for %v, each held for %s s and leaking 1 MiB, into a container of %d MiB with %d workers that can each hold %d at once: "+
		"full every ten seconds. The rows that are compared with a run without a leak (Go and gunicorn behind rota's front) have their turn at the same time as it, and then the others have theirs, each in a control group of its own, %d times. rota has its defaults; others that need to be told get a limit of %d MiB (or requests) for a worker. "+
		"The Go server of rota's rows finishes what it has when told to stop. Lost is what was not answered with 200 within %v at the first try. "+
		"The cores were busy for %s %% of the time in the first turn, and for %s %% in the second.", leakRate, span, leakHold, leakRoom, leakWorkers, leakAtOnce, b.rounds, leakLimit, clientPatience, figure(busyness[0], 0), figure(busyness[1], 0))
	return &answer{how: how, tables: []table{s.table()}, missing: missing}, nil
}

// leakResult is what became of one container.
type leakResult struct {
	load     *load.Arrivals
	replaced int
	killed   int64
	peak     int64 // bytes
}

// leak loads one container until ctx ends.
func leak(ctx context.Context, e *entry, path string) leakResult {
	replaced := make(chan int, 1)
	go func() { replaced <- e.pool.replacements(ctx) }()
	a := e.arrive(ctx, path, leakRate)
	return leakResult{a, <-replaced, e.group.OOMKills(), e.group.Peak()}
}

func leakSheet(entries []*entry) *sheet {
	s := newSheet("", column{"served", 0}, column{"lost", 0}, column{"p50 ms", 0}, column{"p99 ms", 0}, column{"p99 over that without a leak", 2},
		column{"OOM kills", 0}, column{"peak MiB", 0}, column{"replaced", 0})
	for _, e := range entries {
		s.row(e.name())
	}
	return s
}

// note writes the result of one run, beside that of its control, if there is one.
func (r leakResult) note(s *sheet, row string, control leakResult) {
	s.put(row, "served", float64(r.load.Count(200)))
	s.put(row, "lost", float64(lost(r.load)))
	s.put(row, "p50 ms", ms(r.load.Quantile(200, 0.5)))
	s.put(row, "p99 ms", ms(r.load.Quantile(200, 0.99)))
	if control.load != nil {
		s.put(row, "p99 over that without a leak", r.load.Quantile(200, 0.99).Seconds()/control.load.Quantile(200, 0.99).Seconds())
	}
	s.put(row, "OOM kills", float64(r.killed))
	s.put(row, "peak MiB", float64(r.peak)/(1<<20))
	s.put(row, "replaced", float64(r.replaced))
}

// replacements counts the workers that came beyond the first ones, until ctx ends.
func (p *pool) replacements(ctx context.Context) int {
	first := len(p.workers())
	seen := map[int]bool{}
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	for {
		for _, pid := range p.workers() {
			seen[pid] = true
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return len(seen) - first
		}
	}
}
