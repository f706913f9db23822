package policy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world plays the processes of a fleet in made-up time: how long each takes to
// get ready, whether it crashes, whether it goes when told.
type world struct {
	t      *rapid.T
	config Config
	fleet  *Fleet
	now    time.Time
	fates  map[uint64]*fate
	calm   bool // nothing goes wrong any more
	front  bool // workers drain by getting no requests, and are told of it only then
	gaveUp bool
	steps  int
	memory memoryWorld

	explains bool // what is explained is held against what is done
}

// fate is what a worker will do of itself; a zero time is never.
type fate struct {
	ready, ends time.Time
	heedsDrain  time.Duration // negative: it does not
	idle        time.Time     // when nothing is in its hands any more; with a front
	heedsStop   time.Duration
	leaves      time.Duration // how long processes outlive a leader that crashes
	captured    time.Time     // when its capture is over
	memory      memoryFate
}

func (w *world) chance(percent int, what string) bool {
	return !w.calm && rapid.IntRange(0, 99).Draw(w.t, what) < percent
}

func (w *world) span(least, most time.Duration, what string) time.Duration {
	if w.calm {
		return least
	}
	return time.Duration(rapid.Int64Range(int64(least), int64(most)).Draw(w.t, what))
}

func (w *world) born(id uint64) {
	f := &fate{heedsDrain: w.span(0, 30*time.Second, "drain"), heedsStop: w.span(0, 10*time.Second, "stop")}
	if !w.chance(10, "hangs at start") {
		f.ready = w.now.Add(w.span(time.Millisecond, 20*time.Second, "boot"))
	}
	if w.chance(20, "ends by itself") {
		f.ends = w.now.Add(w.span(0, time.Minute, "end"))
	}
	if w.chance(10, "ignores drain") {
		f.heedsDrain = -1
	}
	if w.chance(10, "ignores stop") {
		f.heedsStop = -1
	}
	if w.chance(20, "leaves processes") {
		f.leaves = w.span(0, 10*time.Second, "leaves")
	}
	f.memory = w.drawMemory()
	w.fates[id] = f
}

// settle applies what Plan wants until it wants nothing, checking each action.
func (w *world) settle() {
	for range 1000 {
		said := w.explain()
		actions := Plan(w.config, w.now, w.fleet)
		w.checkExplained(said, actions)
		if len(actions) == 0 {
			w.checkDeadlines()
			return
		}
		progress := false // as the supervisor sees it
		for _, a := range actions {
			w.check(a)
			progress = w.apply(a) || progress
			if w.gaveUp {
				return
			}
		}
		if !progress {
			return
		}
	}
	w.t.Fatalf("the plan does not settle: %+v", w.fleet)
}

// apply reports false if the action leads to nothing new yet.
func (w *world) apply(a Action) bool {
	soon := func(id uint64, d time.Duration) {
		if f := w.fates[id]; d >= 0 && (f.ends.IsZero() || f.ends.After(w.now.Add(d))) {
			f.ends = w.now.Add(d)
		}
	}
	switch a := a.(type) {
	case Start:
		w.born(w.fleet.Launch(a, w.now).ID)
	case Drain:
		w.fleet.Retire(w.config, a, w.now)
		if f := w.fates[a.ID]; !w.front {
			soon(a.ID, f.heedsDrain)
		} else if f.heedsDrain >= 0 {
			f.idle = w.now.Add(f.heedsDrain)
		}
	case Stop:
		w.fleet.Halt(a, w.now)
		soon(a.ID, w.fates[a.ID].heedsStop)
	case Kill:
		w.fleet.Finish(a, w.now)
		soon(a.ID, 0)
	case Measure:
		return w.measure(a.ID)
	case Brake:
		w.fleet.Pause(a)
	case Resume:
		w.fleet.Unpause(a)
	case Capture:
		w.fleet.Examine(a, w.now)
		if f := w.fates[a.ID]; a.Skip == "" && !w.chance(20, "capture never answers") {
			f.captured = w.now.Add(w.span(0, 40*time.Second, "capture"))
		}
	case BeginRoll:
		w.fleet.StartRoll(a, w.now)
	case EndRoll:
		w.fleet.FinishRoll(w.now)
	case GiveUp:
		w.gaveUp = true
	}
	return true
}

// check holds an action against what rota promises.
func (w *world) check(a Action) {
	f, c := w.fleet, w.config
	alive := func(id uint64) *Worker {
		worker := f.Find(id)
		if worker == nil {
			w.t.Fatalf("%T on worker %d, which has gone", a, id)
		}
		return worker
	}
	w.checkMemory(a)
	w.checkPaused(a)
	switch a := a.(type) {
	case Start:
		if len(f.Workers) >= f.Desired+c.MaxSurge {
			w.t.Fatalf("start with %d alive, %d wanted and a surge of %d", len(f.Workers), f.Desired, c.MaxSurge)
		}
		if a.Slot >= f.Desired {
			w.t.Fatalf("start in slot %d of %d", a.Slot, f.Desired)
		}
		if a.Replaces == 0 {
			return
		}
		if moving := f.moving(c, w.now); moving >= c.MaxSurge+c.MaxUnavailable {
			w.t.Fatalf("a cycle begins beside %d others", moving)
		}
		if old := alive(a.Replaces); old.State != Ready || old.Slot != a.Slot || f.roster().relieved(old) {
			w.t.Fatalf("replacement for %+v", *old)
		}
	case Drain:
		old := alive(a.ID)
		if old.State != Ready {
			w.t.Fatalf("drain of %+v", *old)
		}
		if c.CaptureServing && a.NoRoom == "" && c.captures(a.Trigger) && (!old.asked() || w.now.Before(f.heldUntil(c, old))) {
			w.t.Fatalf("drain before the capture of %+v", *old)
		}
		if f.StopSince.IsZero() {
			w.checkCapacity(a)
		}
	case Stop:
		if worker := alive(a.ID); worker.State == Ready || worker.State == Stopping {
			w.t.Fatalf("stop of %+v", *worker)
		} else if worker.State == Draining && !worker.Idle && w.now.Before(worker.Since.Add(c.DrainTimeout)) {
			w.t.Fatalf("stop before the drain timeout of %+v", *worker)
		} else if !c.CaptureServing && c.captures(worker.Leaving) && (!worker.asked() || w.now.Before(f.heldUntil(c, worker))) {
			w.t.Fatalf("stop before the capture of %+v", *worker)
		}
	case Kill:
		if worker := alive(a.ID); worker.Killed {
			w.t.Fatalf("second kill of %+v", *worker)
		}
	case Measure:
		alive(a.ID)
	case Capture:
		w.checkCapture(a, *alive(a.ID))
	}
}

// checkCapture: evidence is taken once, of a worker that leaves for its memory,
// of one at a time, and once it has left the rotation if it can.
func (w *world) checkCapture(a Capture, worker Worker) {
	f, c := w.fleet, w.config
	if !c.captures(a.Trigger) || worker.asked() {
		w.t.Fatalf("capture for %q of %+v", a.Trigger, worker)
	}
	if a.Skip != "" {
		return
	}
	if worker.Tight != "" || !f.StopSince.IsZero() {
		w.t.Fatalf("capture at the wrong time of %+v", worker)
	}
	for _, o := range f.Workers {
		if !o.Capturing.IsZero() && !o.Captured {
			w.t.Fatalf("capture of worker %d beside that of %d", worker.ID, o.ID)
		}
	}
	drained := worker.State == Draining && (worker.Idle || !w.now.Before(worker.Since.Add(c.DrainTimeout)))
	serves := worker.State == Ready && (f.relief(&worker) != nil || f.Count(Ready)-1 >= f.Desired-c.MaxUnavailable)
	if c.CaptureServing && !serves || !c.CaptureServing && !drained {
		w.t.Fatalf("capture of %+v", worker)
	}
}

// checkCapacity: rota itself never takes the number of ready workers below what
// is wanted, unless a slot fails over and over and its neighbour has a relief.
func (w *world) checkCapacity(a Drain) {
	f := w.fleet
	if f.Count(Ready)-1 >= f.Desired-w.config.MaxUnavailable || a.NoRoom != "" { // see checkMemory
		return
	}
	for slot := range f.Desired {
		if !f.roster().served(slot) && f.Slots[slot].Failures > 1 && (a.Trigger == Scale || f.relief(f.Find(a.ID)) != nil) {
			return
		}
	}
	w.t.Fatalf("drain of worker %d leaves %d of %d ready: %+v", a.ID, f.Count(Ready)-1, f.Desired, f.Workers)
}

// checkDeadlines: nobody stays in a state longer than it may.
func (w *world) checkDeadlines() {
	for _, worker := range w.fleet.Workers {
		if at := w.fleet.deadline(w.config, &worker); !at.IsZero() && !w.now.Before(at) {
			w.t.Fatalf("at %s a deadline of %s has passed: %+v", w.now, at, worker)
		}
		if worker.State == Draining && worker.Idle && !w.now.Before(w.fleet.heldUntil(w.config, &worker)) {
			w.t.Fatalf("at %s a worker waits to be stopped: %+v", w.now, worker)
		}
	}
}

// step moves to whatever comes next, the world's or Plan's; false if nothing does.
func (w *world) step(until time.Time) bool {
	w.steps++
	next, change := Wake(w.config, w.now, w.fleet), func() {}
	if !next.IsZero() && !next.After(w.now) {
		w.t.Fatalf("wake at %s, which is not after %s", next, w.now)
	}
	consider := func(at time.Time, do func()) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next, change = at, do
		}
	}
	consider(w.memory.next, w.look)
	for _, worker := range w.fleet.Workers {
		f, id := w.fates[worker.ID], worker.ID
		if worker.State == Starting {
			consider(f.ready, func() { w.fleet.MarkReady(w.config, id, w.now); f.ready = time.Time{} })
		}
		if worker.State == Draining && !worker.Idle {
			consider(f.idle, func() { w.fleet.MarkIdle(id) })
		}
		consider(f.captured, func() { w.fleet.MarkCaptured(id); f.captured = time.Time{} })
		consider(f.ends, func() {
			if now := w.fleet.Find(id); now.State == Ready && f.leaves > 0 {
				w.fleet.Lose(w.config, id, w.now)
				f.ends = w.now.Add(f.leaves)
				return
			}
			w.fleet.Remove(w.config, id, w.now)
			delete(w.fates, id)
		})
	}
	if next.IsZero() || next.After(until) {
		w.now = until
		return false
	}
	if next.After(w.now) {
		w.now = next
	}
	change()
	w.settle()
	return true
}

// disturb is something that an operator or the workers' memory does.
func (w *world) disturb() {
	f := w.fleet
	switch rapid.IntRange(0, 12).Draw(w.t, "disturbance") {
	case 0:
		f.Desired = rapid.IntRange(1, 6).Draw(w.t, "desired")
	case 1, 2:
		f.NewGeneration()
		f.StartRoll(BeginRoll{Trigger: Generation}, w.now)
	case 3:
		w.disturbMemory()
	case 10:
		if f.Roll != nil {
			f.Roll.Paused = !f.Roll.Paused
		}
	case 11:
		w.abort()
	case 12:
		w.recall(rapid.IntRange(0, 6).Draw(w.t, "recalled"))
	default:
		for _, worker := range slices.Clone(f.Workers) {
			over := rapid.Int64Range(0, 2*w.config.MaxMemory+1).Draw(w.t, "memory")
			f.Observe(w.config, worker.ID, Sample{Bytes: over, Shared: rapid.Bool().Draw(w.t, "shared")}, w.now)
			if w.front && rapid.IntRange(0, 3).Draw(w.t, "spent") == 0 {
				f.MarkSpent(worker.ID)
			}
		}
	}
	w.settle()
}

func drawConfig(t *rapid.T) Config {
	c := Config{
		MaxMemory: 100 * mib, MemorySamples: rapid.IntRange(1, 3).Draw(t, "samples"), MemoryMetric: "private",
		RestartInterval: time.Duration(rapid.Int64Range(0, int64(10*time.Minute)).Draw(t, "interval")),
		MinUptime:       time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "uptime")),
		MaxSurge:        rapid.IntRange(0, 3).Draw(t, "surge"),
		MaxUnavailable:  rapid.IntRange(0, 1).Draw(t, "unavailable"),
		StartTimeout:    30 * time.Second, DrainTimeout: 20 * time.Second, StopTimeout: 5 * time.Second,
		ShutdownDelay: time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(t, "delay")),
		StartTries:    3, Seed: rapid.Uint64().Draw(t, "seed"),
	}
	if c.MaxSurge+c.MaxUnavailable == 0 {
		c.MaxSurge = 1
	}
	if c.RestartInterval < time.Second {
		c.RestartInterval = 0
	}
	if rapid.Bool().Draw(t, "cron") {
		c.Cron = everyNth(7 * time.Minute)
	}
	c.RestartJitter = c.RestartInterval / 20
	c.MaxRequests = rapid.IntRange(0, 1).Draw(t, "requests")
	c.Capture, c.CaptureTimeout = rapid.Bool().Draw(t, "capture"), 30*time.Second
	return c
}

// everyNth is a schedule that fires at every multiple of a duration.
type everyNth time.Duration

func (e everyNth) Next(t time.Time) time.Time {
	return t.Truncate(time.Duration(e)).Add(time.Duration(e))
}

func TestFleetsKeepTheirPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		w := &world{t: t, config: drawConfig(t), now: start, fates: map[uint64]*fate{}}
		w.front = rapid.Bool().Draw(t, "front")
		w.config.CaptureServing = !w.front
		w.fleet = NewFleet(rapid.IntRange(1, 6).Draw(t, "workers"), start)
		w.drawLooks()
		w.settle()
		for range rapid.IntRange(1, 25).Draw(t, "turns") {
			until := w.now.Add(w.span(0, min(2*time.Minute, 200*max(w.config.SampleInterval, time.Second)), "turn"))
			for !w.gaveUp && w.step(until) {
			}
			if w.gaveUp {
				if w.fleet.Stable != 0 {
					t.Fatalf("a pool that once was ready was given up")
				}
				return
			}
			w.disturb()
		}
		w.recovers()
		w.relieves()
		w.ends()
	})
}

// recovers: once nothing goes wrong any more, the fleet is whole again.
func (w *world) recovers() {
	w.calm = true
	for _, f := range w.fates {
		f.ends, f.heedsDrain, f.heedsStop = time.Time{}, 0, 0
	}
	for _, worker := range w.fleet.Workers {
		if worker.State != Ready {
			w.fates[worker.ID].ends = w.now
		}
	}
	w.config.RestartInterval, w.config.Cron, w.config.MaxMemory, w.config.MaxRequests = 0, nil, 0, 0
	w.config.MaxTotalMemory = 0
	if w.fleet.Roll != nil {
		w.fleet.Roll.Paused = false
	}
	w.fleet.Reschedule(w.config)
	w.settle() // a roll that goes on is planned at once, and nothing else may ever wake Plan
	for until := w.now.Add(time.Hour); !w.gaveUp && w.step(until); {
	}
	if w.gaveUp {
		return
	}
	f := w.fleet
	if f.Count(Ready) != f.Desired || len(f.Workers) != f.Desired || f.Roll != nil {
		w.t.Fatalf("not whole after an hour of calm: %d of %d ready, %d alive, roll %v: %+v", f.Count(Ready), f.Desired, len(f.Workers), f.Roll, f.Workers)
	}
	if slices.ContainsFunc(f.Workers, func(w Worker) bool { return w.Recalled || w.Dropped != "" }) {
		w.t.Fatalf("what was asked for is not done after an hour of calm: %+v", f.Workers)
	}
}

// ends: asked to stop, the fleet is gone within all its timeouts.
func (w *world) ends() {
	w.fleet.StopSince = w.now
	w.settle()
	c := w.config
	limit := w.now.Add(c.ShutdownDelay + c.DrainTimeout + c.StopTimeout + time.Second)
	for w.step(limit) {
	}
	if n := len(w.fleet.Workers); n > 0 {
		w.t.Fatalf("%d workers are left after all timeouts: %+v", n, w.fleet.Workers)
	}
}

func TestWorkersOfOneMomentFallDueApart(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			c := Config{RestartInterval: 12 * time.Hour, RestartJitter: 12 * time.Hour / 10 / time.Duration(n), Seed: 7}
			f := NewFleet(n, now)
			for slot := range n {
				f.Launch(Start{Slot: slot, Generation: 1}, now)
			}
			for i := range f.Workers {
				f.MarkReady(c, f.Workers[i].ID, now.Add(time.Duration(i)*time.Millisecond))
			}
			// A later one only knows of those before it, so the least distance is
			// what fits n workers into the interval.
			least := c.RestartInterval / time.Duration(n) / 2
			for i, w := range f.Workers {
				if age := w.Due.Sub(w.ReadyAt); age <= 0 || age > c.RestartInterval {
					t.Errorf("worker %d is due at the age of %s", i, age)
				}
				for _, o := range f.Workers[:i] {
					if d := w.Due.Sub(o.Due).Abs(); d < least {
						t.Errorf("workers due %s apart, want at least %s", d, least)
					}
				}
			}
		})
	}
}
