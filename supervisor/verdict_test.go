package supervisor

import (
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/policy"
	"rota/policy/verdict"
	"rota/procstats"
)

// observed is a pool of one ready worker that only ever is looked at.
func observed(t *testing.T) (*Supervisor, *[]Event) {
	t.Helper()
	events := &[]Event{}
	s := &Supervisor{
		fleet: policy.NewFleet(1, time.Now()), processes: map[uint64]*process{}, learned: newLearned(),
		options:  Options{Observe: func(e Event) { *events = append(*events, e) }},
		config:   Config{Policy: policy.Config{MaxMemory: 100 << 20, MemoryMetric: MetricPrivate}},
		releases: map[int]Config{1: {Command: []string{"a"}}},
		messages: make(chan message, 8),
	}
	return s, events
}

// leaking has lives in which memory grows with CPU time until they end.
func leaking(s *Supervisor, lives int, mib int64, now time.Time) time.Time {
	for range lives {
		w := s.fleet.Launch(policy.Start{Generation: s.fleet.Generation}, now)
		s.fleet.Find(w.ID).State = policy.Ready
		s.processes[w.ID] = &process{}
		for i := range 20 {
			now = now.Add(time.Second)
			s.learn([]procstats.Usage{{ID: w.ID, Private: 50<<20 + int64(i)*mib<<20, CPU: time.Duration(i) * time.Second}}, now)
		}
		s.endLife(w.ID, policy.Memory)
		s.fleet.Workers = nil
	}
	now = now.Add(time.Minute)
	s.learn(nil, now)
	return now
}

// TestLearn has lives that leak, then a roll of the same command, then another
// one, and then the first again.
func TestLearn(t *testing.T) {
	s, events := observed(t)
	now := leaking(s, 4, 2, time.Unix(1_700_000_000, 0))
	if v := s.learned.said; v.Kind != verdict.Leak || v.PerCPUSecond != 2<<20 || v.PerRequest != 0 {
		t.Errorf("%+v", v)
	}
	if len(*events) != 1 || (*events)[0].Kind != VerdictChanged || !strings.HasPrefix((*events)[0].Message, "leak: ") {
		t.Errorf("events: %+v", *events)
	}
	over := func(generation int, command string, want, earlier verdict.Kind) {
		t.Helper()
		s.fleet.Generation = generation
		s.releases[generation] = Config{Command: []string{command}}
		now = now.Add(time.Minute)
		s.learn(nil, now)
		if v := s.learned.said; v.Kind != want || v.Earlier != earlier {
			t.Errorf("of generation %d, which runs %s: %+v", generation, command, v)
		}
	}
	over(2, "a", verdict.Leak, "")
	over(3, "b", verdict.Unknown, verdict.Leak)
	if why := s.learned.said.Why; !strings.HasSuffix(why, "; the release before: leak of 7.031GiB an hour, 2MiB a second of CPU time") {
		t.Errorf("of a new release: %s", why)
	}
	over(4, "b", verdict.Unknown, verdict.Leak)
	over(2, "a", verdict.Leak, verdict.Unknown) // an aborted roll
}

// A verdict is told again when it has become another, and not when it has stayed the same.
func TestWorthTelling(t *testing.T) {
	steady := verdict.Verdict{Kind: verdict.Steady, PerHour: 100}
	odd := steady
	odd.Outliers = []verdict.Outlier{{Slot: 3, PerHour: 5 << 20}}
	slower, faster := steady, odd
	slower.PerHour, faster.Outliers = 1, []verdict.Outlier{{Slot: 3, PerHour: 6 << 20}}
	day := verdict.Verdict{Kind: verdict.Leak, PerHour: 90 << 20, PerRequest: 100}
	night := verdict.Verdict{Kind: verdict.Leak, PerHour: 10 << 20, PerRequest: 120}
	worse := verdict.Verdict{Kind: verdict.Leak, PerHour: 90 << 20, PerRequest: 300}
	for _, c := range []struct {
		what      string
		told, now verdict.Verdict
		want      bool
	}{
		{"the same", steady, steady, false},
		{"next to nothing instead of next to nothing", steady, slower, false},
		{"one worker that grows", steady, odd, true},
		{"the same worker", odd, faster, false},
		{"no such worker any more", odd, steady, false},
		{"a leak", steady, day, true},
		{"the same at night", day, night, false},
		{"three times the leak", day, worse, true},
		{"a third of it", worse, day, true},
	} {
		if got := worthTelling(c.told, c.now); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}

// What holds memory that has grown is told when it is found, and again only if it is
// something else. It is not looked for anew because the verdict was another for a moment.
func TestCausesOfGrowth(t *testing.T) {
	s, events := observed(t)
	s.messages = make(chan message, 1)
	now := time.Unix(1_700_000_000, 0)
	grows := func(kind verdict.Kind, at time.Time, want int, causes ...string) {
		t.Helper()
		s.learned.said = verdict.Verdict{Kind: kind, Grew: true}
		s.seekCauses(at)
		if want > 0 {
			<-s.messages // nobody is looked at here
			s.foundCauses(causes)
		}
		if !s.learned.asked.Equal(now) {
			t.Errorf("looked for at %s, want %s", s.learned.asked, now)
		}
	}
	grows(verdict.Leak, now, 1, "much is freed lazily")
	if len(*events) != 1 || (*events)[0].Message != "leak: much is freed lazily" {
		t.Errorf("%+v", *events)
	}
	if _, causes := s.judgement(); len(causes) != 1 {
		t.Errorf("beside a leak: %q", causes)
	}
	s.learned.said = verdict.Verdict{Kind: verdict.Steady}
	if _, causes := s.judgement(); len(causes) != 0 {
		t.Errorf("beside what has not grown: %q", causes)
	}
	s.seekCauses(now.Add(time.Minute))
	grows(verdict.Bloat, now.Add(2*time.Minute), 0)
	now = now.Add(time.Hour)
	grows(verdict.Unknown, now, 1, "much is freed lazily")
	if len(*events) != 1 {
		t.Errorf("told again: %+v", *events)
	}
	now = now.Add(time.Hour)
	grows(verdict.Bloat, now, 1, "much is freed lazily", "half is in huge pages")
	if len(*events) != 2 || (*events)[1].Message != "bloat: much is freed lazily; half is in huge pages" {
		t.Errorf("%+v", *events)
	}
}

func TestHolds(t *testing.T) {
	h := holds(procstats.Host, []int{os.Getpid(), 1 << 30}) // the second has ended
	// Without cgo there is no malloc in it; with it, as the race detector needs, there is.
	if h.Private < 1<<20 || h.Threads < 1 || h.UnboundedMallocs && !withCgo() {
		t.Errorf("this Go program holds %+v", h)
	}
	if got := holds(procstats.Kernel{Proc: t.TempDir()}, []int{1}); got != (verdict.Held{}) {
		t.Errorf("what has ended holds %+v", got)
	}
}

func withCgo() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"})
}
