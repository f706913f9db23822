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
		options: Options{Observe: func(e Event) { *events = append(*events, e) }},
		config:  Config{Policy: policy.Config{MaxMemory: 100 << 20, MemoryMetric: MetricPrivate}},
	}
	return s, events
}

// TestLearn has lives in which memory grows with CPU time until they end, and then a new release.
func TestLearn(t *testing.T) {
	s, events := observed(t)
	now := time.Unix(1_700_000_000, 0)
	for range 4 {
		w := s.fleet.Launch(policy.Start{Generation: s.fleet.Generation}, now)
		s.fleet.Find(w.ID).State = policy.Ready
		for i := range 20 {
			now = now.Add(time.Second)
			s.learn([]procstats.Usage{{ID: w.ID, Private: int64(50+2*i) << 20, CPU: time.Duration(i) * time.Second}}, now)
		}
		s.endLife(w.ID, policy.Memory)
		s.fleet.Workers = nil
	}
	now = now.Add(time.Minute)
	s.learn(nil, now)
	if v := s.learned.said; v.Kind != verdict.Leak || v.PerCPUSecond != 2<<20 || v.PerRequest != 0 {
		t.Errorf("%+v", v)
	}
	if len(*events) != 1 || (*events)[0].Kind != VerdictChanged || !strings.HasPrefix((*events)[0].Message, "leak: ") {
		t.Errorf("events: %+v", *events)
	}
	s.fleet.Generation++
	s.learn(nil, now.Add(time.Millisecond))
	if v := s.learned.said; v.Kind != verdict.Unknown || v.Earlier != verdict.Leak {
		t.Errorf("of a new release: %+v", v)
	}
}

// What bloat consists of is told when it is found, and again only if it is something
// else. It is not looked for anew because the verdict was another for a moment.
func TestCausesOfBloat(t *testing.T) {
	s, events := observed(t)
	s.messages = make(chan message, 1)
	now := time.Unix(1_700_000_000, 0)
	bloats := func(at time.Time, want int, causes ...string) {
		t.Helper()
		s.learned.said.Kind = verdict.Bloat
		s.seekCauses(at)
		if want > 0 {
			<-s.messages // nobody is looked at here
			s.foundCauses(causes)
		}
		if !s.learned.asked.Equal(now) {
			t.Errorf("looked for at %s, want %s", s.learned.asked, now)
		}
	}
	bloats(now, 1, "much is freed lazily")
	if len(*events) != 1 || (*events)[0].Message != "bloat: much is freed lazily" {
		t.Errorf("%+v", *events)
	}
	s.learned.said.Kind = verdict.Unknown
	s.seekCauses(now.Add(time.Minute))
	bloats(now.Add(2*time.Minute), 0)
	now = now.Add(time.Hour)
	bloats(now, 1, "much is freed lazily")
	if len(*events) != 1 {
		t.Errorf("told again: %+v", *events)
	}
	now = now.Add(time.Hour)
	bloats(now, 1, "much is freed lazily", "half is in huge pages")
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
