package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"rota/integration/cgroup"
	"rota/integration/load"
)

// entry is a contender as it takes part in one question.
type entry struct {
	contender
	want
	row     string // its name in the table; that of the contender if empty
	stays   bool   // a connection stays with the worker that has accepted it
	control *entry // what it is compared with, which has its turn with it; nil if there is none

	pool  *pool
	group *cgroup.Group // made for it; nil if it runs in the bench's own
}

func (e *entry) name() string {
	if e.row != "" {
		return e.row
	}
	return e.contender.name
}

// installed are the entries that were asked for and whose programs are installed,
// and what is said of the others.
func (b *bench) installed(all []*entry) (here []*entry, missing []string) {
	for _, e := range all {
		if !b.rows.MatchString(e.name()) {
			continue
		}
		if e.missing != nil {
			if why := e.missing(b); why != "" {
				missing = append(missing, e.name()+": "+why)
				continue
			}
		}
		b.uses(e.contender)
		here = append(here, e)
	}
	return here, missing
}

// starts starts a pool of an entry, in a control group of so many MiB unless that is 0.
func (e *entry) starts(b *bench, limit int64) (err error) {
	if limit > 0 {
		if e.group, err = cgroup.New(limit << 20); err != nil {
			return err
		}
		e.want.group = e.group
	}
	if e.pool, err = e.contender.start(b, e.want); err != nil {
		err = fmt.Errorf("%s: %w", e.name(), err)
		return errors.Join(err, e.ends())
	}
	return nil
}

// ends ends the pool, and removes its group with what is left in it.
func (e *entry) ends() error {
	if e.pool != nil {
		e.pool.stop()
		e.pool = nil
	}
	if e.group == nil {
		return nil
	}
	group := e.group
	e.group, e.want.group = nil, nil
	return group.Remove()
}

// together does something for all entries at the same time.
func together(entries []*entry, do func(*entry) error) error {
	var running sync.WaitGroup
	errs := make([]error, len(entries))
	for i, e := range entries {
		running.Go(func() { errs[i] = do(e) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// gather has what is done for all entries at the same time.
func gather[T any](entries []*entry, do func(*entry) T) map[*entry]T {
	var mu sync.Mutex
	all := map[*entry]T{}
	_ = together(entries, func(e *entry) error {
		v := do(e)
		mu.Lock()
		defer mu.Unlock()
		all[e] = v
		return nil
	})
	return all
}

// all starts pools of all entries, does something with those that run while all of
// them do, and ends them. One that does not start is told of below the table.
func (b *bench) all(entries []*entry, limit int64, do func(running []*entry) error) error {
	failed := gather(entries, func(e *entry) error { return e.starts(b, limit) })
	var running []*entry
	for _, e := range entries {
		if failed[e] == nil {
			running = append(running, e)
			continue
		}
		b.say("%v", failed[e])
		if why := e.name() + ": did not start"; !slices.Contains(b.unstarted, why) {
			b.unstarted = append(b.unstarted, why)
		}
	}
	err := b.ctx.Err()
	if err == nil && len(running) > 0 {
		err = do(running)
	}
	return errors.Join(err, together(running, (*entry).ends))
}

// clientPatience is how long a client waits for an answer: what is not answered by
// then is lost.
const clientPatience = 20 * time.Second

// arrive loads a pool that runs until ctx ends, so many requests a second.
func (e *entry) arrive(ctx context.Context, path string, perSecond float64) *load.Arrivals {
	return load.ArriveWithin(ctx, clientPatience, e.pool.addr, path, perSecond)
}

// lost is how many requests were not answered by a worker as they should.
func lost(a *load.Arrivals) (n int) {
	for _, times := range a.Lost {
		n += times
	}
	for status, took := range a.Took {
		if status != 200 {
			n += len(took)
		}
	}
	return n
}

// ms is a time as tables have it.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// pause waits, unless the bench is to end.
func (b *bench) pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}
