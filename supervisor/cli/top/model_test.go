package top

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// presses takes keys one after another and returns what the last one asked for.
func (m *model) presses(keys ...key) (c command) {
	for _, k := range keys {
		c = m.press(k)
	}
	return c
}

func TestWhatChangesThePoolAsksFirst(t *testing.T) {
	rolling := &api.Roll{ID: 7, Replaced: 1, Total: 3}
	paused := &api.Roll{ID: 7, Replaced: 1, Total: 3, Paused: true}
	for _, c := range []struct {
		keys []key
		roll *api.Roll
		asks string
		do   verb
		to   int
	}{
		{[]key{"c"}, nil, "Replace the worker of slot 0 (pid 4711)?", cycle, 3},
		{[]key{keyDown, "c"}, nil, "Replace the worker of slot 1 (pid 4811)?", cycle, 3},
		{[]key{"r"}, nil, "Read the configuration again and replace all 3 workers, one after another?", roll, 3},
		{[]key{"p"}, rolling, "Pause roll 7 (1 of 3 replaced)?", pauseRoll, 3},
		{[]key{"p"}, paused, "Let roll 7 go on (1 of 3 replaced)?", resumeRoll, 3},
		{[]key{"a"}, rolling, "Abort roll 7 (1 of 3 replaced)? The other workers stay as they are.", abortRoll, 3},
		{[]key{"+"}, nil, "Run 4 workers instead of 3?", scale, 4},
		{[]key{"+", "+", "="}, nil, "Run 6 workers instead of 3?", scale, 6},
		{[]key{"+", "-"}, nil, "Run 2 workers instead of 3?", scale, 2},
		{[]key{"-", "-"}, nil, "Run 1 worker instead of 3?", scale, 1},
	} {
		t.Run(fmt.Sprint(c.keys, c.roll != nil), func(t *testing.T) {
			make := func() *model {
				m := newModel()
				m.tick(began)
				s := status(3, time.Minute)
				s.Roll = c.roll
				m.heed(s)
				if got := m.presses(c.keys...); got != (command{}) {
					t.Fatalf("%v did %+v without a confirmation", c.keys, got)
				}
				if m.prompt == nil || m.prompt.question() != c.asks {
					t.Fatalf("asks %+v, want %q", m.prompt, c.asks)
				}
				return m
			}
			if got := make().press("y"); got.do == nil || got.do.verb != c.do || got.do.to != c.to {
				t.Errorf("y did %+v, want %d", got, c.do)
			}
			for _, no := range []key{"n", keyEscape, keyEnter, " ", "q", "c", keyUp} {
				m := make()
				if got := m.press(no); got != (command{}) || m.prompt != nil {
					t.Errorf("%q did %+v", no, got)
				}
			}
			if got := make().press(keyCtrlC); !got.quit {
				t.Error("Ctrl-C does not quit while a question is open")
			}
		})
	}
}

func TestNothingToAsk(t *testing.T) {
	for keys, want := range map[key]string{"p": "There is no roll under way.", "a": "There is no roll under way."} {
		m := watched(2)
		if got := m.press(keys); got != (command{}) || m.prompt != nil || m.note.text != want {
			t.Errorf("%s: %+v, says %q", keys, got, m.note.text)
		}
	}
	m := watched(1)
	if m.press("-"); m.prompt != nil || !m.note.bad {
		t.Errorf("a pool can be scaled to %+v", m.prompt)
	}
	if m = newModel(); m.presses("c", "y", "r", "y", "+", "y", "e", "t", " ", keyDown).do != nil || m.prompt != nil {
		t.Error("something can be done without a pool")
	}
}

// What was asked for when it was something else is not done.
func TestStale(t *testing.T) {
	for _, c := range []struct {
		key    key
		change func(*api.Status)
	}{
		{"c", func(s *api.Status) { s.Workers[0].ID = 77 }},
		{"a", func(s *api.Status) { s.Roll = nil }},
		{"p", func(s *api.Status) { s.Roll.ID++ }},
		{"+", func(s *api.Status) { s.Desired = 9 }},
	} {
		m := newModel()
		s := status(3, time.Minute)
		s.Roll = &api.Roll{ID: 7}
		m.heed(s)
		m.press(c.key)
		s = status(3, time.Minute+time.Second)
		s.Roll = &api.Roll{ID: 7}
		c.change(s)
		m.heed(s)
		if got := m.press("y"); got.do != nil || !strings.HasSuffix(m.note.text, "nothing was done.") {
			t.Errorf("%s did %+v, says %q", c.key, got.do, m.note.text)
		}
	}
}

func slots(list []api.Worker) (n []int) {
	for _, w := range list {
		n = append(n, w.Slot)
	}
	return n
}

func TestSort(t *testing.T) {
	m := newModel()
	s := status(4, time.Minute)
	s.Workers[2].CPU.Cores = nil
	m.heed(s)
	for _, c := range []struct {
		key  key
		want []int
	}{
		{"S", []int{0, 1, 2, 3}}, {"i", []int{3, 2, 1, 0}},
		{"M", []int{3, 2, 1, 0}}, {"R", []int{0, 1, 2, 3}},
		{"P", []int{3, 1, 0, 2}}, {"i", []int{0, 1, 3, 2}}, // what is not known is last either way
		{"T", []int{3, 2, 1, 0}}, {"G", []int{0, 1, 2, 3}},
		{">", []int{3, 2, 1, 0}}, // the time to the limit
	} {
		if m.press(c.key); !slices.Equal(slots(m.workers()), c.want) {
			t.Errorf("after %s: %v, want %v", c.key, slots(m.workers()), c.want)
		}
	}
	for range columns {
		m.press("<")
	}
	if columns[m.sort].title != "TO LIMIT" {
		t.Errorf("all the way round is %s", columns[m.sort].title)
	}
}

func TestSelection(t *testing.T) {
	m := newModel()
	m.heed(status(3, time.Minute))
	for _, c := range []struct {
		key  key
		want int
	}{{keyUp, 0}, {keyDown, 1}, {"j", 2}, {keyDown, 2}, {"k", 1}, {keyEnd, 2}, {keyHome, 0}, {keyPageDown, 2}, {keyPageUp, 0}, {keyEnd, 2}} {
		if m.press(c.key); m.slot != c.want {
			t.Errorf("%s: slot %d, want %d", c.key, m.slot, c.want)
		}
	}
	// The slot stays selected when its worker was replaced, and is given up when it is gone.
	s := status(3, 2*time.Minute)
	s.Workers[2].ID = 99
	if m.heed(s); m.selected != 99 {
		t.Errorf("worker %d is selected, want the one of slot 2", m.selected)
	}
	if m.heed(status(2, 3*time.Minute)); m.slot == 2 {
		t.Error("a slot that is gone is selected")
	}
}

func TestFreeze(t *testing.T) {
	m := newModel()
	m.heed(status(2, time.Minute))
	m.press(" ")
	m.heed(status(3, 2*time.Minute))
	m.happened(event(1, 2*time.Minute, "cycle done", 0))
	if len(m.workers()) != 2 || len(m.shown()) != 0 {
		t.Error("a frozen display changes")
	}
	// What is asked is asked of the pool as it is.
	if m.press("+"); m.prompt.question() != "Run 4 workers instead of 3?" {
		t.Errorf("asks %q", m.prompt.question())
	}
	m.presses("n", " ")
	if len(m.workers()) != 3 || len(m.shown()) != 1 {
		t.Error("the display does not go on")
	}
}

func TestEvents(t *testing.T) {
	m := newModel()
	for id := range uint64(mostEvents + 50) {
		m.happened(event(id+1, time.Duration(id), "worker ready", 0))
		m.happened(event(id+1, time.Duration(id), "worker ready", 0)) // again, after a new connection
	}
	if n := len(m.events); n != mostEvents || m.events[n-1].ID != mostEvents+50 {
		t.Errorf("%d events are kept", n)
	}
	quiet := event(9999, 0, "sample", 0)
	quiet.Level = "debug"
	if m.happened(quiet); m.events[len(m.events)-1].ID == 9999 {
		t.Error("debug events are shown")
	}
}

func TestConnection(t *testing.T) {
	m := watched(2)
	has := func(text string) bool { return strings.Contains(m.view(100, 30, blocks).String(), text) }
	m.disconnected("cannot reach rota")
	if !has("NOT CONNECTED") || !has("cannot reach rota") {
		t.Error("it is not said that the pool is gone")
	}
	m.heed(status(2, 31*time.Minute))
	if has("NOT CONNECTED") {
		t.Error("the pool is back, and that is not seen")
	}
	if m.tick(m.now.Add(6 * time.Second)); !has("NO ANSWER for 6s") {
		t.Error("it is not said that the pool is silent")
	}
}

func TestExplain(t *testing.T) {
	m := watched(3)
	if c := m.presses(keyDown, "e"); !c.explain || c.slot != 1 {
		t.Fatalf("e asks for %+v", c)
	}
	m.explained(1, nil, errors.New("no worker"))
	if !strings.Contains(m.view(80, 24, blocks).String(), "no worker") {
		t.Error("the error is not shown")
	}
	m.explained(0, &api.Explanation{}, nil) // of another slot: too late
	if m.why.answer != nil {
		t.Error("an explanation of another slot is shown")
	}
	var many []api.Cause
	for i := range 60 {
		many = append(many, api.Cause{Trigger: fmt.Sprintf("trigger%d", i), Text: "is far"})
	}
	m.explained(1, &api.Explanation{Triggers: many}, nil)
	for range 100 {
		m.press(keyPageDown)
		m.view(80, 24, blocks)
	}
	if text := m.view(80, 24, blocks).String(); !strings.Contains(text, "trigger59") || !strings.Contains(text, "nothing") {
		t.Errorf("the end cannot be scrolled to:\n%s", text)
	}
	if c := m.press("c"); c != (command{}) || m.prompt == nil || m.prompt.slot != 1 {
		t.Error("the explained worker cannot be cycled from there")
	}
	if m.presses("n", keyEscape); m.why != nil {
		t.Error("Esc does not close it")
	}
}

func TestNoteGoes(t *testing.T) {
	m := watched(1)
	m.say("It is done.", false)
	if m.tick(m.now.Add(noteTime + time.Second)); m.note.text != "" {
		t.Error("a note stays for ever")
	}
}
