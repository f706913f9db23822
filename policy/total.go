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
	surge   bool   // it is kept free for a surge, and not needed otherwise
	what    string // that uses it, for messages
}

// budget is the tightest of them.
func (f *Fleet) budget(c Config) budget {
	if c.MaxTotalMemory <= 0 {
		return budget{}
	}
	total := f.Total()
	b := budget{limited: true, room: c.MaxTotalMemory - total, used: total, limit: c.MaxTotalMemory, what: "all workers together have"}
	k := f.Container
	if !k.Group || k.Limit <= 0 {
		return b
	}
	most := int64(groupShare * float64(k.Limit))
	if c.MaxTotalMemory <= k.Limit {
		most = max(most, c.MaxTotalMemory)
	}
	if room := most - k.Needed; room < b.room {
		b = budget{limited: true, room: room, used: k.Needed, limit: most, what: "the container needs"}
	}
	b.hard = f.budgetHard()
	// Twice the reserve of a surge: that it does not fit is found out after some samples.
	if line := k.Limit - 2*k.Limit/reserveShare - f.freshSize(c); f.keepsRoom(c, b, line) {
		b.room, b.used, b.limit, b.surge = line-k.Needed, k.Needed, line, true
		b.what = "for a fresh worker still to fit beside the others, the container needs"
	}
	return b
}

// keepsRoom tells whether workers are to be cycled before a surge does not fit
// any more, rather than when the budget is used up: where that leaves them at
// least half of what they might grow by otherwise, and where they are known to
// leak or one of them has long been growing so that it will use the budget up.
func (f *Fleet) keepsRoom(c Config, b budget, line int64) bool {
	if c.MaxSurge == 0 || f.freshSize(c) == 0 || line-f.Container.Needed >= b.room {
		return false
	}
	var grown int64
	leaks := f.learned.leaks()
	for i := range f.Workers {
		w := &f.Workers[i]
		if w.State != Ready || w.trend == nil {
			continue
		}
		grown += max(0, w.Private-w.base)
		leaks = leaks || w.long.window > 0 && w.long.certain(float64(w.Memory+b.room))
	}
	return leaks && line-f.Container.Needed+grown >= (b.room+grown)/2
}

// Contain notes a look at the container. It comes after the looks at the workers
// of the same round.
func (f *Fleet) Contain(c Config, k Container, now time.Time) {
	f.Container = k
	b := f.budget(c)
	f.rooms.add(b.room, now)
	if f.growth == nil {
		f.growth = newTrend(now)
	}
	f.growth.add(now, f.grown, c.SampleInterval)
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
// before a cycle that begins now would be over; empty if it is not. over is
// whether it is overdrawn already, and not just what is kept free for a surge.
func (f *Fleet) overBudget(c Config, now time.Time) (why string, over bool) {
	b := f.budget(c)
	if !b.limited {
		return "", false
	}
	if f.overTotal >= c.MemorySamples || f.overTotal > 0 && b.hard {
		return fmt.Sprintf("%s %s of at most %s, in %d samples in a row", b.what, size(b.used), size(b.limit), f.overTotal), !b.surge
	}
	// One look alone may have been a spike.
	_, room := f.rooms.bounds(now, c.SampleInterval)
	if gain := f.gain(now, f.learned.lead(c)); !b.surge && gain > 0 && float64(room) < gain {
		return fmt.Sprintf("%s %s of at most %s, and %s more when a cycle of %s is over", b.what, size(b.used), size(b.limit),
			size(int64(gain)), f.learned.cycle(c).Round(100*time.Millisecond)), false
	}
	return "", false
}

// gain is how much all workers are expected to grow within a time. Together they
// grow as they did together: what one that is missing does not serve, the others do.
func (f *Fleet) gain(now time.Time, within time.Duration) float64 {
	var sum float64
	for i := range f.Workers {
		sum += f.gains(&f.Workers[i], within)
	}
	if f.growth == nil {
		return sum
	}
	if o, ok := f.growth.outlook(now, within/2); ok {
		sum = min(sum, o.grown(within.Seconds()))
	}
	return sum
}

// What a cycle must give back to be worth it: a tenth of what the worker had when
// it had settled, and more than noise.
const (
	worthShare = 10
	leastWorth = 4 << 20
)

// budgetHard tells whether the container itself is about to be full.
func (f *Fleet) budgetHard() bool {
	return f.Container.Group && float64(f.Container.Needed) > hardShare*float64(f.Container.Limit)
}

// excess is what a worker has grown by since it settled, or since it was ready if
// it never did. One that warms up, ever slower or to where others have settled, is
// not to blame.
func (f *Fleet) excess(w *Worker) int64 {
	base := w.base
	if !w.settled && !f.budgetHard() {
		base = max(base, f.learned.stops)
		if w.warms {
			return 0
		}
	}
	return max(0, w.Private-base)
}

// worth tells whether a cycle of a worker gives back enough, or a part of that.
func (f *Fleet) worth(w *Worker, part int64) bool {
	return f.excess(w) >= max(leastWorth, w.base/worthShare)/part
}

// grownMost is the worker that has grown most since it settled; nil if none has
// grown enough for a cycle to help, or by a part of that.
func (f *Fleet) grownMost(part int64) *Worker {
	var most *Worker
	for i := range f.Workers {
		w := &f.Workers[i]
		if !f.replaceable(w) || !f.worth(w, part) {
			continue
		}
		if most == nil || f.excess(w) > f.excess(most) {
			most = w
		}
	}
	return most
}

// total picks the worker to be cycled for the budget; nil if none is to be.
func total(c Config, now time.Time, f *Fleet) (*Worker, string) {
	why, _ := f.overBudget(c, now)
	if why == "" {
		return nil, ""
	}
	w := f.grownMost(1)
	if w == nil {
		return nil, ""
	}
	return w, fmt.Sprintf("%s; this worker has grown most, by %s to %s", why, size(f.excess(w)), size(w.Private))
}
