package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"rota/integration/load"
)

// Overload: twice of what the pools of capacity.go can answer, then a quarter of it.
const (
	overloadQueue = 8 // requests that may wait, where that is bounded
	overloadWait  = 500 * time.Millisecond
	// overloadPatience is how long a client waits: later answers are of no use.
	overloadPatience = 2 * time.Second
	// overloadLook is a step of the time after the overload: it is well again from
	// the first on in which, and in all later ones, everything is answered in the
	// time of a request and a half.
	overloadLook = 500 * time.Millisecond
)

var overloadQuestion = question{"overload", "Twice the capacity", askOverload}

func overloadEntries() []*entry {
	w := want{workers: heldWorkers, atOnce: heldAtOnce, app: "hello"}
	fast := rota("front", "--max-concurrency", strconv.Itoa(heldAtOnce), "--queue", strconv.Itoa(overloadQueue), "--queue-timeout", overloadWait.String())
	entries := []*entry{
		{contender: fast, want: w, row: "rota front, fail fast"},
		{contender: rota("front"), want: w, row: "rota front, as it comes"},
		{contender: rota("shared"), want: w, row: "rota shared"},
	}
	return append(entries, overloadPeers(w)...)
}

func askOverload(b *bench) (*answer, error) {
	const span, after = 5 * time.Second, 8 * time.Second
	entries, missing := b.installed(overloadEntries())
	s := newSheet("", column{"good a second", 1}, column{"of capacity", 2}, column{"p50 ms", 0}, column{"p99 ms", 0},
		column{"refused", 0}, column{"p99 of refusal, ms", 0}, column{"late", 0}, column{"lost", 0}, column{"well again after s", 1})
	for _, e := range entries {
		s.row(e.name())
	}
	err := b.all(entries, 0, func(running []*entry) error {
		for range b.rounds {
			_ = together(running, func(e *entry) error {
				a, well := b.overload(e, span, after)
				b.say("%s: %v, well again after %v", e.name(), a, well)
				noteOverload(s, e.name(), a)
				if well >= 0 {
					s.put(e.name(), "well again after s", well.Seconds())
				}
				return nil
			})
			if b.ctx.Err() != nil {
				return b.ctx.Err()
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	how := fmt.Sprintf("%d workers that hold %d requests at once, each for %v, so that %d a second are their capacity, get twice of that for %v, then a quarter of it for %v. "+
		"Good is an answer with 200 within %v, late what comes after, refused a 503. Who fails fast has %d at once for each worker, lets %d wait in all, and none for longer than %v. "+
		"All rows at the same time, %d times. It is well again when everything is answered within %v, and stays so.",
		heldWorkers, heldAtOnce, heldFor, int(heldRate), span, after, overloadPatience, heldAtOnce, overloadQueue, overloadWait, b.rounds, heldFor*3/2)
	return &answer{how: how, tables: []table{s.table()}, missing: missing}, nil
}

func noteOverload(s *sheet, row string, a *load.Arrivals) {
	var good []time.Duration
	for _, took := range a.Took[200] {
		if took <= overloadPatience {
			good = append(good, took)
		}
	}
	slices.Sort(good)
	at := func(q float64) float64 { return ms(good[int(q*float64(len(good)-1))]) }
	rate := float64(len(good)) / a.Span.Seconds()
	s.put(row, "good a second", rate)
	s.put(row, "of capacity", rate/heldRate)
	if len(good) > 0 {
		s.put(row, "p50 ms", at(0.5))
		s.put(row, "p99 ms", at(0.99))
	}
	s.put(row, "refused", float64(a.Count(503)))
	if a.Count(503) > 0 {
		s.put(row, "p99 of refusal, ms", ms(a.Quantile(503, 0.99)))
	}
	s.put(row, "late", float64(a.Count(200)-len(good)))
	s.put(row, "lost", float64(lost(a)-a.Count(503)))
}

// overload sends one entry too much, and then goes on with a quarter of its capacity to
// see for how long it suffers; less than 0 if it does until the end.
func (b *bench) overload(e *entry, span, after time.Duration) (*load.Arrivals, time.Duration) {
	result := make(chan *load.Arrivals, 1)
	ctx, cancel := context.WithTimeout(b.ctx, span)
	defer cancel()
	go func() { result <- e.arrive(ctx, heldPath, 2*heldRate) }()
	<-ctx.Done()
	looks := make([]*load.Arrivals, after/overloadLook)
	var looking sync.WaitGroup
	for i := range looks {
		ctx, cancel := context.WithTimeout(b.ctx, overloadLook)
		looking.Go(func() { looks[i] = e.arrive(ctx, heldPath, heldRate/4) })
		<-ctx.Done()
		cancel()
	}
	looking.Wait()
	well := len(looks)
	for well > 0 && lost(looks[well-1]) == 0 && looks[well-1].Quantile(200, 1) <= heldFor*3/2 {
		well--
	}
	if well == len(looks) {
		return <-result, -1
	}
	return <-result, time.Duration(well) * overloadLook
}
