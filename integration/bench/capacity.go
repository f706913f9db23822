package main

import (
	"context"
	"fmt"
	"time"

	"rota/integration/load"
)

// The pools whose capacity is known: each worker holds so many requests at once,
// each for so long. It sleeps meanwhile, so that the capacity is a matter of these
// numbers, and not of the cores that all contenders share.
const (
	heldWorkers = 2
	heldAtOnce  = 8
	heldFor     = 500 * time.Millisecond
	heldPath    = "/?hold=0.5"
	// heldRate is the capacity, in requests a second.
	heldRate = heldWorkers * heldAtOnce / 0.5
)

const (
	capacityBoot = 3 * time.Second
	// capacityApart is between the rolls of two contenders, so that what they compute
	// as they start does not come at one time.
	capacityApart = 200 * time.Millisecond
	// capacityAfter is for how long a roll's load goes on after it, to see what waits.
	capacityAfter = time.Second
	// capacityMost is the longest that a roll may take.
	capacityMost = 40 * time.Second
)

var capacityShares = []int{30, 85} // percent

var capacityQuestion = question{"capacity", "Capacity while everything is replaced", askCapacity}

func capacityEntries() []*entry {
	w := want{workers: heldWorkers, atOnce: heldAtOnce, boot: capacityBoot, app: "hello", env: drains}
	var entries []*entry
	for _, accept := range []string{"front", "shared", "steered"} {
		entries = append(entries, &entry{contender: rota(accept), want: w})
	}
	w.app = ""
	return append(entries, rollingPeers(w)...)
}

func askCapacity(b *bench) (*answer, error) {
	const rest = 8 * time.Second // about as long as a roll: the longer, the more comes together
	var every []*entry
	var missing []string
	shares := map[*entry]int{} // the index of an entry's share
	tables := make([]*sheet, len(capacityShares))
	for i := range tables {
		var entries []*entry
		entries, missing = b.installed(capacityEntries())
		tables[i] = newSheet("", column{"p99 at rest, ms", 0}, column{"p99 during the roll, ms", 0}, column{"ratio", 2},
			column{"lost", 0}, column{"roll took s", 1})
		for _, e := range entries {
			tables[i].row(e.name())
			shares[e] = i
		}
		every = append(every, entries...)
	}
	var busyness []float64
	err := b.all(every, 0, func(running []*entry) error {
		for round := range b.rounds {
			b.say("round %d of %d", round+1, b.rounds)
			meanwhile := busy()
			b.rollAll(running, rest, func(e *entry) (float64, *sheet) {
				i := shares[e]
				return float64(capacityShares[i]) / 100 * heldRate, tables[i]
			})
			busyness = append(busyness, meanwhile())
			if b.ctx.Err() != nil {
				return b.ctx.Err()
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a := &answer{missing: missing, how: fmt.Sprintf("%d workers that need %v to start and hold %d requests at once, each for %v: %d requests a second are their capacity. "+
		"They come evenly, whoever waits, half of them on new connections and half on kept ones: for %v at rest, then from the beginning of a roll until %v after it is done. "+
		"All rows of both tables at the same time, %d times; the ratio is that of each time. The cores were busy for %s %% of the time.", heldWorkers, capacityBoot, heldAtOnce, heldFor, int(heldRate), rest, capacityAfter, b.rounds, figure(busyness, 0))}
	for i, share := range capacityShares {
		t := tables[i].table()
		t.title = fmt.Sprintf("At %d %% of the capacity", share)
		a.tables = append(a.tables, t)
	}
	return a, nil
}

// rollAll loads all entries, each at its own rate, at rest and while it replaces its
// workers.
func (b *bench) rollAll(entries []*entry, rest time.Duration, of func(*entry) (rate float64, s *sheet)) {
	turn := map[*entry]int{}
	for i, e := range entries {
		turn[e] = i
	}
	_ = together(entries, func(e *entry) error {
		rate, s := of(e)
		// All rest at the same time; then their rolls begin one after another.
		ctx, cancel := context.WithTimeout(b.ctx, rest)
		defer cancel()
		resting := e.arrive(ctx, heldPath, rate)
		if err := b.pause(time.Duration(turn[e]) * capacityApart); err != nil {
			return err
		}
		rolling, took, err := b.rollUnder(e, rate)
		b.say("%s: at rest %v; roll of %.1f s %v %v", e.name(), resting, took.Seconds(), rolling, err)
		before, during := resting.Quantile(200, 0.99), rolling.Quantile(200, 0.99)
		if before > 0 && during > 0 {
			s.put(e.name(), "p99 at rest, ms", ms(before))
			s.put(e.name(), "p99 during the roll, ms", ms(during))
			s.put(e.name(), "ratio", during.Seconds()/before.Seconds())
		}
		s.put(e.name(), "lost", float64(lost(resting)+lost(rolling)))
		if err == nil {
			s.put(e.name(), "roll took s", took.Seconds())
		}
		return err
	})
}

// rollUnder loads one entry while it replaces its workers.
func (b *bench) rollUnder(e *entry, rate float64) (*load.Arrivals, time.Duration, error) {
	ctx, cancel := context.WithTimeout(b.ctx, capacityMost)
	defer cancel()
	result := make(chan *load.Arrivals, 1)
	go func() { result <- e.arrive(ctx, heldPath, rate) }()
	began := time.Now()
	err := e.pool.roll(ctx)
	took := time.Since(began)
	_ = b.pause(capacityAfter)
	cancel()
	return <-result, took, err
}
