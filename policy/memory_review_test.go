package policy

import (
	"fmt"
	"testing"
	"time"
)

// Where every look is exact, since nothing better is to be had or samples are
// rare, growth between them is growth.
func TestExactLooksInARowShowGrowth(t *testing.T) {
	c := remembering()
	c.MaxMemory = 300 * mib
	f := served(c, 1)
	now := t0
	for s := range 60 {
		now = t0.Add(time.Duration(s) * time.Second)
		bytes := int64(20+5*s) * mib // over at 56 s
		f.Observe(c, 1, Sample{Bytes: bytes, Private: bytes, Share: bytes, Shared: true, Exact: true}, now)
		if len(Plan(c, now, f)) > 0 {
			break
		}
	}
	if has := f.Workers[0].Memory; has > 300*mib || len(Plan(c, now, f)) == 0 {
		t.Errorf("nothing before it has %s", size(has))
	}
}

// What processes share is counted for each until the first exact look: no worker
// of four copies takes four times its memory, nor has it shrunk when that is seen.
func TestAFirstExactLookSetsWhatItTakes(t *testing.T) {
	c := remembering()
	f := NewFleet(1, t0)
	w := f.Launch(Start{Slot: 0, Generation: 1}, t0)
	see := func(s int, bytes int64, exact bool) {
		f.Observe(c, w.ID, Sample{Bytes: bytes * mib, Private: bytes * mib, Share: bytes * mib, Shared: true, Exact: exact}, t0.Add(time.Duration(s)*time.Second))
	}
	for s := range 5 {
		see(s, 1200, false)
	}
	f.MarkReady(c, w.ID, t0.Add(5*time.Second))
	see(5, 1200, false)
	see(6, 1210, false)
	see(7, 340, true)
	if fresh := f.freshSize(c); fresh > 400*mib {
		t.Errorf("a fresh worker takes %s", size(fresh))
	}
	if base := f.Workers[0].base; base > 340*mib {
		t.Errorf("it began at %s and has 340 MiB", size(base))
	}
}

// That memory has just come down is no room for a surge.
func TestAFallIsNoRoom(t *testing.T) {
	c := remembering()
	f := served(c, 2)
	f.learned.boots.add(5 * time.Second)
	now := look(f, c, 0, 16, 1000, 100, func(_ uint64, s float64) float64 { return 400 - 10*s })
	if f.noRoom(c, now) == "" { // 600 of 1000, and a fresh one takes 440
		t.Error("it fits")
	}
}

// Without a look at a container the workers' own sum counts.
func TestTheBudgetNeedsNoContainer(t *testing.T) {
	c := remembering()
	c.MaxTotalMemory = 900 * mib
	f := served(c, 1)
	for s := range 30 {
		now := t0.Add(time.Duration(s) * time.Second)
		bytes := int64(50+5*s) * mib
		f.Observe(c, 1, Sample{Bytes: bytes, Private: bytes, Share: bytes}, now)
		expect(t, c, now, f)
	}
}

// An exact look that is not to be had holds up neither other cycles nor, for ever,
// the one that waits for it.
func TestNothingWaitsForeverForAnExactLook(t *testing.T) {
	c := remembering()
	c.MaxTotalMemory = 500 * mib
	f := served(c, 2)
	shared := func(from, to int, rate float64) time.Time {
		now := t0
		for s := from; s < to; s++ {
			now = t0.Add(time.Duration(s) * time.Second)
			for _, w := range f.Workers {
				bytes := int64((50 + rate*max(0, float64(s-60))) * mib)
				f.Observe(c, w.ID, Sample{Bytes: bytes, Private: bytes, Share: bytes, Shared: true, Exact: s == 0}, now)
			}
			f.Contain(c, Container{Limit: 1000 * mib, Needed: f.Total(), Group: true}, now)
		}
		return now
	}
	now := shared(0, 160, 2.02) // 250 each
	expect(t, c, now, f, Measure{ID: 1})
	f.Workers[1].Due = now
	expect(t, c, now, f, Start{Slot: 1, Generation: 1, Replaces: 2, Trigger: Age}, Measure{ID: 1})
	f.Workers[1].Due = time.Time{}
	now = shared(160, 180, 2.02)
	expect(t, c, now, f, Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Total})
}

// Who has lived long is helped by a cycle, whatever those before it were.
func TestALongLifeIsNotPaused(t *testing.T) {
	c := remembering()
	c.MaxMemory = 300 * mib
	f := served(c, 1)
	f.learned.futile = mostFutile
	now := look(f, c, 0, 2000, 0, 0, func(_ uint64, s float64) float64 {
		if s < 1990 {
			return 100
		}
		return 320
	})
	expect(t, c, now, f, Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Memory})
	// But to have been over the limit for long is no life.
	f = served(c, 1)
	f.learned.futile = mostFutile
	now = look(f, c, 0, 2000, 0, 0, func(_ uint64, s float64) float64 {
		if s < 60 {
			return 100
		}
		return 320
	})
	if actions := Plan(c, now, f); len(actions) != 1 || actions[0].(Brake).Trigger != Memory {
		t.Errorf("%+v", actions)
	}
}

// Two in one slot are not one in each: a slot that is not served is not joined by another.
func TestStopFirstOnlyWhereEverySlotIsServed(t *testing.T) {
	c := remembering()
	c.MaxSurge = 2
	f := served(c, 3)
	look(f, c, 0, 30, 1000, 300, func(uint64, float64) float64 { return 200 })
	w := f.Launch(Start{Slot: 0, Generation: 1, Replaces: 1}, t0)
	f.MarkReady(c, w.ID, t0)
	now := t0.Add(30 * time.Second)
	f.Remove(c, 3, now)
	f.Slots[2] = Slot{Failures: 1, Failed: now, Left: Crash}
	f.Contain(c, Container{Limit: 1000 * mib, Needed: 900 * mib, Group: true}, now)
	f.Find(2).Due = now
	expect(t, c, now, f)
}

// What the container needed while a worker was still growing into its size is no
// measure of the room there is beside it.
func TestAWorkerThatHasJustBegunTakesItsRoom(t *testing.T) {
	c := remembering()
	f := served(c, 2)
	contain := func(now time.Time, sizes ...int64) {
		needed := int64(0)
		for i, bytes := range sizes {
			needed += bytes * mib
			f.Observe(c, uint64(i+1), Sample{Bytes: bytes * mib, Private: bytes * mib, Share: bytes * mib}, now)
		}
		f.Contain(c, Container{Limit: 400 * mib, Needed: needed, Group: true}, now)
	}
	for s := range 10 {
		contain(t0.Add(time.Duration(s)*time.Second), 100, 100)
	}
	now := t0.Add(10 * time.Second)
	f.Desired = 3
	w := f.Launch(Start{Slot: 2, Generation: 1}, now)
	contain(now.Add(100*time.Millisecond), 100, 100, 10)
	contain(now.Add(200*time.Millisecond), 100, 100, 50)
	now = now.Add(300 * time.Millisecond)
	f.MarkReady(c, w.ID, now)
	contain(now, 100, 100, 100)
	if f.noRoom(c, now.Add(time.Millisecond)) == "" { // 92 of 400
		t.Error("it fits")
	}
}

// What cannot be looked at is not looked at all the faster for ever.
func TestPaceOfAWorkerThatIsNeverSeen(t *testing.T) {
	c := remembering()
	f := served(c, 1)
	for s := range 5 {
		f.Contain(c, Container{Limit: 400 * mib, Needed: 100 * mib}, t0.Add(time.Duration(s)*time.Second))
		if pace := Pace(c, f); (pace < c.SampleInterval) != (s == 0) {
			t.Errorf("after %d s: %s", s, pace)
		}
	}
}

// A limit that is passed in one step, early in each life, is below what a worker
// needs; one that is passed in several is not kept by pausing.
func TestAJumpIsFutileAndStepsAreNot(t *testing.T) {
	type life struct {
		at     func(age float64) float64
		paused bool
	}
	lives := map[string]life{"steps": {func(age float64) float64 { return 50 + 90*float64(int(age/60)) }, false}}
	for _, late := range []float64{5, 10, 15, 20, 30, 45, 61, 100, 500} {
		lives[fmt.Sprintf("a jump after %v s", late)] = life{func(age float64) float64 {
			if age < late {
				return 50
			}
			return 320
		}, true}
	}
	for name, test := range lives {
		c := remembering()
		c.MaxMemory = 300 * mib
		f := served(c, 1)
		cycles := 0
		for s := range 3600 {
			now := t0.Add(time.Duration(s) * time.Second)
			for _, w := range f.Workers {
				bytes := int64(test.at(now.Sub(w.ReadyAt).Seconds()) * mib)
				f.Observe(c, w.ID, Sample{Bytes: bytes, Private: bytes, Share: bytes}, now)
			}
			for _, a := range Plan(c, now, f) {
				switch a := a.(type) {
				case Start:
					f.MarkReady(c, f.Launch(a, now).ID, now)
					cycles++
				case Drain:
					f.Retire(c, a, now)
					f.Remove(c, a.ID, now)
				case Brake:
					f.Pause(a)
				}
			}
		}
		if paused := f.Brakes[Memory] != ""; paused != test.paused || paused != (cycles == mostFutile) {
			t.Errorf("%s: %d cycles, paused %v", name, cycles, paused)
		}
	}
}

// A capture of which nothing is heard holds up nobody beyond its time.
func TestACaptureThatNeverEndsHoldsUpNoCycle(t *testing.T) {
	c := remembering()
	c.MaxMemory, c.MaxSurge, c.MaxUnavailable = 300*mib, 0, 1
	c.Capture, c.CaptureServing, c.CaptureTimeout = true, true, 30*time.Second
	f := served(c, 1)
	now := look(f, c, 0, 20, 0, 0, func(_ uint64, s float64) float64 { return 100 + 250*float64(int(s)/10) })
	capture := Plan(c, now, f)[0].(Capture)
	f.Examine(capture, now)
	expect(t, c, now, f)
	now = now.Add(c.CaptureTimeout)
	expect(t, c, now, f, Drain{ID: 1, Trigger: Memory})
	f.Workers[0].Memory, f.Workers[0].Over = 0, 0
	f.Workers[0].Due = now
	expect(t, c, now, f, Drain{ID: 1, Trigger: Age})
}

// A worker that is ready but was not looked at yet takes as much as one that starts.
func TestAWorkerThatWasNotLookedAtTakesItsRoom(t *testing.T) {
	c := remembering()
	f := served(c, 2)
	look(f, c, 0, 10, 400, 0, func(uint64, float64) float64 { return 100 })
	now := t0.Add(10 * time.Second)
	f.Desired = 3
	w := f.Launch(Start{Slot: 2, Generation: 1}, now)
	f.Contain(c, Container{Limit: 400 * mib, Needed: 210 * mib, Group: true}, now)
	f.MarkReady(c, w.ID, now.Add(time.Second))
	if f.noRoom(c, now.Add(time.Second)) == "" { // 200 and its 110 of 400
		t.Error("it fits")
	}
}

// What a release takes that is no more counts only until the next has shown its size.
func TestASmallerReleaseIsNotTakenForTheOneBefore(t *testing.T) {
	c := remembering()
	f := served(c, 2)
	now := look(f, c, 0, 30, 1000, 0, func(uint64, float64) float64 { return 400 })
	generation := f.NewGeneration()
	if fresh := f.freshSize(c); fresh != 440*mib {
		t.Errorf("before it was seen it takes %s", size(fresh))
	}
	w := f.Launch(Start{Slot: 0, Generation: generation, Replaces: 1}, now)
	f.MarkReady(c, w.ID, now)
	f.Observe(c, w.ID, Sample{Bytes: 100 * mib, Private: 100 * mib, Share: 100 * mib}, now.Add(time.Second))
	if fresh := f.freshSize(c); fresh != 110*mib {
		t.Errorf("it takes %s", size(fresh))
	}
}

// What made workers too large may pass: they stay under the limit then.
func TestAPauseEndsWithItsCause(t *testing.T) {
	c := remembering()
	c.MaxMemory = 300 * mib
	f := served(c, 2)
	look(f, c, 0, 60, 0, 0, func(uint64, float64) float64 { return 330 })
	f.Pause(Brake{Memory, "a fresh worker needs more"})
	now := look(f, c, 60, 650, 0, 0, func(uint64, float64) float64 { return 100 })
	expect(t, c, now, f)
	if at := Wake(c, now, f); at.Before(t0.Add(658*time.Second)) || at.After(t0.Add(660*time.Second)) {
		t.Errorf("wakes at +%s", at.Sub(t0))
	}
	now = look(f, c, 650, 661, 0, 0, func(uint64, float64) float64 { return 100 })
	expect(t, c, now, f, Resume{Trigger: Memory})
}
