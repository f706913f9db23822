package top

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestMain sets the zone in which times of day are shown.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// screens are what the golden files show, each at several sizes.
var screens = []struct {
	name string
	make func() *model
}{
	{"pool", func() *model { return watched(4) }},
	{"many", func() *model {
		m := watched(40)
		m.press("M")
		m.press(keyEnd)
		return m
	}},
	{"rolling", func() *model {
		m := watched(4)
		s := status(4, 30*time.Minute+time.Second)
		s.Phase, s.Ready, s.Why = api.PhaseDegraded, 3, "waits for a worker of slot 1 to be ready, for 12s of 60s"
		s.Workers[1].State = "draining"
		s.Workers = append(s.Workers[:2], append([]api.Worker{{ID: 900, Slot: 1, PID: 5000, State: "starting", Generation: 4, StartedAt: s.Time.Add(-12 * time.Second)}}, s.Workers[2:]...)...)
		s.Roll = &api.Roll{ID: 3, Trigger: "operator", Generation: 4, BeganAt: s.Time.Add(-40 * time.Second), Paused: true, Replaced: 1, Total: 4}
		s.Paused = map[string]string{"memory": "fresh workers are over the limit from the start"}
		s.Next = nil
		m.heed(s)
		m.press("c")
		return m
	}},
	{"explained", func() *model {
		m := watched(4)
		m.press(keyDown)
		m.press("e")
		now := m.status.Time
		m.explained(1, &api.Explanation{Worker: m.status.Workers[1], Triggers: []api.Cause{
			{Trigger: "memory", Text: "private 160MiB of 200MiB; grows by 16MiB a minute", At: ptr(now.Add(150 * time.Second))},
			{Trigger: "total", Text: "all workers together hold 612MiB of 920MiB"},
			{Trigger: "age", Off: true, Text: "--restart-interval is off"},
			{Trigger: "roll", Due: true, Text: "roll 3 has not come to it"},
		}, Held: []api.Hold{{By: "surge", Text: "slot 2 is being replaced, and --max-surge 1 lets one at a time"}}}, nil)
		return m
	}},
	{"help", func() *model {
		m := watched(4)
		m.press("?")
		return m
	}},
	{"lost", func() *model {
		m := watched(4)
		m.disconnected("cannot reach rota at /run/rota/1.sock: connection refused (is it running?)")
		return m
	}},
	{"plain", func() *model {
		m := newModel()
		m.tick(began)
		s := status(2, time.Minute)
		s.Accept, s.Requests, s.Next, s.Container, s.Verdict = "shared", nil, nil, api.Container{}, api.Verdict{Kind: "unknown", Why: "too early to tell"}
		s.Memory = api.PoolMemory{Metric: "private"}
		for i := range s.Workers {
			s.Workers[i].Memory, s.Workers[i].CPU, s.Workers[i].InFlight, s.Workers[i].Requests, s.Workers[i].LastCycle = api.Memory{}, api.CPU{}, nil, nil, nil
		}
		m.heed(s)
		return m
	}},
}

func TestGolden(t *testing.T) {
	for _, size := range [][2]int{{60, 15}, {80, 24}, {120, 40}, {200, 60}} {
		for _, sc := range screens {
			name := fmt.Sprintf("%s-%dx%d", sc.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				got := sc.make().view(size[0], size[1], blocks).String()
				path := filepath.Join("testdata", name+".txt")
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("not as in %s (go test ./supervisor/cli/top -update writes it anew):\n%s", path, got)
				}
			})
		}
	}
}

// Every size is drawn, however small, and nothing goes over its edge.
func TestEverySize(t *testing.T) {
	for _, sc := range screens {
		m := sc.make()
		for w := 0; w < 140; w += 3 {
			for _, h := range []int{0, 1, 4, 5, 7, 10, 16, 24, 36} {
				m.press(keyTab)
				m.view(w, h, ascii)
			}
		}
	}
}

func TestNothingSteersTheTerminal(t *testing.T) {
	m := watched(3)
	s := status(3, 31*time.Minute)
	bad := noise()
	s.Why, s.Verdict.Why, s.Accept, s.Listeners[0].Address, s.Phase = bad, bad, bad, bad, api.Phase(bad)
	s.Paused = map[string]string{bad: bad}
	s.Next.Trigger = bad
	s.Roll = &api.Roll{Trigger: bad}
	for i := range s.Workers {
		s.Workers[i].State, s.Workers[i].LastCycle.Trigger = bad, bad
	}
	m.heed(s)
	m.happened(api.Event{ID: 99, Time: s.Time, Kind: bad, Message: bad, Reason: bad, Path: bad})
	m.say(bad, true)
	m.press("e")
	for range 2 {
		var out strings.Builder
		p := painter{out: &out}
		f := m.view(120, 60, blocks)
		if err := p.show(f); err != nil {
			t.Fatal(err)
		}
		for _, r := range f.String() {
			if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e') {
				t.Errorf("the frame holds %q", r)
			}
		}
		m.explained(m.slot, &api.Explanation{Triggers: []api.Cause{{Trigger: bad, Text: bad}}, Held: []api.Hold{{By: bad, Text: bad}}}, nil)
	}
}
