package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// newRelease begins a roll to another release, as an operator does.
func newRelease(f *Fleet, now time.Time) {
	f.NewGeneration()
	f.StartRoll(BeginRoll{Trigger: Generation, Reason: "SIGHUP"}, now)
}

// relieve plays a cycle to its end: the successor is ready, the old worker goes.
func relieve(t *testing.T, c Config, now time.Time, f *Fleet, a Start) Worker {
	t.Helper()
	w := f.Launch(a, now)
	f.MarkReady(c, w.ID, now)
	for _, a := range Plan(c, now, f) {
		f.Retire(c, a.(Drain), now)
		f.Remove(c, a.(Drain).ID, now)
	}
	return w
}

func TestAPausedRollBeginsNoCycle(t *testing.T) {
	c := defaults()
	c.RestartInterval = time.Hour
	f := served(c, 3)
	newRelease(f, t0)
	next := Plan(c, t0, f)[0].(Start)
	w := f.Launch(next, t0)
	f.Roll.Paused = true
	f.MarkReady(c, w.ID, t0) // a cycle under way is finished
	expect(t, c, t0, f, Drain{ID: 1, Trigger: Generation})
	f.Retire(c, Drain{ID: 1, Trigger: Generation}, t0)
	f.Remove(c, 1, t0)
	expect(t, c, t0, f)
	if f.Roll.Replaced != 1 || f.Roll.Total(3) != 3 {
		t.Errorf("%d of %d", f.Roll.Replaced, f.Roll.Total(3))
	}
	// All else goes on, and the new release spreads no further.
	f.Find(2).Due = t0
	expect(t, c, t0, f, Start{Slot: 1, Generation: 1, Replaces: 2, Trigger: Age})
	f.Find(2).Due = time.Time{}
	f.Find(w.ID).Due = t0
	expect(t, c, t0, f, Start{Slot: 0, Generation: 2, Replaces: w.ID, Trigger: Age})
	f.Find(w.ID).Due = time.Time{}
	f.Remove(c, 3, t0.Add(time.Minute))
	expect(t, c, t0.Add(time.Minute), f, Start{Slot: 2, Generation: 1, Trigger: Crash})
	f.Roll.Paused = false
	expect(t, c, t0.Add(time.Minute), f, Start{Slot: 2, Generation: 2, Trigger: Crash}) // it has proved itself
}

func TestAPausedRollDoesNotSpreadToNewSlots(t *testing.T) {
	c := defaults()
	f := served(c, 2)
	newRelease(f, t0)
	relieve(t, c, t0, f, Plan(c, t0, f)[0].(Start))
	f.Roll.Paused = true
	f.Desired = 3
	start := Start{Slot: 2, Generation: 1}
	expect(t, c, t0, f, start)
	w := f.Launch(start, t0)
	f.MarkReady(c, w.ID, t0)
	f.Roll.Paused = false
	relieve(t, c, t0, f, Plan(c, t0, f)[0].(Start))
	expect(t, c, t0, f, Start{Slot: 2, Generation: 2, Replaces: w.ID, Trigger: Generation}) // it is rolled, too
}

func TestAPausedStopFirstCycleIsFinishedToo(t *testing.T) {
	c := defaults()
	c.MaxSurge, c.MaxUnavailable = 0, 1
	f := served(c, 2)
	newRelease(f, t0)
	expect(t, c, t0, f, Drain{ID: 1, Trigger: Generation})
	f.Retire(c, Drain{ID: 1, Trigger: Generation, Reason: "SIGHUP"}, t0)
	f.Roll.Paused = true
	f.Remove(c, 1, t0)
	if got := Plan(c, t0, f); len(got) != 1 || got[0] != (Start{Slot: 0, Generation: 2, Trigger: Generation, Reason: "SIGHUP"}) {
		t.Errorf("%+v", got)
	}
}

func TestAnotherRollIsNotPaused(t *testing.T) {
	c := defaults()
	f := served(c, 2)
	newRelease(f, t0)
	f.Roll.Paused = true
	newRelease(f, t0.Add(time.Second))
	if f.Roll.ID != 2 || f.Roll.Paused {
		t.Errorf("%+v", f.Roll)
	}
	if got := f.Rolls[0]; len(f.Rolls) != 1 || got.ID != 1 || got.Result != RollResultSuperseded || got.Of != 2 || got.Ended != t0.Add(time.Second) {
		t.Errorf("%+v", f.Rolls)
	}
	expect(t, c, t0, f, Start{Slot: 0, Generation: 3, Replaces: 1, Trigger: Generation})
}

func TestAnAbortedRollGoesBack(t *testing.T) {
	c := defaults()
	f := served(c, 3)
	newRelease(f, t0)
	first := relieve(t, c, t0, f, Plan(c, t0, f)[0].(Start))
	second := f.Launch(Plan(c, t0, f)[0].(Start), t0)
	f.AbortRoll(t0)
	if got := f.Rolls[0]; f.Roll != nil || got.Result != RollResultAborted || got.Replaced != 1 || got.Of != 3 {
		t.Errorf("%+v, %+v", f.Roll, f.Rolls)
	}
	expect(t, c, t0, f, Stop{ID: second.ID, Trigger: Generation})
	f.Halt(Plan(c, t0, f)[0].(Stop), t0)
	if got := f.Remove(c, second.ID, t0); got != Asked {
		t.Errorf("its end meant %v, which is no failure", got)
	}
	if f.CycleFails != 0 || f.Slots[1].Failures != 0 || !f.serving(2) || !f.serving(first.ID) {
		t.Errorf("%+v", f)
	}
	expect(t, c, t0, f)
	f.Remove(c, first.ID, t0.Add(time.Minute)) // crashes
	expect(t, c, t0.Add(time.Minute), f, Start{Slot: 0, Generation: 1, Trigger: Crash})
}

// A roll that brings no new release leaves alone what fills an empty place.
func TestAnAbortedScheduleLeavesAloneWhatNobodyServesFor(t *testing.T) {
	c := defaults()
	c.MaxSurge, c.MaxUnavailable = 0, 1
	c.Cron = everyNth(time.Hour)
	f := served(c, 2)
	f.StartRoll(BeginRoll{Trigger: Cron}, t0)
	f.Retire(c, Plan(c, t0, f)[0].(Drain), t0)
	f.Remove(c, 1, t0)
	f.Launch(Plan(c, t0, f)[0].(Start), t0)
	f.AbortRoll(t0.Add(90 * time.Minute))
	expect(t, c, t0.Add(time.Second), f)
	f.MarkReady(c, 3, t0.Add(90*time.Minute))
	expect(t, c, t0.Add(91*time.Minute), f) // what fired meanwhile is over with it
	expect(t, c, t0.Add(2*time.Hour), f, BeginRoll{Trigger: Cron})
}

func TestTheTotalOfARollFollowsTheNumberOfWorkers(t *testing.T) {
	c := defaults()
	f := served(c, 4)
	newRelease(f, t0)
	relieve(t, c, t0, f, Plan(c, t0, f)[0].(Start))
	for desired, want := range map[int]int{4: 4, 2: 2, 1: 1, 6: 4} {
		if got := f.Roll.Total(desired); got != want {
			t.Errorf("with %d wanted: %d, want %d", desired, got, want)
		}
	}
	g := f.Clone()
	g.Roll.replaced(3)
	if f.Roll.Total(4) != 4 || f.Roll.Replaced != 1 {
		t.Errorf("a copy shares the roll: %+v", f.Roll)
	}
}

func TestOnlyTheLastRollsAreRemembered(t *testing.T) {
	c := defaults()
	f := served(c, 1)
	for range mostRolls + 5 {
		newRelease(f, t0)
	}
	before := f.Rolls
	f.FinishRoll(t0)
	f.NoteWhy("why")
	if len(f.Rolls) != mostRolls || f.Rolls[0].ID != mostRolls+5 || f.Rolls[0].Why != "why" || f.Rolls[mostRolls-1].ID != 6 {
		t.Errorf("%d: %+v", len(f.Rolls), f.Rolls)
	}
	if before[0].ID != mostRolls+4 {
		t.Errorf("what was given out has changed: %+v", before[0])
	}
}

func TestRecall(t *testing.T) {
	c := defaults()
	c.MaxMemory = 100
	f := served(c, 3)
	newRelease(f, t0)
	now := t0.Add(time.Minute)
	if f.Recall(3) || !f.Recall(2) || !f.Recall(2) {
		t.Error("there are the slots 0 to 2")
	}
	f.Slots[2] = Slot{Generation: 1}
	expect(t, c, now, f, Start{Slot: 2, Generation: 2, Replaces: 3, Trigger: Operator}) // before the roll
	observe(f, c, 2, 3, 101)
	expect(t, c, now, f, Start{Slot: 1, Generation: 2, Replaces: 2, Trigger: Memory}) // but after this
	observe(f, c, 2, 1, 50)
	w := relieve(t, c, now, f, Plan(c, now, f)[0].(Start))
	if w.Slot != 2 || slices.ContainsFunc(f.Workers, func(w Worker) bool { return w.Recalled }) {
		t.Errorf("asked twice, there is one cycle: %+v", f.Workers)
	}
}

func TestRecallOfASlotWithTwoWorkersOrOneTooMany(t *testing.T) {
	c := defaults()
	f := served(c, 3)
	next := f.Launch(Start{Slot: 1, Generation: 1, Replaces: 2, Trigger: Age}, t0)
	f.MarkReady(c, next.ID, t0)
	if f.Recall(1); !f.Find(next.ID).Recalled || f.Find(2).Recalled {
		t.Errorf("who goes anyway was asked for: %+v", f.Workers)
	}
	f.Desired = 2
	if f.Recall(2) || f.Find(3).Recalled {
		t.Errorf("a slot that is to go was asked for: %+v", f.Workers)
	}
}

func TestTheScheduleDoesNotEndARoll(t *testing.T) {
	c := defaults()
	c.Cron = everyNth(time.Hour)
	f := served(c, 2)
	newRelease(f, t0)
	f.Roll.Paused = true
	day := t0.Add(24 * time.Hour)
	expect(t, c, day, f)
	if at := Wake(c, day, f); !at.IsZero() {
		t.Errorf("wakes at %s for a schedule that is not heeded", at)
	}
	f.Roll.Paused = false
	for f.Roll.Replaced < 2 {
		relieve(t, c, day, f, Plan(c, day, f)[0].(Start))
	}
	expect(t, c, day, f, EndRoll{})
	f.FinishRoll(day)
	expect(t, c, day, f) // all that has fired meanwhile is served
	expect(t, c, day.Add(time.Hour), f, BeginRoll{Trigger: Cron})
}

func TestRecallOfAWorkerThatCannotBeReplaced(t *testing.T) {
	c := defaults()
	f := served(c, 2)
	f.CycleFails, f.CycleFail = 5, t0
	f.Recall(0) // whoever asks may have mended what failed
	start := Plan(c, t0, f)[0].(Start)
	if start.Trigger != Operator {
		t.Fatalf("%+v", start)
	}
	w := f.Launch(start, t0)
	if got := f.Remove(c, w.ID, t0); got != ReplacementFailed {
		t.Errorf("%v", got)
	}
	if !f.serving(1) || f.Find(1).Recalled {
		t.Errorf("the wish is not over: %+v", f.Workers)
	}
	expect(t, c, t0.Add(time.Hour), f)
}

func TestForesee(t *testing.T) {
	c := defaults()
	f := served(c, 3)
	if got := Foresee(c, t0, f); got != nil {
		t.Errorf("%+v, with nothing set", got)
	}
	f.Find(1).Due, f.Find(2).Due = t0.Add(2*time.Hour), t0.Add(time.Hour)
	look := func(now time.Time) string {
		n := Foresee(c, now, f)
		if n == nil {
			return "none"
		}
		return fmt.Sprintf("%d %s %s", n.Slot, n.Trigger, n.At.Sub(t0))
	}
	for _, step := range []struct {
		do   func()
		at   time.Duration
		want string
	}{
		{func() {}, 0, "1 age 1h0m0s"},
		{func() {}, 3 * time.Hour, "1 age 3h0m0s"}, // it only waits for its turn
		{func() { c.Cron = everyNth(30 * time.Minute) }, 0, "-1 cron 30m0s"},
		{func() { newRelease(f, t0) }, 0, "1 age 1h0m0s"}, // which serves the schedule too
		{func() { f.Workers[1].State = Draining }, 0, "0 age 2h0m0s"},
		{func() { f.StopSince = t0 }, 0, "none"},
	} {
		if step.do(); look(t0.Add(step.at)) != step.want {
			t.Errorf("%s, want %s", look(t0.Add(step.at)), step.want)
		}
	}
}

func TestForeseesALimitThatIsReached(t *testing.T) {
	c := defaults()
	c.MaxMemory, c.SampleInterval = 1000*mib, time.Second
	f := served(c, 2)
	now := t0
	for i := range 400 {
		now = t0.Add(time.Duration(i) * time.Second)
		observeAt(f, c, 1, now, int64(100+i)*mib)
		observeAt(f, c, 2, now, 100*mib)
	}
	n := Foresee(c, now, f)
	if n == nil || n.Slot != 0 || n.Trigger != Memory || n.At.Before(t0.Add(800*time.Second)) || n.At.After(t0.Add(900*time.Second)) {
		t.Fatalf("%+v, at %s", n, now.Sub(t0))
	}
	e := explanation(t, c, now, f, 1)
	if m := e[Memory]; m.Due || !m.At.Equal(n.At) || m.Now != float64(499*mib) || !strings.Contains(m.Text, "is expected to reach that in") {
		t.Errorf("%+v", m)
	}
	f.Brakes = map[Trigger]string{Memory: "it does not help"}
	if n := Foresee(c, now, f); n != nil {
		t.Errorf("%+v, although such cycles are paused", n)
	}
}

func observeAt(f *Fleet, c Config, id uint64, now time.Time, bytes int64) {
	f.Observe(c, id, Sample{Bytes: bytes, Private: bytes, Share: bytes}, now)
}
