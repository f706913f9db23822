package policy

import (
	"strings"
	"testing"
	"time"
)

// capturing is a configuration with evidence taken.
func capturing() Config {
	c := defaults()
	c.MaxMemory, c.Capture, c.CaptureTimeout = 100, true, 30*time.Second
	return c
}

// outgrown is a fleet of which worker 1 leaves for its memory; with a front it
// drains, without it still serves beside its successor.
func outgrown(c Config, now time.Time, workers int) *Fleet {
	f := served(c, workers)
	observe(f, c, 1, 3, 200)
	next := f.Launch(Plan(c, now, f)[0].(Start), now)
	f.MarkReady(c, next.ID, now)
	if drain, ok := Plan(c, now, f)[0].(Drain); ok {
		f.Retire(c, drain, now)
	}
	return f
}

func theCapture(t *testing.T, c Config, now time.Time, f *Fleet) Capture {
	t.Helper()
	actions := Plan(c, now, f)
	if len(actions) != 1 {
		t.Fatalf("got %+v, want a capture", actions)
	}
	a, ok := actions[0].(Capture)
	if !ok {
		t.Fatalf("got %+v, want a capture", actions)
	}
	return a
}

func TestCaptureComesBetweenDrainAndStop(t *testing.T) {
	c := capturing()
	now := t0.Add(time.Minute)
	f := outgrown(c, now, 2)
	expect(t, c, now, f) // it has requests in its hands
	f.MarkIdle(1)
	a := theCapture(t, c, now, f)
	if a.ID != 1 || a.Trigger != Memory || a.Skip != "" || !strings.Contains(a.Reason, "200B") || !strings.Contains(a.Reason, "100B") {
		t.Errorf("got %+v, want one of worker 1 with the numbers", a)
	}
	f.Examine(a, now)
	expect(t, c, now.Add(c.CaptureTimeout-1), f) // also when the drain timeout is over
	if w := Wake(c, now.Add(c.DrainTimeout), f); !w.Equal(now.Add(c.CaptureTimeout)) {
		t.Errorf("wakes at %s, want at the capture's timeout", w)
	}
	f.MarkCaptured(1)
	expect(t, c, now.Add(time.Second), f, Stop{ID: 1})
}

func TestCaptureOfAWorkerThatDoesNotFinish(t *testing.T) {
	c := capturing()
	now := t0.Add(time.Minute)
	f := outgrown(c, now, 2)
	expect(t, c, now.Add(c.DrainTimeout-1), f)
	late := now.Add(c.DrainTimeout)
	f.Examine(theCapture(t, c, late, f), late)
	expect(t, c, late.Add(c.CaptureTimeout-1), f)
	expect(t, c, late.Add(c.CaptureTimeout), f, Stop{ID: 1}) // it never answered
}

func TestOtherTriggersAreNotCaptured(t *testing.T) {
	c := capturing()
	for _, trigger := range append(Triggers, Shutdown) {
		f := served(c, 1)
		f.Retire(c, Drain{ID: 1, Trigger: trigger}, t0)
		f.MarkIdle(1)
		_, got := Plan(c, t0, f)[0].(Capture)
		if want := trigger == Memory || trigger == Total; got != want {
			t.Errorf("%s: captured %v, want %v", trigger, got, want)
		}
	}
	c.Capture = false
	f := outgrown(c, t0.Add(time.Minute), 1)
	f.MarkIdle(1)
	expect(t, c, t0.Add(time.Minute), f, Stop{ID: 1})
}

func TestOneCaptureAtATime(t *testing.T) {
	c := capturing()
	f := served(c, 3)
	for id := range uint64(2) {
		f.Retire(c, Drain{ID: id + 1, Trigger: Total}, t0)
		f.MarkIdle(id + 1)
	}
	f.Examine(theCapture(t, c, t0, f), t0)
	a := theCapture(t, c, t0, f)
	if a.ID != 2 || !strings.Contains(a.Skip, "another worker, 1,") {
		t.Errorf("got %+v, want worker 2 to go without", a)
	}
	f.Examine(a, t0)
	expect(t, c, t0, f, Stop{ID: 2})
}

func TestNoCaptureWithoutMemoryForIt(t *testing.T) {
	for _, serving := range []bool{false, true} {
		c := capturing()
		c.CaptureServing = serving
		f := served(c, 1)
		f.Retire(c, Drain{ID: 1, Trigger: Memory, NoRoom: "2GiB do not fit in 1GiB"}, t0)
		a := theCapture(t, c, t0, f)
		if !strings.Contains(a.Skip, "2GiB do not fit in 1GiB") {
			t.Errorf("got %+v, want none for want of memory", a)
		}
		f.Examine(a, t0)
		f.MarkIdle(1)
		expect(t, c, t0, f, Stop{ID: 1})
	}
}

func TestCaptureOfAWorkerThatServesComesBeforeItsDrain(t *testing.T) {
	c := capturing()
	c.CaptureServing = true
	now := t0.Add(time.Minute)
	f := outgrown(c, now, 2)
	a := theCapture(t, c, now, f)
	if a.ID != 1 || a.Trigger != Memory || !strings.Contains(a.Reason, "200B") {
		t.Errorf("got %+v, want one of worker 1 with the numbers", a)
	}
	f.Examine(a, now)
	expect(t, c, now.Add(c.CaptureTimeout-1), f)
	if w := Wake(c, now.Add(c.DrainTimeout), f); !w.Equal(now.Add(c.CaptureTimeout)) {
		t.Errorf("wakes at %s, want at the capture's timeout", w)
	}
	never := f.Clone()
	expect(t, c, now.Add(c.CaptureTimeout), never, Drain{ID: 1, Trigger: Memory})
	f.MarkCaptured(1)
	expect(t, c, now, f, Drain{ID: 1, Trigger: Memory})
}

// TestStopFirstIsCapturedToo: no successor comes before the worker goes.
func TestStopFirstIsCapturedToo(t *testing.T) {
	c := capturing()
	c.CaptureServing, c.MaxSurge, c.MaxUnavailable = true, 0, 1
	now := t0.Add(time.Minute)
	f := served(c, 2)
	observe(f, c, 1, 3, 200)
	a := theCapture(t, c, now, f)
	if a.ID != 1 || !strings.Contains(a.Reason, "200B") {
		t.Errorf("got %+v, want one of worker 1 with the numbers", a)
	}
	f.Examine(a, now)
	expect(t, c, now, f)
	f.MarkCaptured(1)
	expect(t, c, now, f, Drain{ID: 1, Trigger: Memory})
}

func TestTheEndIsNotHeldUpByACapture(t *testing.T) {
	c := capturing()
	c.ShutdownDelay = time.Second
	now := t0.Add(time.Minute)
	f := outgrown(c, now, 1)
	f.MarkIdle(1)
	late := f.Clone()

	f.Examine(theCapture(t, c, now, f), now)
	f.StopSince = now.Add(time.Second)
	f.Retire(c, Drain{ID: 2, Trigger: Shutdown}, f.StopSince)
	end := f.StopSince.Add(c.ShutdownDelay + c.DrainTimeout) // before the capture's own timeout
	if w := Wake(c, f.StopSince.Add(c.DrainTimeout), f); !w.Equal(end) {
		t.Errorf("wakes at %s, want %s", w, end)
	}
	if actions := Plan(c, end, f); len(actions) == 0 || actions[0].(Stop).ID != 1 {
		t.Errorf("got %+v, want worker 1 stopped", actions)
	}
	f.Abort = true
	expect(t, c, f.StopSince, f, Kill{ID: 1}, Kill{ID: 2})

	// And none begins.
	late.StopSince = now
	if a := theCapture(t, c, now, late); a.Skip == "" {
		t.Errorf("got %+v after rota was asked to end", a)
	}
}

// TestWhatACaptureHoldsUpIsTold: an operator who asks sees what is waited for.
func TestWhatACaptureHoldsUpIsTold(t *testing.T) {
	for serving, want := range map[bool]string{
		false: "slot 0 has a worker draining for 4s, and evidence of it is being taken for 3s, 30s at most; no more than 1 may come and go at a time",
		true:  "slot 0 has a worker ready for 1m4s, and evidence of it is being taken for 3s, 30s at most; no more than 1 may come and go at a time",
	} {
		c := capturing()
		c.CaptureServing = serving
		now := t0.Add(time.Minute)
		f := outgrown(c, now, 2)
		f.MarkIdle(1)
		f.Examine(theCapture(t, c, now.Add(time.Second), f), now.Add(time.Second))
		now = now.Add(4 * time.Second)
		if held := Explain(c, now, f, 2, -1).Held; len(held) != 1 || held[0] != (Hold{BySpacing, want}) {
			t.Errorf("serving %v: held by %q, want %q", serving, held, want)
		}
		held := Explain(c, now, f, 1, -1).Held
		if len(held) == 0 || !strings.Contains(held[0].Text, "evidence of it is being taken for 3s, 30s at most") {
			t.Errorf("serving %v: the worker itself is held by %q", serving, held)
		}
		f.MarkCaptured(1)
		if held := Explain(c, now, f, 2, -1).Held; len(held) > 0 && strings.Contains(held[0].Text, "evidence") {
			t.Errorf("serving %v: %q when the capture is over", serving, held)
		}
	}
}
