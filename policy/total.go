package policy

import (
	"fmt"
	"time"
)

// Container is what holds all workers: a control group, or the machine where
// there is none.
type Container struct {
	Limit  int64 // bytes; 0 where it is not known
	Needed int64 // bytes that cannot be taken back from it without swapping or killing
	Group  bool  // a control group's, not the machine's
}

// groupShare is the part of a control group's limit that is not to be passed,
// whatever of it the workers have. Above hardShare there is no more patience.
const (
	groupShare = 0.9
	hardShare  = 0.95
)

// budget is what is left of Config.MaxTotalMemory, or of the container.
type budget struct {
	limited bool
	room    int64 // bytes; negative if it is overdrawn
	used    int64
	limit   int64
	hard    bool   // the container itself is about to be full
	what    string // that uses it, for messages
}

// budget is the tighter of the two.
func (f *Fleet) budget(c Config) budget {
	if c.MaxTotalMemory <= 0 {
		return budget{}
	}
	total := f.Total()
	b := budget{limited: true, room: c.MaxTotalMemory - total, used: total, limit: c.MaxTotalMemory, what: "all workers together have"}
	if k := f.Container; k.Group && k.Limit > 0 {
		most := int64(groupShare * float64(k.Limit))
		if c.MaxTotalMemory <= k.Limit {
			most = max(most, c.MaxTotalMemory)
		}
		if room := most - k.Needed; room < b.room {
			b = budget{limited: true, room: room, used: k.Needed, limit: most, what: "the container needs"}
		}
		b.hard = float64(k.Needed) > hardShare*float64(k.Limit)
	}
	return b
}

// Contain notes a look at the container. It comes after the looks at the workers
// of the same round.
func (f *Fleet) Contain(c Config, k Container, now time.Time) {
	f.Container = k
	b := f.budget(c)
	if !b.limited || b.room >= 0 {
		f.overTotal = 0
		return
	}
	if f.overTotal > 0 && now.Sub(f.overTotalAt) < c.SampleInterval*9/10 {
		return
	}
	f.overTotal++
	f.overTotalAt = now
}

// overBudget says in what way the budget is overdrawn for long enough, or will be
// before a cycle that begins now would be over; empty if it is not.
func (f *Fleet) overBudget(c Config) (why string, over bool) {
	b := f.budget(c)
	if !b.limited {
		return "", false
	}
	if f.overTotal >= c.MemorySamples || f.overTotal > 0 && b.hard {
		return fmt.Sprintf("%s %s of %s, in %d samples in a row", b.what, size(b.used), size(b.limit), f.overTotal), true
	}
	var gain float64
	for i := range f.Workers {
		gain += f.gains(&f.Workers[i], f.learned.lead(c))
	}
	if gain > 0 && float64(b.room) < gain {
		return fmt.Sprintf("%s %s of %s and would have %s more when a cycle of %s is over", b.what, size(b.used), size(b.limit),
			size(int64(gain)), f.learned.cycle(c).Round(100*time.Millisecond)), false
	}
	return "", false
}

// What a cycle must give back to be worth it: a tenth of what the worker had when
// it had settled, and more than noise.
const (
	worthShare = 10
	leastWorth = 4 << 20
)

// excess is what a worker has grown by since it settled, or since it was ready if
// it never did; 0 if a cycle would not be worth it. One that still warms up, ever
// slower, is not to blame.
func (w *Worker) excess() int64 {
	grown := w.Private - w.base
	if grown < max(leastWorth, w.base/worthShare) || !w.settled && w.grows && w.near.keeps < 1 {
		return 0
	}
	return grown
}

// grownMost is the worker that has grown most since it settled; nil if none has
// grown enough for a cycle to help.
func (f *Fleet) grownMost() *Worker {
	var most *Worker
	for i := range f.Workers {
		w := &f.Workers[i]
		if !f.replaceable(w) || w.excess() == 0 {
			continue
		}
		if most == nil || w.excess() > most.excess() {
			most = w
		}
	}
	return most
}

// total picks the worker to be cycled for the budget; nil if none is to be.
func total(c Config, f *Fleet) (*Worker, string) {
	why, _ := f.overBudget(c)
	if why == "" {
		return nil, ""
	}
	w := f.grownMost()
	if w == nil {
		return nil, ""
	}
	return w, fmt.Sprintf("%s; this worker has grown most, by %s to %s", why, size(w.excess()), size(w.Private))
}
