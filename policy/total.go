package policy

import (
	"fmt"
	"math"
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
// whatever of it the workers have. Where hardShare would be before a cycle is over
// there is no more patience; and where it would be within a part of the sample
// interval, a few looks at the pace that such growth has, what is done with goes
// at once.
const (
	groupShare = 0.9
	hardShare  = 0.95
	vergeShare = 4
)

// budget is what is left of Config.MaxTotalMemory, or of the container.
type budget struct {
	limited bool
	room    int64 // bytes; negative if it is overdrawn
	used    int64
	limit   int64
	what    string // that uses it, for messages
}

// budget is the tighter of the two.
func (f *Fleet) budget(c Config) budget {
	if c.MaxTotalMemory <= 0 {
		return budget{}
	}
	total := f.Total()
	b := budget{true, c.MaxTotalMemory - total, total, c.MaxTotalMemory, "all workers together have"}
	k := f.Container
	if !k.Group || k.Limit <= 0 {
		return b
	}
	most := int64(groupShare * float64(k.Limit))
	if c.MaxTotalMemory <= k.Limit {
		most = max(most, c.MaxTotalMemory)
	}
	if room := most - k.Needed; room < b.room {
		b = budget{true, room, k.Needed, most, "the container needs"}
	}
	return b
}

// Contain notes a look at the container. It comes after the looks at the workers
// of the same round.
func (f *Fleet) Contain(c Config, k Container, now time.Time) {
	f.Container = k
	b := f.budget(c)
	f.rooms.add(b.room, now)
	f.needs.add(k.Needed, now)
	if f.growth == nil {
		f.growth = newTrend(now)
	}
	f.growth.add(now, f.grown, c.SampleInterval)
	fullWithin := func(d time.Duration) bool { return float64(k.Needed)+f.gain(c, now, d) > hardShare*float64(k.Limit) }
	f.brink = k.Group && fullWithin(f.learned.lead(c))
	f.verge = k.Group && fullWithin(c.SampleInterval/vergeShare)
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
// before a cycle that begins now would be over, or leaves no room for a surge;
// empty if it does not. over is whether it is overdrawn already.
func (f *Fleet) overBudget(c Config, now time.Time) (why string, over bool) {
	b := f.budget(c)
	if !b.limited {
		return "", false
	}
	if b.room < 0 && (f.overTotal >= c.MemorySamples || f.overTotal > 0 && f.brink) {
		return fmt.Sprintf("%s %s of at most %s, in %d samples in a row", b.what, size(b.used), size(b.limit), f.overTotal), true
	}
	gain := f.gain(c, now, f.learned.lead(c))
	if room := f.roomNow(c, now, b, gain/f.learned.lead(c).Seconds()); gain > 0 && room < gain && !f.limitsFit(c) {
		return fmt.Sprintf("%s %s of at most %s, and %s more when a cycle of %s is over", b.what, size(b.used), size(b.limit),
			size(int64(gain)), f.learned.cycle(c).Round(100*time.Millisecond)), false
	}
	if line := f.surgeLine(c, b, gain); line > 0 {
		if needed, _ := f.needs.bounds(now, c.SampleInterval); min(needed, f.Container.Needed) > line {
			return fmt.Sprintf("the container needs %s, and above %s a fresh worker would not fit beside the others", size(f.Container.Needed), size(line)), false
		}
	}
	return "", false
}

// limitsFit tells whether the budget has room for all workers at their limits.
// Growth that would use it up is then the limits' concern.
func (f *Fleet) limitsFit(c Config) bool {
	if _, paused := f.Brakes[Memory]; c.MaxMemory <= 0 || paused {
		return false
	}
	b := f.budget(c)
	return !b.limited || b.used-f.Total()+int64(f.Desired)*c.MaxMemory <= b.limit
}

// roomNow is what is left of the budget. One look alone may have been a spike, so
// of the last ones the roomiest counts, less what came since at the rate given.
func (f *Fleet) roomNow(c Config, now time.Time, b budget, rate float64) float64 {
	if f.rooms.n == 0 { // the container cannot be looked at
		return float64(b.room)
	}
	room := math.Inf(-1)
	f.rooms.each(now, c.SampleInterval, func(v int64, ago time.Duration) {
		room = max(room, float64(v)-rate*ago.Seconds())
	})
	// There is more than at the last look only where a worker has gone since.
	if b.room > f.rooms.values[(f.rooms.n-1)%len(f.rooms.values)] {
		room = max(room, float64(b.room))
	}
	return room
}

// surgeLine is what the container may need for a surge still to fit, with twice
// the reserve since that is found out by samples. Workers are cycled when it is
// reached, rather than when the budget is used up, where that leaves them at least
// half of what they might grow by otherwise, and where they are known to leak or
// one of them has long been growing so that it will use the budget up. Otherwise
// it is 0.
func (f *Fleet) surgeLine(c Config, b budget, gain float64) int64 {
	fresh, k := f.freshSize(c), f.Container
	if !k.Group || k.Limit <= 0 || c.MaxSurge == 0 || fresh == 0 {
		return 0
	}
	line := k.Limit - 2*k.Limit/reserveShare - fresh - int64(gain)
	if line-k.Needed >= b.room {
		return 0
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
	if !leaks || line-k.Needed+grown < (b.room+grown)/2 {
		return 0
	}
	return line
}

// gain is how much all workers are expected to grow within a time. Together they
// grow as they did together: what one that is missing does not serve, the others
// do. Of that is left out what is expected to stop.
func (f *Fleet) gain(c Config, now time.Time, within time.Duration) float64 {
	var sum, stops float64
	for i := range f.Workers {
		grows, stopping := f.gains(&f.Workers[i], within)
		sum, stops = sum+grows, stops+stopping
	}
	if f.growth == nil {
		return sum
	}
	evidence := f.learned.evidence(c)
	average := f.growth.average(evidence) * within.Seconds()
	if o, ok := f.growth.outlook(now, evidence); ok {
		return max(0, min(o.grown(within.Seconds()), 2*average)-stops)
	}
	return max(0, min(sum, average)) // what came down may come back
}

// What a cycle must give back to be worth it: a tenth of what the worker had when
// it had settled, and more than noise.
const (
	worthShare = 10
	leastWorth = 4 << 20
	// leastPart of that is enough when the kernel is about to kill, and growth by
	// less is none.
	leastPart = 4
)

// excess is what a worker has grown by since it settled, or since it was ready if
// it leaks from the start. One that warms up, ever slower or to where others have
// settled, is not to blame. Of a saw the floors count, as long as it is one: what has
// not fallen again for twice the time between two falls has stopped to.
func (f *Fleet) excess(w *Worker) int64 {
	if w.trend == nil {
		return 0
	}
	base, has := w.base, w.Private
	if t := w.trend; t.falls > 1 && t.age()-t.lastT <= 2*(t.lastT-t.fallT) {
		has = min(has, w.private(t.trough))
	}
	if !f.brink {
		if w.trend.age() < f.learned.settling {
			base = max(base, f.learned.warm)
		}
		if !w.settled && !w.leaks && !f.learned.leaks() {
			return 0
		}
	}
	return max(0, has-base)
}

// private is what a level by Config.MemoryMetric is of private memory.
func (w *Worker) private(level int64) int64 { return level - (w.Memory - w.Private) }

// worth tells whether a cycle of a worker gives back enough, or a part of that. When
// the kernel is about to kill, little is enough.
func (f *Fleet) worth(w *Worker, part int64) bool {
	if k := f.Container; k.Group && float64(k.Needed) > hardShare*float64(k.Limit) {
		part = max(part, leastPart)
	}
	return f.excess(w) >= max(leastWorth, w.base/worthShare)/part
}

// grownMost is the worker that has grown most since it settled; nil if none has
// grown enough for a cycle to help, or by a part of that.
func (f *Fleet) grownMost(part int64) *Worker {
	var most *Worker
	r := f.roster()
	for i := range f.Workers {
		w := &f.Workers[i]
		if !f.replaceable(r, w) || !f.worth(w, part) {
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
