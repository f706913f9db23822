package view

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"rota/supervisor/admin/api"
)

// Times are shown as where rota's operator is; here that must not matter.
func init() { time.Local = time.UTC }

func TestRolls(t *testing.T) {
	rolls := &api.Rolls{
		Current: &api.Roll{ID: 5, Trigger: "generation", Reason: "SIGHUP", Generation: 4, BeganAt: noon.Add(-72 * time.Second), Replaced: 1, Total: 12},
		History: []api.Roll{
			{ID: 4, Trigger: "generation", Reason: "app.py changed", Generation: 3, BeganAt: noon.Add(-3 * time.Hour), EndedAt: at(-3*time.Hour + time.Minute), Result: "failed", Why: "slot 2: not ready within 60s, after \x1b[31m", Replaced: 2, Total: 12},
			{ID: 3, Trigger: "cron", Reason: "the schedule fired for 2026-02-03T04:00:00Z", Generation: 2, BeganAt: noon.Add(-8 * time.Hour), EndedAt: at(-8*time.Hour + 90*time.Second), Result: "done", Replaced: 12, Total: 12},
		},
	}
	golden(t, "rolls", atWidths(t, func(o Options) string { return Rolls(rolls, noon, o) }))
	golden(t, "roll", atWidths(t, func(o Options) string { return Roll(&rolls.History[0], noon, o) }))
	if got := Rolls(&api.Rolls{}, noon, Options{Width: 80}); got != "there was no roll yet\n" {
		t.Errorf("without rolls: %q", got)
	}
}

func TestExplanation(t *testing.T) {
	e := &api.Explanation{
		Worker: worker(2, 3*time.Hour),
		Triggers: []api.Cause{
			{Trigger: "memory", Due: true, Text: "private memory is 198MiB and grows by 4.2MiB an hour: at 200MiB in 29m, and a cycle takes 31m", Now: new(198.0 * mib), Limit: new(200.0 * mib), Unit: "bytes", At: at(29 * time.Minute)},
			{Trigger: "total", Text: "all workers together have 615MiB of 922MiB", Now: new(615.0 * mib), Limit: new(922.0 * mib), Unit: "bytes"},
			{Trigger: "age", Text: "3h of 12h", Now: new(3.0 * 3600), Limit: new(12.0 * 3600), Unit: "seconds", At: at(9 * time.Hour)},
			{Trigger: "cron", Off: true},
			{Trigger: "requests", Text: "270414 of 1000000 requests", Now: new(270414.0), Limit: new(1e6), Unit: "requests"},
		},
		Held: []api.Hold{
			{By: "spacing", Text: "the worker of slot 0 was replaced 40s ago, and cycles keep 2m between them"},
			{By: "surge", Text: "slot 1 is being replaced, and --max-surge is 1\x1b[2J"},
		},
		Settings: api.Settings{MaxSurge: 1},
		Verdict:  api.Verdict{Kind: "steady", Why: "2 of 3 workers hardly grow: 12KiB an hour, at 185MiB; but slot 2 grows evenly, by 4.2MiB an hour", SecondsToLimit: new(1740.0)},
	}
	golden(t, "explain", atWidths(t, func(o Options) string { return Explanation(e, noon, o) }))
	e.Held = nil
	if got := Explanation(e, noon, Options{Width: 80}); !strings.Contains(got, "by nothing") {
		t.Errorf("with nothing that holds it: %s", got)
	}
}

// saw is an hour of two workers that leak; the second is replaced every 20 minutes.
func saw() *api.History {
	h := &api.History{Marks: []api.Mark{{Time: *at(-40 * time.Minute), Slot: 1, Trigger: "memory"}, {Time: *at(-20 * time.Minute), Slot: 1, Trigger: "memory"}, {Slot: 0, Trigger: "crash"}}}
	for i := range 360 {
		p := api.Point{Time: noon.Add(time.Duration(i-359) * 10 * time.Second), Seconds: 10}
		p.Workers = append(p.Workers, api.SlotPoint{Slot: 0, PrivateBytes: int64(100+i/8) * mib})
		if i > 30 {
			p.Workers = append(p.Workers, api.SlotPoint{Slot: 1, PrivateBytes: int64(60+i%120) * mib})
		}
		h.Points = append(h.Points, p)
	}
	return h
}

func TestHistory(t *testing.T) {
	golden(t, "history", atWidths(t, func(o Options) string { return History(saw(), o) }))
	var all strings.Builder
	for _, width := range widths {
		text := History(saw(), Options{Width: width, Unicode: true})
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > width {
				t.Errorf("%d columns are too few for %q", width, line)
			}
		}
		all.WriteString(text)
	}
	golden(t, "history-unicode", all.String())
	for name, h := range map[string]*api.History{"empty": {}, "without workers": {Points: []api.Point{{Time: noon}}},
		"one point": {Points: []api.Point{{Time: noon, Workers: []api.SlotPoint{{PrivateBytes: 0}}}}}} {
		if History(h, Options{Width: 60}) == "" {
			t.Errorf("%s: nothing is said", name)
		}
	}
}

// The highest point is drawn, however short it was.
func TestSparkPeak(t *testing.T) {
	h := saw()
	h.Points[200].Workers[0].PrivateBytes = 1 << 30
	if text := History(h, Options{Width: 60}); strings.Count(text, "@") != 1 {
		t.Errorf("the peak is not seen once:\n%s", text)
	}
}

func TestNumbers(t *testing.T) {
	for want, got := range map[string]string{
		"0B": Size(0), "1023B": Size(1023), "1.00KiB": Size(1024), "9.99MiB": Size(9.99 * mib), "10.0MiB": Size(9.996 * mib), "100MiB": Size(99.96 * mib),
		"1.00GiB": Size(1023.6 * mib), "-4.20MiB": Size(-4.2 * mib), "8.00EiB": Size(1 << 63),
		"0s": Span(-time.Hour), "59s": Span(59 * time.Second), "1m": Span(59600 * time.Millisecond), "12m30s": Span(750 * time.Second), "3h": Span(3 * time.Hour),
		"3h12m": Span(3*time.Hour + 12*time.Minute + 50*time.Second), "4d6h": Span(102 * time.Hour), "106751d23h": Span(1<<63 - 1),
		"850us": Latency(new(850e-6)), "1.00ms": Latency(new(.99999e-3)), "12.5ms": Latency(new(.0125)), "1.00s": Latency(new(.99999)), "1.25s": Latency(new(1.25)), "300s": Latency(new(300.0)), "-": Latency(nil),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if seconds(1e300) != 1<<63-1 {
		t.Error("a long time is cut off")
	}
}

func BenchmarkStatus(b *testing.B) {
	s := front()
	for slot := range 100 {
		s.Workers = append(s.Workers, worker(slot, time.Hour))
	}
	for b.Loop() {
		Status(s, Options{Width: 120, Color: true})
	}
}
