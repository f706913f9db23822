package supervisor

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/policy"
	"rota/procstats"
)

// asks has an operator ask for something, without a loop that would hear it.
func (f *fixture) asks(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	f.hear(<-f.messages)
	<-done
}

func (f *fixture) refuses(t *testing.T, want error, do ...func() error) {
	t.Helper()
	for i, do := range do {
		var err error
		f.asks(func() { err = do() })
		if !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", i, err, want)
		}
	}
}

// begins starts the successor of a worker that a roll replaces.
func (f *fixture) begins(slot int) policy.Worker {
	r := f.fleet.Roll
	w := f.fleet.Launch(policy.Start{Slot: slot, Generation: f.fleet.Generation, Replaces: f.in(slot).id, Trigger: r.Trigger, Reason: r.Reason}, f.now)
	f.processes[w.ID] = &process{id: w.ID, slot: slot, generation: w.Generation, pid: nobody + 100 + slot, pidfd: -1, launched: true, reason: w.Reason, began: f.now}
	return w
}

func TestRollsByHand(t *testing.T) {
	f := newFixture(t, 2)
	f.refuses(t, ErrNoRoll, f.PauseRoll, f.ResumeRoll, f.AbortRoll)
	var id int
	f.asks(func() { id = f.Roll("asked") })
	if r := f.Status().Rolls.Current; id != 1 || r.ID != 1 || r.Total != 2 || r.Reason != "asked" || r.Paused {
		t.Fatalf("%d: %+v", id, r)
	}
	f.refuses(t, nil, f.PauseRoll, f.PauseRoll)
	if got := f.of(RollPaused); len(got) != 1 || got[0].Roll != 1 || got[0].Trigger != policy.Generation || !f.Status().Rolls.Current.Paused {
		t.Errorf("%+v", got)
	}
	published := f.Status()
	f.refuses(t, nil, f.ResumeRoll, f.ResumeRoll)
	if got := f.of(RollResumed); len(got) != 1 || got[0].Roll != 1 || f.Status().Rolls.Current.Paused || !published.Rolls.Current.Paused {
		t.Errorf("%+v", got)
	}
	f.refuses(t, nil, f.PauseRoll)
	f.asks(func() { id, _ = f.Reload(f.config, true, "SIGHUP") })
	if got := f.of(RollSuperseded); id != 2 || len(got) != 1 || got[0].Roll != 1 || f.fleet.Roll.Paused || f.Status().Rolls.Current.ID != id {
		t.Errorf("%d: %+v, %+v", id, got, f.fleet.Roll)
	}
	f.asks(func() { id, _ = f.Reload(f.config, false, "nothing new") })
	if id != 0 {
		t.Errorf("roll %d began for nothing", id)
	}
	f.endRoll(f.now)
	var rolls Rolls
	f.asks(func() { rolls = f.Rolls() })
	if rolls.Current != nil || len(rolls.Ended) != 2 || rolls.Ended[0].ID != 2 || rolls.Ended[0].Result != policy.RollResultDone || rolls.Ended[1].Result != policy.RollResultSuperseded {
		t.Errorf("%+v", rolls)
	}
}

func TestAnAbortedRollGoesBackToTheRelease(t *testing.T) {
	f := newFixture(t, 2)
	next := f.config
	next.Env, next.Policy.MaxMemory, next.Policy.StartTimeout = []string{"A=1"}, 7, time.Minute
	f.asks(func() { f.Reload(next, false, "A=1") })
	w := f.begins(0)
	f.refuses(t, nil, f.AbortRoll)
	if len(f.config.Env) != 0 || f.config.Policy.MaxMemory != 7 {
		t.Errorf("goes on with %v and %d, want the release before under the policy of now", f.config.Env, f.config.Policy.MaxMemory)
	}
	got := f.of(RollAborted)
	if len(got) != 1 || got[0].Roll != 1 || got[0].Failure || got[0].Message != "asked for; 0 of 2 workers were replaced; going on with generation 1" {
		t.Fatalf("%+v", got)
	}
	for _, a := range policy.Plan(f.config.Policy, f.now, f.fleet) {
		f.carryOut(a, f.now)
	}
	if got := f.of(WorkerStopping); len(got) != 1 || got[0].Worker != w.ID || got[0].Reason != "its roll was aborted" {
		t.Errorf("%+v", got)
	}
	p := f.processes[w.ID]
	p.leaderGone = true
	f.end(p, f.now)
	for _, e := range f.events {
		if e.Failure || e.Kind == CycleFailed || e.Kind == StartFailed {
			t.Errorf("a failure: %+v", e)
		}
	}
	if e := f.Status().Rolls.Ended[0]; e.Result != policy.RollResultAborted || e.Why != "asked for" {
		t.Errorf("%+v", e)
	}
}

func TestAFailedRollIsRememberedWithItsReason(t *testing.T) {
	f := newFixture(t, 2)
	f.roll("SIGHUP")
	w := f.begins(1)
	p := f.processes[w.ID]
	p.leaderGone, p.status = true, exit1
	f.end(p, f.now)
	f.publish(f.now)
	rolls := f.Status().Rolls
	if rolls.Current != nil || len(rolls.Ended) != 1 || rolls.Ended[0].Result != policy.RollResultFailed ||
		!strings.HasPrefix(rolls.Ended[0].Why, "generation 2 did not get ready in slot 1: ended with exit code 1 before it was ready") {
		t.Errorf("%+v", rolls)
	}
	if got := f.of(RollFailed); len(got) != 1 || got[0].Roll != 1 || !strings.HasSuffix(got[0].Message, "in slot 1; going on with generation 1") {
		t.Errorf("%+v", got)
	}
}

func TestAPoolThatEndsTakesNoOrders(t *testing.T) {
	f := newFixture(t, 2)
	f.roll("SIGHUP")
	f.refuses(t, nil, f.PauseRoll)
	f.asks(f.Stop)
	if got := f.of(RollAborted); len(got) != 1 || !strings.HasPrefix(got[0].Message, "rota was asked to end; ") {
		t.Errorf("%+v", got)
	}
	scale := func() error { _, err := f.ScaleTo(3); return err }
	f.refuses(t, ErrStopping, f.PauseRoll, f.ResumeRoll, f.AbortRoll, scale, func() error { return f.Cycle(0) })
	id := -1
	f.asks(func() { id = f.Roll("too late") })
	if id != 0 || f.fleet.Roll != nil {
		t.Errorf("roll %d began", id)
	}
	var e Explanation
	f.asks(func() { e, _ = f.Explain(0) })
	if len(e.Held) == 0 || e.Held[0].By != policy.ByStopping {
		t.Errorf("%+v", e)
	}
	close(f.done)
	if _, err := f.Explain(0); !errors.Is(err, ErrStopping) {
		t.Errorf("%v", err)
	}
}

func TestCycleAndScaleByHand(t *testing.T) {
	f := newFixture(t, 2)
	f.refuses(t, nil, func() error { return f.Cycle(1) }, func() error { return f.Cycle(1) })
	f.refuses(t, ErrNoWorker, func() error { return f.Cycle(2) }, func() error { return f.Cycle(-1) }, func() error { _, err := f.Explain(2); return err })
	f.asks(func() {
		if err := f.Cycle(2); err == nil || err.Error() != "slot 2 has no worker that serves" {
			t.Errorf("%v", err)
		}
	})
	if !f.fleet.Find(2).Recalled || f.fleet.Find(1).Recalled {
		t.Errorf("%+v", f.fleet.Workers)
	}
	for n, want := range map[int]string{0: "cannot scale to 0 workers: it takes a number from 1 to 1000", -1: "cannot scale", 1001: "cannot scale to 1001"} {
		if _, err := f.ScaleTo(n); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%d: %v", n, err)
		}
	}
	var before int
	f.asks(func() { before, _ = f.ScaleTo(5) })
	f.asks(func() { f.ScaleTo(5) })
	if got := f.of(PoolScaled); before != 2 || f.Status().Desired != 5 || len(got) != 1 {
		t.Errorf("%d before, %+v", before, got)
	}
	if st := f.Status(); !strings.HasPrefix(st.Missing, "2 of 5 workers are ready") {
		t.Errorf("missing: %q", st.Missing)
	}
}

func TestTheLastCycleOfASlot(t *testing.T) {
	f := newFixture(t, 3)
	f.publish(f.now)
	if f.Status().Workers[0].LastCycle != nil {
		t.Errorf("%+v", f.Status().Workers[0].LastCycle)
	}
	f.roll("SIGHUP")
	w := f.begins(0)
	f.ready(f.processes[w.ID], f.now)
	f.carryOut(policy.Drain{ID: 1, Trigger: policy.Generation}, f.now)
	old := f.processes[1]
	old.leaderGone = true
	f.end(old, f.now)
	// Stop-first: the successor knows the reason too.
	f.carryOut(policy.Drain{ID: 2, Trigger: policy.Memory, Reason: "over", NoRoom: "none"}, f.now)
	f.ends(1, 0)
	f.ends(2, segfault)
	f.fleet.FinishRoll(f.now)
	for range 2 { // crashed slots have to wait
		f.now = f.now.Add(time.Minute)
		start, ok := policy.Plan(f.config.Policy, f.now, f.fleet)[0].(policy.Start)
		if !ok {
			t.Fatalf("%+v", f.fleet)
		}
		w := f.fleet.Launch(start, f.now)
		p := &process{id: w.ID, slot: w.Slot, pid: nobody + 50 + w.Slot, pidfd: -1, launched: true}
		f.processes[w.ID] = p
		f.ready(p, f.now)
	}
	f.publish(f.now)
	got := map[int]LastCycle{}
	for _, w := range f.Status().Workers {
		got[w.Slot] = *w.LastCycle
	}
	at := f.now.Add(-time.Minute)
	want := map[int]LastCycle{
		0: {policy.Generation, "SIGHUP", at.Add(-time.Minute)}, 1: {policy.Memory, "over", at}, 2: {policy.Crash, "SIGSEGV (exit code 139)", f.now},
	}
	if !maps.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	counted := f.Status().Cycles
	if counted[policy.Generation] != 1 || counted[policy.Memory] != 1 || counted[policy.Crash] != 1 || counted[policy.Age] != 0 || len(counted) != len(policy.Triggers) {
		t.Errorf("%v", counted)
	}
	if i := slices.IndexFunc(f.of(CycleDone), func(e Event) bool { return e.Trigger == policy.Memory }); f.of(CycleDone)[i].Reason != "over" {
		t.Errorf("%+v lacks the numbers", f.of(CycleDone)[i])
	}
}

func TestCores(t *testing.T) {
	f := newFixture(t, 1)
	look := func(after, spent time.Duration) WorkerStatus {
		m := sampled{at: f.now.Add(after), usages: []procstats.Usage{{ID: 1, PIDs: []int{nobody}, RSS: mib, Private: mib, CPU: spent}}, container: f.container.now}
		f.onSampled(m, m.at)
		f.publish(m.at)
		return f.Status().Workers[0]
	}
	for _, step := range []struct {
		after, spent time.Duration
		known        bool
		cores        float64
	}{
		{0, time.Second, false, 0},
		{time.Second, 1500 * time.Millisecond, true, 0.5},
		{1100 * time.Millisecond, 1600 * time.Millisecond, true, 0.5}, // too soon after the last
		{2 * time.Second, 3500 * time.Millisecond, true, 2},
		{3 * time.Second, 3500 * time.Millisecond, true, 0},
		{4 * time.Second, 3 * time.Second, true, 0},
	} {
		if w := look(step.after, step.spent); w.Timed != step.known || w.Cores != step.cores || w.CPU != step.spent {
			t.Errorf("after %s: %v cores (%v) and %s, want %+v", step.after, w.Cores, w.Timed, w.CPU, step)
		}
	}
}
