package policy

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func defaults() Config {
	return Config{
		MemorySamples: 3, MemoryMetric: "private", MinUptime: 10 * time.Second, MaxSurge: 1,
		StartTimeout: time.Minute, DrainTimeout: 20 * time.Second, StopTimeout: 5 * time.Second, StartTries: 3,
	}
}

// served is a fleet of n ready workers, with ids 1 to n in slots 0 to n-1.
func served(c Config, n int) *Fleet {
	f := NewFleet(n, t0)
	for slot := range n {
		w := f.Launch(Start{Slot: slot, Generation: 1}, t0)
		f.MarkReady(c, w.ID, t0)
	}
	return f
}

func observe(f *Fleet, c Config, id uint64, samples int, bytes int64) {
	for range samples {
		f.Observe(c, id, Sample{Bytes: bytes, Private: bytes, Share: bytes}, t0)
	}
}

// expect asks Plan and compares what it wants, without the reasons.
func expect(t *testing.T, c Config, now time.Time, f *Fleet, want ...Action) {
	t.Helper()
	var got []Action
	for _, a := range Plan(c, now, f) {
		switch b := a.(type) {
		case Start:
			b.Reason = ""
			a = b
		case Drain:
			b.Reason = ""
			a = b
		case Stop:
			b.Reason = ""
			a = b
		case Kill:
			b.Reason = ""
			a = b
		case BeginRoll:
			b.Reason = ""
			a = b
		}
		got = append(got, a)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after %s: got %+v, want %+v", now.Sub(t0), got, want)
	}
}

func TestNothingToDo(t *testing.T) {
	c := defaults()
	f := served(c, 3)
	expect(t, c, t0.Add(24*time.Hour), f)
	if w := Wake(c, t0, f); !w.IsZero() {
		t.Errorf("wakes at %s for nothing", w)
	}
}

func TestMemoryNeedsSamplesInARow(t *testing.T) {
	c := defaults()
	c.MaxMemory = 100
	f := served(c, 2)
	now := t0.Add(time.Minute)
	observe(f, c, 2, 2, 101)
	expect(t, c, now, f)
	observe(f, c, 2, 1, 100) // not over
	observe(f, c, 2, 2, 101)
	expect(t, c, now, f)
	observe(f, c, 2, 1, 101)
	expect(t, c, now, f, Start{Slot: 1, Generation: 1, Replaces: 2, Trigger: Memory})
	if reason := Plan(c, now, f)[0].(Start).Reason; !strings.Contains(reason, "101B") || !strings.Contains(reason, "100B") {
		t.Errorf("reason %q lacks the numbers", reason)
	}
}

func TestMemoryWaitsForMinUptime(t *testing.T) {
	c := defaults()
	c.MaxMemory = 100
	f := served(c, 1)
	observe(f, c, 1, 9, 101)
	expect(t, c, t0.Add(c.MinUptime-1), f)
	if w := Wake(c, t0, f); !w.Equal(t0.Add(c.MinUptime)) {
		t.Errorf("wakes at %s, want %s", w, t0.Add(c.MinUptime))
	}
	expect(t, c, t0.Add(c.MinUptime), f, Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Memory})
}

func TestGrowthIsNotWaitedFor(t *testing.T) {
	c := defaults()
	c.MaxMemory = 100
	f := served(c, 1)
	observe(f, c, 1, 1, 50)
	observe(f, c, 1, 3, 101)
	expect(t, c, t0.Add(time.Second), f, Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Memory})
}

func TestSharedMemoryIsMeasuredBeforeACycle(t *testing.T) {
	c := defaults()
	c.MaxMemory = 100
	f := served(c, 1)
	now := t0.Add(time.Minute)
	for range 3 {
		f.Observe(c, 1, Sample{Bytes: 150, Private: 150, Share: 150, Shared: true, Exact: false}, now)
	}
	expect(t, c, now, f, Measure{ID: 1})
	f.Observe(c, 1, Sample{Bytes: 90, Private: 90, Share: 90, Shared: true, Exact: true}, now) // most of it was shared
	expect(t, c, now, f)
	for range 3 {
		f.Observe(c, 1, Sample{Bytes: 150, Private: 150, Share: 150, Shared: true, Exact: false}, now)
	}
	f.Observe(c, 1, Sample{Bytes: 150, Private: 150, Share: 150, Shared: true, Exact: true}, now)
	expect(t, c, now, f, Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Memory})
}

func TestACycleIsReadyBeforeItRetires(t *testing.T) {
	c := defaults()
	c.MaxMemory = 100
	f := served(c, 2)
	now := t0.Add(time.Minute)
	observe(f, c, 1, 3, 200)
	observe(f, c, 2, 3, 101)
	start := Plan(c, now, f)[0].(Start)
	next := f.Launch(start, now)
	expect(t, c, now, f) // one at a time, and the replacement is not ready
	f.MarkReady(c, next.ID, now)
	expect(t, c, now, f, Drain{ID: 1, Trigger: Memory})
	f.Retire(c, Drain{ID: 1, Trigger: Memory}, now)
	expect(t, c, now, f) // the old one is still there: no second surge
	if d := f.Remove(c, 1, now); d != Asked {
		t.Errorf("departure %v, want that it was asked for", d)
	}
	expect(t, c, now, f, Start{Slot: 1, Generation: 1, Replaces: 2, Trigger: Memory})
}

func TestStopFirstWithoutSurge(t *testing.T) {
	c := defaults()
	c.MaxSurge, c.MaxUnavailable = 0, 1
	f := served(c, 2)
	f.NewGeneration()
	f.StartRoll(BeginRoll{Trigger: Generation}, t0)
	expect(t, c, t0, f, Drain{ID: 1, Trigger: Generation})
	f.Retire(c, Drain{ID: 1, Trigger: Generation}, t0)
	expect(t, c, t0, f)
	f.Remove(c, 1, t0)
	expect(t, c, t0, f, Start{Slot: 0, Generation: 2, Trigger: Generation})
	w := f.Launch(Start{Slot: 0, Generation: 2, Trigger: Generation}, t0)
	if d := f.Remove(c, w.ID, t0); d != RollFailed {
		t.Errorf("departure %v, want a failed roll", d)
	}
	expect(t, c, t0.Add(time.Hour), f, Start{Slot: 0, Generation: 1, Trigger: Crash})
}

func TestDeadlines(t *testing.T) {
	c := defaults()
	f := served(c, 2)
	f.Launch(Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Age}, t0)
	expect(t, c, t0.Add(c.StartTimeout-1), f)
	expect(t, c, t0.Add(c.StartTimeout), f, Stop{ID: 3})
	now := t0.Add(c.StartTimeout)
	f.Halt(Stop{ID: 3}, now)
	if w := Wake(c, now, f); !w.Equal(now.Add(c.StopTimeout)) {
		t.Errorf("wakes at %s", w)
	}
	now = now.Add(c.StopTimeout)
	expect(t, c, now, f, Kill{ID: 3})
	f.Finish(Kill{ID: 3}, now)
	expect(t, c, now.Add(time.Hour), f)
	if d := f.Remove(c, 3, now); d != ReplacementFailed {
		t.Errorf("departure %v, want a failed replacement", d)
	}
	expect(t, c, now, f)
}

func TestAFailedRollKeepsTheOldRelease(t *testing.T) {
	c := defaults()
	f := served(c, 2)
	if g := f.NewGeneration(); g != 2 {
		t.Fatalf("generation %d", g)
	}
	f.StartRoll(BeginRoll{Trigger: Generation}, t0)
	w := f.Launch(Plan(c, t0, f)[0].(Start), t0)
	if w.Generation != 2 {
		t.Fatalf("the replacement is of generation %d", w.Generation)
	}
	if d := f.Remove(c, w.ID, t0); d != RollFailed {
		t.Errorf("departure %v, want a failed roll", d)
	}
	if f.Roll != nil || f.Generation != 1 || f.Count(Ready) != 2 {
		t.Errorf("roll %v, generation %d, %d ready", f.Roll, f.Generation, f.Count(Ready))
	}
	expect(t, c, t0.Add(time.Hour), f)
	if g := f.NewGeneration(); g != 3 {
		t.Errorf("a generation's number was used again: %d", g)
	}
}

func TestALostWorkerComesBackWithAProvenRelease(t *testing.T) {
	c := defaults()
	f := served(c, 2)
	f.NewGeneration()
	f.StartRoll(BeginRoll{Trigger: Generation}, t0)
	f.Launch(Plan(c, t0, f)[0].(Start), t0)
	f.Remove(c, 2, t0.Add(time.Minute)) // a crash of the other
	f.Remove(c, 3, t0.Add(time.Minute)) // make room
	f.StartRoll(BeginRoll{Trigger: Generation}, t0)
	f.Generation = 2
	got := Plan(c, t0.Add(time.Minute), f)[0].(Start)
	if got.Slot != 1 || got.Generation != 1 {
		t.Errorf("%+v, want slot 1 to come back as generation 1", got)
	}
}

func TestANewReleaseMayMendAPoolThatIsDown(t *testing.T) {
	c := defaults()
	f := served(c, 2)
	now := t0.Add(time.Second)
	for id := range uint64(2) {
		f.Remove(c, id+1, now)
	}
	f.NewGeneration()
	f.StartRoll(BeginRoll{Trigger: Generation}, now)
	expect(t, c, now, f, Start{Slot: 0, Generation: 2, Trigger: Generation}) // and at once
	w := f.Launch(Plan(c, now, f)[0].(Start), now)
	if d := f.Remove(c, w.ID, now); d != RollFailed || f.Generation != 1 {
		t.Errorf("departure %v, generation %d; want a failed roll, and what once worked", d, f.Generation)
	}
}

func TestALostLeaderFreesItsSlot(t *testing.T) {
	c := defaults()
	f := served(c, 1)
	now := t0.Add(time.Second)
	f.Lose(c, 1, now)
	expect(t, c, now, f) // it was not steady
	at := Wake(c, now, f)
	expect(t, c, at, f, Start{Slot: 0, Generation: 1, Trigger: Crash})
	if d := f.Remove(c, 1, at); d != Crashed || f.Slots[0].Failures != 1 {
		t.Errorf("departure %v, %d failures; want one crash", d, f.Slots[0].Failures)
	}
}

func TestACronTimeDuringARollIsServedByIt(t *testing.T) {
	c := defaults()
	c.Cron = everyNth(time.Hour)
	f := served(c, 1)
	f.StartRoll(BeginRoll{Trigger: Generation}, t0.Add(59*time.Minute))
	f.Launch(Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Generation}, t0.Add(59*time.Minute))
	expect(t, c, t0.Add(time.Hour-1), f)
	f.FinishRoll(t0.Add(61 * time.Minute))
	f.MarkReady(c, 2, t0.Add(61*time.Minute))
	expect(t, c, t0.Add(62*time.Minute), f, Drain{ID: 1, Trigger: Generation})
}

func TestCrashesPauseAndRecover(t *testing.T) {
	c := defaults()
	f := served(c, 1)
	now := t0.Add(c.MinUptime)
	if d := f.Remove(c, 1, now); d != Crashed {
		t.Fatalf("departure %v", d)
	}
	expect(t, c, now, f, Start{Slot: 0, Generation: 1, Trigger: Crash}) // it was steady: at once
	var last time.Duration
	for n := 1; n < 12; n++ {
		w := f.Launch(Start{Slot: 0, Generation: 1, Trigger: Crash}, now)
		f.MarkReady(c, w.ID, now)
		f.Remove(c, w.ID, now)
		expect(t, c, now, f)
		at := Wake(c, now, f)
		d := at.Sub(now)
		if d < last*3/4 || d > lastPause {
			t.Errorf("pause %d is %s, after %s", n, d, last)
		}
		last = d
		expect(t, c, at, f, Start{Slot: 0, Generation: 1, Trigger: Crash})
		now = at
	}
	if last < lastPause*3/4 {
		t.Errorf("the pause only grew to %s", last)
	}
}

func TestAPoolThatNeverWorkedIsGivenUp(t *testing.T) {
	c := defaults()
	f := NewFleet(2, t0)
	for range c.StartTries {
		expect(t, c, t0.Add(time.Hour), f, Start{Slot: 0, Generation: 1, Trigger: f.Slots[0].Left})
		w := f.Launch(Start{Slot: 0, Generation: 1}, t0)
		if d := f.Remove(c, w.ID, t0); d != StartFailed {
			t.Fatalf("departure %v", d)
		}
	}
	if a := Plan(c, t0, f); len(a) != 1 || !strings.Contains(a[0].(GiveUp).Reason, "3 times") {
		t.Errorf("%+v, want it given up", a)
	}
	f.Stable = 1 // but not one that once worked
	for _, a := range Plan(c, t0.Add(time.Hour), f) {
		if _, ok := a.(GiveUp); ok {
			t.Error("given up")
		}
	}
}

func TestAgeAndCron(t *testing.T) {
	c := defaults()
	c.RestartInterval = time.Hour
	f := served(c, 1)
	if w := Wake(c, t0, f); !w.Equal(t0.Add(time.Hour)) {
		t.Errorf("wakes at %s", w)
	}
	expect(t, c, t0.Add(time.Hour), f, Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Age})

	c.RestartInterval, c.Cron = 0, everyNth(time.Hour)
	f = served(c, 1)
	f.CronAt = t0.Add(time.Minute)
	if w := Wake(c, f.CronAt, f); !w.Equal(t0.Add(time.Hour)) {
		t.Errorf("wakes at %s", w)
	}
	expect(t, c, t0.Add(time.Hour-1), f)
	expect(t, c, t0.Add(5*time.Hour), f, BeginRoll{Trigger: Cron}) // missed times count once
	f.StartRoll(BeginRoll{Trigger: Cron}, t0.Add(5*time.Hour))
	expect(t, c, t0.Add(5*time.Hour), f, Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Cron})
}

func TestASpentWorkerIsCycled(t *testing.T) {
	c := defaults()
	f := served(c, 2)
	f.MarkSpent(2)
	expect(t, c, t0, f) // there is no limit any more
	c.MaxRequests = 1000
	expect(t, c, t0, f, Start{Slot: 1, Generation: 1, Replaces: 2, Trigger: Requests})
	if reason := Plan(c, t0, f)[0].(Start).Reason; !strings.Contains(reason, "1000 requests") {
		t.Errorf("reason %q lacks the number", reason)
	}
	next := f.Launch(Plan(c, t0, f)[0].(Start), t0)
	f.MarkReady(c, next.ID, t0)
	expect(t, c, t0, f, Drain{ID: 2, Trigger: Requests})
	f.MarkSpent(99) // has gone
}

func TestADrainEndsWhenNothingIsLeft(t *testing.T) {
	c := defaults()
	f := served(c, 2)
	f.Desired = 1
	now := t0.Add(time.Second)
	f.MarkIdle(2) // it is not draining: new requests may come
	f.Retire(c, Drain{ID: 2, Trigger: Scale}, now)
	expect(t, c, now, f)
	f.MarkIdle(2)
	f.MarkIdle(99) // has gone
	expect(t, c, now, f, Stop{ID: 2})
	f.Halt(Stop{ID: 2}, now)
	expect(t, c, now.Add(c.StopTimeout-1), f)
	expect(t, c, now.Add(c.StopTimeout), f, Kill{ID: 2})
	if w := f.Find(2); w.Leaving != Scale || !w.Idle {
		t.Errorf("%+v, want it to leave idle, for the trigger of its drain", w)
	}
	if d := f.Remove(c, 2, now); d != Asked {
		t.Errorf("departure %v, want that it was asked for", d)
	}
}

// What a worker holds that only takes its time to end goes before the kernel chooses.
func TestAStoppingWorkerMakesRoom(t *testing.T) {
	c := defaults()
	c.SampleInterval = time.Second
	for name, test := range map[string]struct {
		idle  bool
		has   int64
		needs int64
		group bool
		want  []Action
	}{
		"on the verge":            {true, 200 * mib, 490 * mib, true, []Action{Kill{ID: 2}}},
		"with requests":           {false, 200 * mib, 490 * mib, true, nil},
		"of no size":              {true, 5 * mib, 490 * mib, true, nil},
		"there is room":           {true, 200 * mib, 480 * mib, true, nil},
		"the machine's, not ours": {true, 200 * mib, 490 * mib, false, nil},
	} {
		f := served(c, 2)
		f.Retire(c, Drain{ID: 2, Trigger: Total}, t0)
		if test.idle {
			f.MarkIdle(2)
		}
		f.Halt(Stop{ID: 2}, t0)
		f.Observe(c, 2, Sample{Bytes: test.has, Private: test.has, Share: test.has, Exact: true}, t0)
		f.Contain(c, Container{Limit: 512 * mib, Needed: test.needs, Group: test.group}, t0)
		if actions := deadlines(c, t0, f); len(actions) != len(test.want) || len(actions) > 0 && actions[0].(Kill).ID != 2 {
			t.Errorf("%s: %+v, want %+v", name, actions, test.want)
		}
	}
}

func TestTheDrainTimeoutIsForWhomeverIsNotIdle(t *testing.T) {
	c := defaults()
	f := served(c, 2)
	f.StopSince = t0
	for _, a := range Plan(c, t0, f) {
		f.Retire(c, a.(Drain), t0)
	}
	f.MarkIdle(1)
	expect(t, c, t0, f, Stop{ID: 1})
	f.Halt(Stop{ID: 1}, t0)
	if w := Wake(c, t0, f); !w.Equal(t0.Add(c.StopTimeout)) {
		t.Errorf("wakes at %s", w)
	}
	f.Remove(c, 1, t0)
	expect(t, c, t0.Add(c.DrainTimeout-1), f)
	expect(t, c, t0.Add(c.DrainTimeout), f, Stop{ID: 2})
	f.Abort = true
	f.MarkIdle(2)
	expect(t, c, t0, f, Kill{ID: 2}) // asked twice is at once, idle or not
}

func TestScaleDownTakesTheHighestSlots(t *testing.T) {
	c := defaults()
	f := served(c, 3)
	f.Desired = 2
	expect(t, c, t0, f, Drain{ID: 3, Trigger: Scale})
	f.Desired = 4
	expect(t, c, t0, f, Start{Slot: 3, Generation: 1})
}

func TestShutdown(t *testing.T) {
	c := defaults()
	c.ShutdownDelay = 5 * time.Second
	f := served(c, 1)
	f.Launch(Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Age}, t0)
	f.StopSince = t0
	expect(t, c, t0, f)
	if w := Wake(c, t0, f); !w.Equal(t0.Add(c.ShutdownDelay)) {
		t.Errorf("wakes at %s", w)
	}
	expect(t, c, t0.Add(c.ShutdownDelay), f, Drain{ID: 1, Trigger: Shutdown}, Stop{ID: 2, Trigger: Shutdown})
	f.Abort = true
	expect(t, c, t0, f, Kill{ID: 1}, Kill{ID: 2})
	f.Finish(Kill{ID: 1}, t0)
	if d := f.Remove(c, 1, t0); d != Asked {
		t.Errorf("departure %v, want that it was asked for", d)
	}
	f.Finish(Kill{ID: 2}, t0)
	f.Remove(c, 2, t0)
	expect(t, c, t0, f) // and nobody comes in their place
}

func TestALostWorkerIsReplacedDuringTheShutdownDelay(t *testing.T) {
	c := defaults()
	c.ShutdownDelay = time.Minute
	f := served(c, 2)
	f.StopSince = t0.Add(time.Hour)
	if d := f.Remove(c, 2, f.StopSince); d != Crashed {
		t.Errorf("departure %v, want a crash", d)
	}
	expect(t, c, f.StopSince, f, Start{Slot: 1, Generation: 1, Trigger: Crash})
}
