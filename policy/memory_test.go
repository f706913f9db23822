package policy

import (
	"strings"
	"testing"
	"time"
)

// remembering is a configuration with limits, and samples a second apart.
func remembering() Config {
	c := defaults()
	c.SampleInterval, c.MinUptime = time.Second, 10*time.Second
	return c
}

// look observes all ready workers, in MiB by worker id, from one second to
// another after t0, and the container with what they have and rest MiB more.
func look(f *Fleet, c Config, from, to int, limit, rest float64, at func(id uint64, s float64) float64) time.Time {
	now := t0
	for s := from; s < to; s++ {
		now = t0.Add(time.Duration(s) * time.Second)
		for _, w := range f.Workers {
			bytes := int64(at(w.ID, float64(s)) * mib)
			f.Observe(c, w.ID, Sample{Bytes: bytes, Private: bytes, Share: bytes}, now)
		}
		f.Contain(c, Container{Limit: int64(limit * mib), Needed: f.Total() + int64(rest*mib), Group: limit > 0}, now)
	}
	return now
}

func TestStrikesAreASampleIntervalApart(t *testing.T) {
	c := remembering()
	c.MaxMemory = 100 * mib
	f := served(c, 1)
	look(f, c, 0, 2, 0, 0, func(uint64, float64) float64 { return 50 })
	now := t0.Add(time.Minute)
	for i := range 20 {
		now = now.Add(100 * time.Millisecond)
		f.Observe(c, 1, Sample{Bytes: 110 * mib}, now)
		if due := f.Workers[0].overLimit(c, now) != ""; due != (i == 19) && due != (i == 18) {
			t.Errorf("after %d samples in %s: due %v", i+1, now.Sub(t0.Add(time.Minute)), due)
		}
	}
}

func TestFarOverTheLimitIsNotWaitedFor(t *testing.T) {
	c := remembering()
	c.MaxMemory = 100 * mib
	f := served(c, 1)
	now := look(f, c, 0, 30, 0, 0, func(_ uint64, s float64) float64 {
		if s < 28 {
			return 50
		}
		return 121
	})
	expect(t, c, now, f, Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Memory})
}

// Two workers leak alike and would be over together; a cycle takes 6 s.
func TestEqualLeaksAreSpread(t *testing.T) {
	c := remembering()
	c.MaxMemory = 300 * mib
	f := served(c, 2)
	f.learned.boots.add(5 * time.Second)
	leak := func(_ uint64, s float64) float64 { return 20 + 5*s } // over at 56 s
	now := look(f, c, 0, 30, 0, 0, leak)
	expect(t, c, now, f)
	now = look(f, c, 30, 43, 0, 0, leak)
	expect(t, c, now, f, Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Memory})
	if why := Plan(c, now, f)[0].(Start).Reason; !strings.Contains(why, "grows by 5MiB/s and would be over 300MiB in 1") || !strings.Contains(why, "1 more") {
		t.Error(why)
	}
	// Alone it has time.
	f.Workers = f.Workers[:1]
	f.Desired = 1
	expect(t, c, now, f)
}

func TestTheBudgetTakesWhoHasGrownMost(t *testing.T) {
	c := remembering()
	c.MaxTotalMemory = 500 * mib
	f := served(c, 3)
	// One is large, one has just warmed up, one leaks.
	at := func(id uint64, s float64) float64 {
		switch id {
		case 1:
			return 220
		case 2:
			return 60 + min(s, 30)
		}
		return 50 + max(0, s-60)*2
	}
	now := look(f, c, 0, 100, 0, 0, at)
	expect(t, c, now, f)
	now = look(f, c, 100, 140, 0, 0, at)
	expect(t, c, now, f, Start{Slot: 2, Generation: 1, Replaces: 3, Trigger: Total})
}

func TestTheContainerCountsToo(t *testing.T) {
	c := remembering()
	c.MaxTotalMemory = 900 * mib
	f := served(c, 1)
	at := func(_ uint64, s float64) float64 { return 100 + s/5 }
	now := look(f, c, 0, 5*340, 1000, 400, at)
	expect(t, c, now, f)
	now = look(f, c, 5*340, 5*355, 1000, 400, at) // 454 by its worker, 854 in all, and 110 for a fresh one hardly fit
	expect(t, c, now, f, Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Total})
}

// Where fresh workers need more than there may be, restarting helps nobody.
func TestWarmWorkersAreNotCycledForTheBudget(t *testing.T) {
	c := remembering()
	c.MaxTotalMemory = 300 * mib
	f := served(c, 4)
	now := look(f, c, 0, 100, 0, 0, func(_ uint64, s float64) float64 { return 60 + min(40, s) })
	actions := Plan(c, now, f)
	if len(actions) != 1 {
		t.Fatalf("%+v", actions)
	}
	brake, ok := actions[0].(Brake)
	if !ok || brake.Trigger != Total || !strings.Contains(brake.Reason, "4 workers need 400MiB") {
		t.Fatalf("%+v", actions)
	}
	f.Pause(brake)
	expect(t, c, now, f)
	// One leaks after all.
	now = look(f, c, 100, 200, 0, 0, func(id uint64, s float64) float64 {
		if id == 4 {
			return s
		}
		return 100
	})
	expect(t, c, now, f, Resume{Trigger: Total})
	f.Unpause(Resume{Total})
	expect(t, c, now, f, Start{Slot: 3, Generation: 1, Replaces: 4, Trigger: Total})
}

func TestASurgeThatDoesNotFitGoesStopFirst(t *testing.T) {
	c := remembering()
	c.MaxMemory = 300 * mib
	f := served(c, 2)
	at := func(_ uint64, s float64) float64 { return 250 }
	look(f, c, 0, 30, 1000, 300, at) // 800 of 1000: no 275 more
	f.Workers[0].Due = t0.Add(time.Second)
	now := t0.Add(time.Minute)
	actions := Plan(c, now, f)
	drain, ok := actions[0].(Drain)
	if !ok || drain.ID != 1 || drain.Trigger != Age || !strings.Contains(drain.NoRoom, "a fresh worker takes 275MiB, and of 1000MiB only 200MiB are free") {
		t.Fatalf("%+v", actions)
	}
	f.Retire(c, drain, now)
	expect(t, c, now, f) // nothing starts before it has gone
	f.Contain(c, Container{Limit: 1000 * mib, Needed: 550 * mib, Group: true}, now)
	expect(t, c, now, f, Start{Slot: 0, Generation: 1, Trigger: Age})
	f.Contain(c, Container{Limit: 1000 * mib, Needed: 800 * mib, Group: true}, now)
	f.Remove(c, 1, now)
	expect(t, c, now, f, Start{Slot: 0, Generation: 1, Trigger: Age}) // whatever there is: the slot is empty
}

func TestALimitBelowAFreshWorkerIsPaused(t *testing.T) {
	c := remembering()
	c.MaxMemory = 50 * mib
	f := served(c, 1)
	now := t0
	cycles := 0
	for range 100 {
		now = now.Add(time.Second)
		for _, w := range f.Workers {
			f.Observe(c, w.ID, Sample{Bytes: 80 * mib, Private: 80 * mib, Share: 80 * mib}, now)
		}
		for _, a := range Plan(c, now, f) {
			switch a := a.(type) {
			case Start:
				w := f.Launch(a, now)
				f.MarkReady(c, w.ID, now)
				cycles++
			case Drain:
				f.Retire(c, a, now)
				f.Remove(c, a.ID, now)
			case Brake:
				if !strings.Contains(a.Reason, "a max-memory of 50MiB is below what a fresh worker needs") || !strings.Contains(a.Reason, "Set it to 100MiB or more") {
					t.Error(a.Reason)
				}
				f.Pause(a)
			default:
				t.Fatalf("%+v", a)
			}
		}
	}
	if cycles != mostFutile || f.Brakes[Memory] == "" {
		t.Fatalf("%d cycles, paused: %v", cycles, f.Brakes)
	}
	// One that has doubled since is a leak after all.
	g := f.Clone()
	for i := range 5 {
		g.Observe(c, g.Workers[0].ID, Sample{Bytes: 170 * mib, Private: 170 * mib, Share: 170 * mib}, now.Add(time.Duration(i)*time.Second))
	}
	expect(t, c, now.Add(5*time.Second), g, Resume{Trigger: Memory})
	g.Unpause(Resume{Memory})
	expect(t, c, now.Add(5*time.Second), g, Start{Slot: 0, Generation: 1, Replaces: g.Workers[0].ID, Trigger: Memory})
	if !f.Release() {
		t.Error("nothing was paused")
	}
	expect(t, c, now, f, Start{Slot: 0, Generation: 1, Replaces: f.Workers[0].ID, Trigger: Memory})
}

func TestPace(t *testing.T) {
	c := remembering()
	c.MaxMemory = 300 * mib
	for name, test := range map[string]struct {
		rate float64
		want time.Duration
	}{
		"flat":          {0, time.Second},
		"slow":          {0.5, time.Second},
		"soon":          {10, 312 * time.Millisecond},
		"in a few secs": {20, 100 * time.Millisecond},
	} {
		f := served(c, 1)
		look(f, c, 0, 11, 0, 0, func(_ uint64, s float64) float64 { return 100 + test.rate*s })
		if got := Pace(c, f).Round(time.Millisecond); got < test.want*9/10 || got > test.want*11/10 {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
