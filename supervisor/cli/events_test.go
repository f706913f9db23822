package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

func TestEvents(t *testing.T) {
	f := newFakePool(t)
	slot := 0
	f.change(func() {
		f.happen(api.Event{Kind: "cycle began", Level: "info", Slot: &slot, PID: 100, Generation: 1, Trigger: "memory", Reason: "203MiB > 200MiB\n\x1b[2J", Ready: 2, Desired: 2, Alive: 2},
			api.Event{Kind: "worker crashed", Level: "error", Seconds: 1.5, Path: "/tmp/x", Bytes: 1 << 20})
	})
	code, out, said := f.rota("events")
	lines := strings.Split(out, "\n")
	for i, want := range []string{
		`[INFO]  cycle began: slot=0 pid=100 generation=1 trigger=memory reason="203MiB > 200MiB\n\x1b[2J" ready=2 desired=2 alive=2`,
		`[ERROR] worker crashed: took=1.50s path=/tmp/x size=1.00MiB ready=0 desired=0 alive=0`,
	} {
		if _, got, _ := strings.Cut(lines[i], " "); got != want {
			t.Errorf("line %d is\n%s\nwant\n%s", i, got, want)
		}
	}
	if code != 0 || said != "" || len(lines) != 3 {
		t.Errorf("code %d, %s%s", code, out, said)
	}
}

// ids reads what events -o json has printed.
func ids(t *testing.T, text string) (got []uint64) {
	t.Helper()
	for line := range strings.Lines(text) {
		var e api.Event
		if !strings.HasSuffix(line, "\n") {
			break // the rest is on its way
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, e.ID)
	}
	return got
}

// Streams that break in the middle cost no event, and none comes twice.
func TestEventsResume(t *testing.T) {
	const all = 30
	f := newFakePool(t)
	f.change(func() {
		f.cut = 5
		for i := range all {
			f.happen(api.Event{Kind: fmt.Sprint(i)})
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := &lockedBuffer{}
	out.wrote = func(text string) {
		if len(ids(t, text)) == all {
			cancel()
		}
	}
	f.rotaFor(ctx, out, "events", "-f", "-o", "json")
	var want []uint64
	for i := range all {
		want = append(want, uint64(i+1))
	}
	if got := ids(t, out.String()); !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
}

// A rota that was started anew counts anew, and all that it tells is shown.
func TestEventsAnew(t *testing.T) {
	f := newFakePool(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.change(func() {
		f.cut = 1
		f.happen(api.Event{Kind: "old"}, api.Event{Kind: "old"})
		f.events = f.events[1:] // number 2
	})
	out := &lockedBuffer{}
	out.wrote = func(text string) {
		switch n := strings.Count(text, "\n"); n {
		case 1:
			f.change(func() {
				f.status.StartedAt = f.status.StartedAt.Add(time.Minute)
				f.events = nil
				f.happen(api.Event{Kind: "new"})
			})
		case 2:
			cancel()
		}
	}
	_, printed, said := f.rotaFor(ctx, out, "events", "-f")
	if !strings.Contains(printed, "new:") || !strings.Contains(said, "started anew") {
		t.Errorf("%s%s", printed, said)
	}
}
