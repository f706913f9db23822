package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// explanation is what is said of a worker, by trigger.
func explanation(t *testing.T, c Config, now time.Time, f *Fleet, id uint64) map[Trigger]Cause {
	t.Helper()
	causes := map[Trigger]Cause{}
	for _, cause := range Explain(c, now, f, id, 7).Causes {
		causes[cause.Trigger] = cause
	}
	return causes
}

func TestExplainsInTheOrderOfThePlan(t *testing.T) {
	f := served(defaults(), 1)
	e := Explain(defaults(), t0, f, 1, -1)
	var triggers, off []Trigger
	for _, cause := range e.Causes {
		triggers = append(triggers, cause.Trigger)
		if cause.Off {
			off = append(off, cause.Trigger)
		}
		if cause.Due || cause.Text == "" || cause.Unit != "" {
			t.Errorf("%+v", cause)
		}
	}
	if want := []Trigger{Total, Memory, Operator, Generation, Cron, Age, Requests}; !slices.Equal(triggers, want) {
		t.Errorf("%v, want %v", triggers, want)
	}
	if want := []Trigger{Total, Memory, Cron, Age, Requests}; !slices.Equal(off, want) {
		t.Errorf("off: %v, want %v", off, want)
	}
	if len(e.Held) > 0 || len(Explain(defaults(), t0, f, 9, -1).Causes) > 0 {
		t.Errorf("held by %+v, and of nobody there is nothing to say", e.Held)
	}
}

func TestExplainsTheNumbers(t *testing.T) {
	c := defaults()
	c.MaxMemory, c.MaxTotalMemory, c.RestartInterval, c.MaxRequests, c.Cron = 100*mib, 300*mib, time.Hour, 10, everyNth(time.Hour)
	f := served(c, 2)
	observe(f, c, 1, 1, 60*mib)
	observe(f, c, 2, 1, 70*mib)
	now := t0.Add(10 * time.Minute)
	e := explanation(t, c, now, f, 1)
	age := f.Find(1).Due.Sub(t0)
	for trigger, want := range map[Trigger]Cause{
		Memory:   {Now: 60 * mib, Limit: 100 * mib, Unit: unitBytes, Text: "60MiB, of at most 100MiB"},
		Total:    {Now: 130 * mib, Limit: 300 * mib, Unit: unitBytes, Text: "130MiB of at most 300MiB"},
		Age:      {Now: 600, Limit: age.Seconds(), Unit: unitSeconds, Text: "10m0s old", At: f.Find(1).Due},
		Requests: {Now: 7, Limit: 10, Unit: unitRequests, Text: "7 of at most 10"},
		Cron:     {Text: "fires at 2026-01-01T01:00:00Z", At: t0.Add(time.Hour)},
	} {
		got := e[trigger]
		if got.Off || got.Due || got.Now != want.Now || got.Limit != want.Limit || got.Unit != want.Unit || !got.At.Equal(want.At) || !strings.Contains(got.Text, want.Text) {
			t.Errorf("%s: %+v, want %+v", trigger, got, want)
		}
	}
}

func TestExplainsWhatHoldsACycle(t *testing.T) {
	over := func(c *Config, f *Fleet) {
		c.MaxMemory = 100 * mib
		observe(f, *c, 1, 1, 50*mib)
		observe(f, *c, 1, 3, 110*mib)
	}
	for name, step := range map[string]struct {
		do   func(c *Config, f *Fleet)
		due  Trigger
		by   HoldBy // empty for nothing
		text string
	}{
		"nothing": {over, Memory, "", ""},
		"another that starts": {func(c *Config, f *Fleet) {
			over(c, f)
			f.Launch(Start{Slot: 1, Generation: 1, Replaces: 2, Trigger: Age}, t0)
		}, Memory, BySpacing, "slot 1 has a worker starting for 1m0s; no more than 1 may"},
		"its own successor": {func(c *Config, f *Fleet) {
			over(c, f)
			c.MaxSurge = 2
			f.Launch(Start{Slot: 0, Generation: 1, Replaces: 1, Trigger: Age}, t0)
		}, Memory, BySpacing, "its successor is there, or on its way"},
		"no room": {func(c *Config, f *Fleet) {
			over(c, f)
			f.learned.fresh.add(50 * mib)
			f.Workers[1].State = Stopping // and no slot can do without its worker
			f.Workers[1].Slot = 5
			c.MaxSurge = 2
			f.Container = Container{Limit: 200 * mib, Needed: 190 * mib, Group: true}
		}, Memory, BySurge, "a fresh worker takes 55MiB"},
		"the brake": {func(c *Config, f *Fleet) {
			over(c, f)
			f.Brakes = map[Trigger]string{Memory: "the limit is too low"}
		}, Memory, ByBrake, "the limit is too low"},
		"its youth": {func(c *Config, f *Fleet) {
			c.MaxMemory, c.MinUptime = 100*mib, time.Hour
			observe(f, *c, 1, 3, 110*mib)
		}, Memory, ByMinUptime, "for another 59m0s"},
		"a failure": {func(c *Config, f *Fleet) {
			over(c, f)
			f.CycleFails, f.CycleFail = 9, t0
		}, Memory, ByBackoff, "9 replacements in a row"},
		"a pause": {func(c *Config, f *Fleet) {
			newRelease(f, t0)
			f.Roll.Paused = true
		}, Generation, ByPaused, "roll 1 is paused"},
		"a look": {func(c *Config, f *Fleet) {
			c.MaxMemory = 100 * mib
			for range 3 {
				f.Observe(*c, 1, Sample{Bytes: 110 * mib, Private: 110 * mib, Shared: true}, t0)
			}
		}, Memory, ByMeasuring, "exactly first"},
		"the end": {func(c *Config, f *Fleet) {
			over(c, f)
			f.StopSince = t0
		}, Memory, ByStopping, "asked to end"},
		"nothing, since something else is due too": {func(c *Config, f *Fleet) {
			over(c, f)
			f.Brakes = map[Trigger]string{Memory: "the limit is too low"}
			f.Recall(0)
		}, Operator, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := defaults()
			f := served(c, 2)
			step.do(&c, f)
			e := Explain(c, t0.Add(time.Minute), f, 1, -1)
			if i := slices.IndexFunc(e.Causes, func(c Cause) bool { return c.Trigger == step.due }); !e.Causes[i].Due {
				t.Errorf("not due: %+v", e.Causes[i])
			}
			switch {
			case step.by == "" && len(e.Held) > 0:
				t.Errorf("held: %+v", e.Held)
			case step.by == "":
			case !slices.ContainsFunc(e.Held, func(h Hold) bool { return h.By == step.by && strings.Contains(h.Text, step.text) }):
				t.Errorf("%+v, want %s: %s", e.Held, step.by, step.text)
			}
		})
	}
}
