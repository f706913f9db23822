package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rota/integration/load"
)

// The load of the question: so many clients of each kind, each with a request that
// is held for so many seconds and a pause, so that each is waiting for an answer for
// a third of the time or more, and the servers have a processor to start with.
const (
	lossClients = 3
	lossEvery   = 30 * time.Millisecond
	lossHold    = "0.01"
	lossWorkers = 2
	// lossAtOnce is what a worker can hold at once, where that can be told: together
	// they can hold a request of every client.
	lossAtOnce = 6
	// lossCalm is between two rolls, and before the first and after the last: what
	// is lost a moment later belongs to the roll as well.
	lossCalm = 200 * time.Millisecond
	// lossTogether is how many contenders have their turn at a time. Together they are
	// to leave the cores idle for half of it.
	lossTogether = 3
)

var lossQuestion = question{"loss", "Requests lost while all workers are replaced", askLoss}

// lossApps are the servers that rota runs here, and how the rows name them.
var lossApps = []struct{ app, name string }{
	{"go", "Go without a handler"},
	{"go shutdown", "Go with Shutdown"},
	{"node", "Node without a handler"},
	{"flask", "Flask's own server"},
	{"gunicorn sync", "gunicorn sync"},
	{"gunicorn gthread", "gunicorn gthread"},
}

// lossEntries are in the order of their rows: one server in all ways to accept, and
// then the next.
func lossEntries(quick bool) []*entry {
	w := want{workers: lossWorkers, atOnce: lossAtOnce}
	var entries []*entry
	for _, a := range lossApps {
		if quick && a.app != "go" && a.app != "node" {
			continue
		}
		for _, accept := range []string{"front", "shared", "steered"} {
			w.app = a.app
			entries = append(entries, &entry{contender: rotaServing(accept, a.app), want: w, row: a.name + ": rota " + accept})
		}
	}
	w.app = ""
	return append(entries, lossPeers(w, quick)...)
}

func askLoss(b *bench) (*answer, error) {
	rolls := 2
	if b.quick {
		rolls = 1
	}
	entries, missing := b.installed(lossEntries(b.quick))
	s := newLossSheet(entries)
	for round := range b.rounds {
		b.say("round %d of %d", round+1, b.rounds)
		for some := range slices.Chunk(entries, lossTogether) {
			results := gather(some, func(e *entry) lossRun {
				r, err := b.lossOf(e, rolls)
				return lossRun{r, err}
			})
			if b.ctx.Err() != nil {
				return nil, b.ctx.Err()
			}
			for _, e := range some {
				r := results[e]
				if r.err != nil {
					// One that cannot take part does not keep the others from it.
					b.say("%v", r.err)
					missing = append(missing, fmt.Sprintf("%s in run %d, which failed", e.name(), round+1))
					continue
				}
				b.say("%-50s %s", e.name(), r)
				s.note(e.name(), r.lossResult)
			}
		}
	}
	how := fmt.Sprintf("All %d workers replaced %s, each time as the program's own documentation has it, under %d clients of each kind that never ask twice. "+
		"Each asks every %d ms, and the server holds the request for %s s. Figures are requests lost in such a run, of how many that were sent, "+
		"the slowest answer, and how long it took to replace all; %s, %d programs at a time.",
		lossWorkers, times(rolls), lossClients, lossEvery.Milliseconds(), lossHold, runs(b.rounds), lossTogether)
	return &answer{how: how, tables: []table{s.table()}, missing: missing}, nil
}

// lossResult is one run.
type lossResult struct {
	tallies map[string]*load.Tally // by kind
	rolls   []time.Duration        // what each roll took
}

// lossRun is a run that may have failed.
type lossRun struct {
	lossResult
	err error
}

// lossOf has a pool replace all workers so many times under load.
func (b *bench) lossOf(e *entry, rolls int) (r lossResult, err error) {
	if err := e.starts(b, 0); err != nil {
		return r, err
	}
	defer e.ends()
	clients := &load.Clients{Addr: e.pool.addr, Of: lossClients, Pause: lossEvery, Hold: lossHold, Says: load.Length, Patience: clientPatience}
	clients.Begin(b.ctx)
	r.rolls, err = b.rollsOf(e, rolls)
	clients.Halt()
	r.tallies = clients.Tallies
	return r, err
}

func (b *bench) rollsOf(e *entry, rolls int) (took []time.Duration, err error) {
	if err := b.pause(lossCalm); err != nil {
		return nil, err
	}
	for range rolls {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		began := time.Now()
		err := e.pool.roll(ctx)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name(), err)
		}
		took = append(took, time.Since(began))
		if err := b.pause(lossCalm); err != nil {
			return nil, err
		}
	}
	return took, nil
}

func (r lossResult) String() string {
	var s string
	for _, k := range load.Kinds {
		t := r.tallies[k.Name]
		s += fmt.Sprintf("%d of %d %v, ", len(t.Failed), t.Answered+len(t.Failed), t.Lost)
	}
	return s + fmt.Sprintf("rolls %v", r.rolls)
}
