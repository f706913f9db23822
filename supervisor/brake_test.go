package supervisor

import (
	"slices"
	"testing"
	"time"

	"rota/policy"
)

func TestBrakes(t *testing.T) {
	const why = "a limit of 64MiB is below the 100MiB of a fresh worker"
	for name, c := range map[string]struct {
		do      func(f *fixture)
		resumes bool
	}{
		"a new generation":            {func(f *fixture) { f.roll("SIGHUP") }, true},
		"the same configuration":      {func(f *fixture) { f.reload(f.config) }, false},
		"another limit":               {func(f *fixture) { c := f.config; c.Policy.MaxMemory = 1; f.reload(c) }, true},
		"another budget":              {func(f *fixture) { c := f.config; c.Policy.MaxTotalMemory = 1; f.reload(c) }, true},
		"another number of workers":   {func(f *fixture) { c := f.config; c.Workers = 1; f.reload(c) }, true},
		"one worker fewer":            {func(f *fixture) { f.scale(f.fleet.Desired - 1) }, true},
		"another environment":         {func(f *fixture) { c := f.config; c.Env = []string{"A=1"}; f.reload(c) }, true},
		"the schedule":                {func(f *fixture) { f.carryOut(policy.BeginRoll{Trigger: policy.Cron}, f.now) }, false},
		"policy, which knows it best": {func(f *fixture) { f.carryOut(policy.Resume{Trigger: policy.Memory}, f.now) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 2)
			f.carryOut(policy.Brake{Trigger: policy.Memory, Reason: why}, f.now)
			got := f.of(MemoryPaused)
			if len(got) != 1 || got[0].Trigger != policy.Memory || got[0].Reason != why {
				t.Fatalf("%+v", got)
			}
			f.publish(f.now)
			if f.Status().Paused[policy.Memory] != why {
				t.Errorf("paused: %v", f.Status().Paused)
			}
			c.do(f)
			f.publish(f.now)
			if paused := f.Status().Paused; (len(paused) == 0) != c.resumes || (len(f.of(MemoryResumed)) == 1) != c.resumes {
				t.Errorf("paused: %v, %+v; want it resumed: %v", paused, f.of(MemoryResumed), c.resumes)
			}
			f.roll("once more")
			f.roll("and again")
			if n := len(f.of(MemoryResumed)); n != 1 {
				t.Errorf("%d times resumed, want 1", n)
			}
		})
	}
}

// reload takes a configuration over, without a loop that would.
func (f *fixture) reload(next Config) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Reload(next, false, "")
	}()
	f.hear(<-f.messages)
	<-done
}

func TestStopFirstIsSaid(t *testing.T) {
	f := newFixture(t, 2)
	f.carryOut(policy.Drain{ID: 1, Trigger: policy.Memory, Reason: "over", NoRoom: "100MiB needed, 12MiB free"}, f.now)
	var kinds []Kind
	for _, e := range f.events {
		kinds = append(kinds, e.Kind)
	}
	if want := []Kind{CycleBegan, StopFirst, WorkerDraining}; !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
	if got := f.of(StopFirst); len(got) != 1 || got[0].Reason != "100MiB needed, 12MiB free" || got[0].Worker != 1 {
		t.Errorf("%+v", got)
	}
	f = newFixture(t, 2)
	f.carryOut(policy.Drain{ID: 1, Trigger: policy.Memory, Reason: "over"}, f.now)
	if got := f.of(StopFirst); len(got) > 0 {
		t.Errorf("%+v, although there was room", got)
	}
}

// However costly a look is, looking takes no more than half a percent of a core
// in the long run, and one costly look does not blind the pool for long.
func TestLookingHasABudget(t *testing.T) {
	for name, costs := range map[string][]time.Duration{
		"cheap":        {50 * time.Microsecond},
		"costly":       {20 * time.Millisecond},
		"now and then": {100 * time.Millisecond, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		f := newFixture(t, 1)
		f.config.Policy.SampleInterval = 100 * time.Millisecond
		for _, w := range f.fleet.Workers { // until there is a look at each, they come faster
			f.fleet.Observe(f.config.Policy, w.ID, policy.Sample{Bytes: mib}, f.now)
		}
		var work, passed, longest time.Duration
		for i := range 10000 {
			cost := costs[i%len(costs)]
			f.onSampled(sampled{at: f.now, work: cost, container: f.container.now}, f.now)
			work, passed, longest = work+cost, passed+f.pace(), max(longest, f.pace())
		}
		if share := work.Seconds() / passed.Seconds(); share > .00501 {
			t.Errorf("%s: %.2f %% of a core", name, 100*share)
		}
		if name == "cheap" && longest != f.config.Policy.SampleInterval {
			t.Errorf("%s: %s between looks", name, longest)
		}
		if most := 5 * time.Second; longest > most {
			t.Errorf("%s: %s between looks, want %s at most", name, longest, most)
		}
	}
}
