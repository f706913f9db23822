package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rota/supervisor/admin/api"
)

func TestOperatorStatus(t *testing.T) {
	t.Parallel()
	o := startOperated(t, 2)
	o.must(0, `READY  2 of 2 ready`, "status")
	o.must(0, `SLOT +PID +STATE +GEN +UP +RSS +PSS +PRIVATE +SHARED`, "status", "-o", "wide")
	s := o.status()
	if s.Desired != 2 || s.Ready != 2 || len(s.Workers) != 2 || s.Workers[0].PID != o.awaitSlot(0).num("pid") {
		t.Errorf("the status is %+v", s)
	}
	o.must(0, `slot 1 +pid \d+, ready`, "explain", "1")
	o.must(1, `.`, "explain", "7")
	o.must(2, `no slot`, "explain", "first")
	o.until(`SLOT .*MEMORY`, "history", "--since", "1h")
	if lines := strings.Split(o.must(0, `slot0_private`, "history", "--csv"), "\n"); len(lines) < 2 {
		t.Errorf("the history is %q", lines)
	}
	watched := o.followPiped("status", "--watch=50ms")
	watched.await("two of them", func(text string) bool { return strings.Count(text, "READY") > 1 })
	if code := watched.end(syscall.SIGINT); code != 130 || strings.Contains(watched.printed(), "\x1b") {
		t.Errorf("code %d after %q", code, watched.printed())
	}
	o.shut() // nobody comes in the place of one that has gone
	_ = syscall.Kill(s.Workers[0].PID, syscall.SIGKILL)
	o.awaitKind("worker crashed", 1)
	o.must(3, `DEGRADED  1 of 2 ready`, "status")
	o.open()
	o.signal(syscall.SIGTERM)
	o.wait()
	o.must(4, `cannot reach rota at .*control`, "status")
}

// awaitSlot is the event of the first worker of a slot that was ready.
func (o *operated) awaitSlot(slot int) event {
	o.t.Helper()
	return o.await("a worker", 1, func(e event) bool { return e.is("worker ready") && e.num("slot") == slot })
}

func TestOperatorRoll(t *testing.T) {
	t.Parallel()
	o := startOperated(t, 2)
	before := o.pids()
	o.must(0, `there was no roll yet`, "roll", "status")
	o.must(1, `roll`, "roll", "pause")
	o.must(0, `(?s)^roll 1\n.*2 of 2 workers replaced.*done`, "roll", "--wait", "--timeout", "5m")
	for _, pid := range o.pids() {
		if slices.Contains(before, pid) {
			t.Errorf("worker %d is there after the roll", pid)
		}
	}

	o.shut()
	o.must(124, `roll 2, with 0 of 2 workers replaced, is not over after 300ms`, "roll", "--wait", "--timeout", "300ms")
	o.must(0, `roll 2: 0 of 2 workers replaced .*under way`, "roll", "status")
	o.must(0, `PAUSED`, "roll", "pause")
	o.must(0, `PAUSED`, "status")
	o.must(0, `under way`, "roll", "resume")
	waits := o.followPiped("roll", "--wait")
	waits.await("its progress", func(text string) bool { return strings.Contains(text, "roll 3: 0 of 2") })
	o.must(0, `roll 3: .*aborted`, "roll", "abort")
	if code := waits.end(0); code != 1 {
		t.Errorf("code %d of an aborted roll: %s", code, waits.printed())
	}
	waits.await("why", func(text string) bool { return strings.Contains(text, "aborted") })
	o.open()
	o.must(0, `(?s)3 .*aborted.*2 .*superseded.*1 .*done`, "roll", "history")
}

func TestOperatorCycleAndScale(t *testing.T) {
	t.Parallel()
	o := startOperated(t, 2)
	follows := o.followPiped("events", "-f", "-o", "json")
	before := o.pids()
	o.must(0, `slot 1: pid \d+ is ready`, "cycle", "1", "--wait")
	if after := o.pids(); len(after) != 2 || after[0] != before[0] || after[1] == before[1] {
		t.Errorf("workers %v, %v before a cycle of slot 1", after, before)
	}
	o.must(1, `.`, "cycle", "5")
	o.must(0, `(?s)3 workers wanted, 2 before.*3 of 3 ready`, "scale", "+1", "--wait")
	o.must(0, `1 workers? wanted, 3 before`, "scale", "-2", "--wait")
	if s := o.status(); s.Alive != 1 || s.Desired != 1 {
		t.Errorf("%d of %d alive after scaling down", s.Alive, s.Desired)
	}
	o.must(2, `no number`, "scale", "0")

	// What it printed is what the log says, from the first event on.
	follows.await("all events", func(text string) bool { return strings.Count(text, "\n") >= o.logged() })
	if code := follows.end(syscall.SIGINT); code != 130 {
		t.Errorf("code %d after SIGINT", code)
	}
	var kinds []string
	for line := range strings.Lines(follows.printed()) {
		var e api.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		kinds = append(kinds, e.Kind)
	}
	var want []string
	for _, e := range o.history() {
		if _, ok := e["ready"]; ok {
			want = append(want, e["@message"].(string))
		}
	}
	if !slices.Equal(kinds, want[:min(len(want), len(kinds))]) || len(kinds) < len(want) {
		t.Errorf("events %q\nthe log has %q", kinds, want)
	}
	o.must(0, `worker ready: slot=0 pid=\d+ generation=1 took=`, "events", "--since", "1h")
	o.must(0, `^$`, "events", "--since", "1us")
}

// logged is how many events of the pool the log has so far.
func (o *operated) logged() int {
	n := 0
	for _, e := range o.history() {
		if _, ok := e["ready"]; ok {
			n++
		}
	}
	return n
}
