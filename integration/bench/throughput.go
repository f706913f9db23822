package main

import (
	"fmt"
	"slices"
	"time"

	"rota/integration/load"
)

// throughputClients ask at once, one request after another each.
const throughputClients = 32

// throughputs are the servers before which something may be in the way.
var throughputs = []struct {
	title string
	env   []string
}{
	{"Throughput, a handler that does nothing", nil},
	{"Throughput, a handler that takes 5 ms", []string{"DELAY=5ms"}},
}

// throughputEntries are in an order in which those to be compared closely are neighbours.
func throughputEntries(env []string) []*entry {
	w := want{workers: 2, app: "hello", env: env}
	entries := append([]*entry{{contender: rota("front"), want: w}}, proxyPeers(w)...)
	return append(entries,
		&entry{contender: rota("shared"), want: w, stays: true}, &entry{contender: bare(), want: w, stays: true}, &entry{contender: rota("steered"), want: w, stays: true})
}

func (b *bench) throughput() (tables []table, missing []string, err error) {
	pairs, span := 16, 400*time.Millisecond
	if b.quick {
		pairs, span = 3, 200*time.Millisecond
	}
	for _, kind := range throughputs {
		var entries []*entry
		entries, missing = b.installed(throughputEntries(kind.env))
		s := newSheet("", column{"kept/s", 0}, column{"kept, of bare", 2}, column{"kept, CPU µs", 0},
			column{"new/s", 0}, column{"new, of bare", 2}, column{"new, CPU µs", 0})
		for _, e := range entries {
			s.row(e.name())
		}
		err := b.all(entries, 0, func(order []*entry) error {
			for range pairs {
				slices.Reverse(order)
				for _, connections := range []string{"kept", "new"} {
					if err := turns(order, connections, span, s); err != nil {
						return err
					}
				}
				if b.ctx.Err() != nil {
					return b.ctx.Err()
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		t := s.table()
		t.title = kind.title
		tables = append(tables, t)
	}
	tables[0].how = fmt.Sprintf("2 workers and %d clients, on the same cores. Turns of %v for each row and each kind of connection, %d of each, in alternating order; \"of bare\" is the ratio within a pass through all rows. "+
		"Kept connections are made anew for each turn, and where a connection stays with its worker each worker gets as many of them: else it would be compared how evenly the kernel happens to spread them. "+
		"CPU is what workers and whatever is before them take for a request, without the clients.", throughputClients, span, pairs)
	return tables, missing, nil
}

// turns loads one after another.
func turns(entries []*entry, connections string, span time.Duration, s *sheet) error {
	rates := map[string]float64{}
	for _, e := range entries {
		rate, cpu, err := turn(e, connections == "kept", span)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name(), err)
		}
		rates[e.name()] = rate
		s.put(e.name(), connections+"/s", rate)
		s.put(e.name(), connections+", CPU µs", cpu)
	}
	for _, e := range entries {
		if e.name() != "bare" && rates["bare"] > 0 {
			s.put(e.name(), connections+", of bare", rates[e.name()]/rates["bare"])
		}
	}
	return nil
}

// turn loads one, and returns its requests a second and the microseconds of
// processor time that each took.
func turn(e *entry, keep bool, span time.Duration) (rate, cpu float64, err error) {
	pids := slices.Concat(e.pool.supervisors(), e.pool.workers())
	if !keep {
		before := cpuOf(pids)
		h, err := load.Hammer(e.pool.addr, throughputClients, span, false)
		return h.PerSecond, float64((cpuOf(pids) - before).Microseconds()) / (h.PerSecond * span.Seconds()), err
	}
	workers := 0
	if e.stays {
		workers = len(e.pool.workers())
	}
	h, err := newHerd(e.pool.addr, throughputClients, workers)
	if err != nil {
		return 0, 0, err
	}
	defer h.close()
	before := cpuOf(pids)
	answers, err := h.run(span)
	return float64(answers) / span.Seconds(), float64((cpuOf(pids) - before).Microseconds()) / float64(answers), err
}
