package main

import (
	"context"
	"fmt"
	"time"
)

// bigRoll is the time to replace many workers that start slowly.
func (b *bench) bigRoll() ([]table, []string, error) {
	const workers, boot = 48, time.Second
	w := want{workers: workers, atOnce: 1, boot: boot, app: "hello"}
	w.flags = []string{"--max-surge", "4"}
	all := []*entry{{contender: rota("front"), want: w, row: "rota front, --max-surge 4"}, {contender: rota("steered"), want: w, row: "rota steered, --max-surge 4"}}
	w.flags = nil
	w.app = ""
	entries, missing := b.installed(append(all, bigRollPeers(w)...))
	s := newSheet("", column{"s", 1})
	err := b.all(entries, 0, func(running []*entry) error {
		for round := range b.rounds {
			for _, e := range running {
				b.say("round %d of %d: %s", round+1, b.rounds, e.name())
				took, err := b.rollOnce(e)
				if err != nil {
					return fmt.Errorf("%s: %w", e.name(), err)
				}
				s.put(e.name(), "s", took.Seconds())
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	t := s.table()
	t.title = fmt.Sprintf("To replace %d workers", workers)
	t.how = fmt.Sprintf("Each needs %v to start. %d times, one row after another.", boot, b.rounds)
	return []table{t}, missing, nil
}

func (b *bench) rollOnce(e *entry) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	began := time.Now()
	err := e.pool.roll(ctx)
	return time.Since(began), err
}
