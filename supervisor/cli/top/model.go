package top

import (
	"slices"
	"time"

	"rota/supervisor/admin/api"
)

// mostEvents bounds the events that are kept to be shown.
const mostEvents = 200

// silence is how long a pool may tell nothing before that is said: it sends a
// status each second.
const silence = 4 * time.Second

// noteTime is how long the answer to an action stays.
const noteTime = 8 * time.Second

// spans are the lengths of time that the chart can show, and usual the one that it
// does unless another is chosen: cycles that are minutes apart are seen, and a
// growth that takes hours is.
var (
	spans = []time.Duration{time.Minute, 5 * time.Minute, usual, 2 * time.Hour, keptFor}
	usual = 30 * time.Minute
)

// model is what the operator looks at and does. It is pure: what happened goes in
// through its methods, what to do comes out of press, and what to see out of view.
type model struct {
	status *api.Status // that is shown; nil before the first
	latest *api.Status // differs while frozen
	frozen bool
	events []api.Event // oldest first
	trails trails

	now   time.Time // by this machine's clock
	heard time.Time // when the pool last said something
	lost  string    // why there is no connection; empty while there is one

	selected   uint64 // ID of a worker
	slot       int    // its slot, to stay there when it is replaced
	sort       int    // index of a column
	falling    bool
	offset     int // workers above the table's first line
	span       int // index of spans
	spanChosen bool
	pane       pane

	prompt *action // waits for its confirmation
	help   bool
	why    *why // the explanation that is open
	note   note
}

// pane is what the lower part shows where it has room for one thing only.
type pane int

const (
	paneChart pane = iota
	paneEvents
)

// note is a line about what the operator did.
type note struct {
	text string
	bad  bool
	at   time.Time
}

// why is the explanation of a worker.
type why struct {
	slot   int
	answer *api.Explanation // nil until it came
	failed string
	scroll int
}

func newModel() *model { return &model{trails: trails{}} }

// tick tells the time.
func (m *model) tick(now time.Time) {
	m.now = now
	if m.note.text != "" && now.Sub(m.note.at) > noteTime {
		m.note = note{}
	}
}

// say shows a line for some time.
func (m *model) say(text string, bad bool) { m.note = note{text, bad, m.now} }

// heed takes a status.
func (m *model) heed(s *api.Status) {
	m.heard, m.lost = m.now, ""
	m.latest = s
	m.trails.note(s)
	if !m.frozen {
		m.status = s
		m.follow()
	}
}

// happened takes an event. After a new connection the pool may tell again what it
// told before; a pool that was started anew goes on with higher numbers.
func (m *model) happened(e api.Event) {
	if n := len(m.events); n > 0 && e.ID <= m.events[n-1].ID {
		return
	}
	if e.Level == "debug" || e.Level == "trace" {
		return
	}
	m.events = append(m.events, e)
	if n := len(m.events) - mostEvents; n > 0 {
		m.events = slices.Delete(m.events, 0, n)
	}
}

// disconnected says that the pool cannot be asked now.
func (m *model) disconnected(reason string) { m.lost = reason }

// explained takes the answer to a question for an explanation.
func (m *model) explained(slot int, answer *api.Explanation, err error) {
	switch {
	case m.why == nil || m.why.slot != slot:
	case err != nil:
		m.why.answer, m.why.failed = nil, err.Error()
	default:
		m.why.answer, m.why.failed = answer, ""
	}
}

// workers are those of the status, as they are sorted.
func (m *model) workers() []api.Worker {
	if m.status == nil {
		return nil
	}
	list := slices.Clone(m.status.Workers)
	c := columns[m.sort]
	slices.SortStableFunc(list, func(a, b api.Worker) int { return c.compare(a, b, m.status, m.falling) })
	return list
}

// at is where the selected worker stands in a list, or -1.
func (m *model) at(list []api.Worker) int {
	return slices.IndexFunc(list, func(w api.Worker) bool { return w.ID == m.selected })
}

// chosen is the selected worker.
func (m *model) chosen() (w api.Worker, ok bool) {
	if m.status == nil {
		return w, false
	}
	if i := m.at(m.status.Workers); i >= 0 {
		return m.status.Workers[i], true
	}
	return w, false
}

// follow keeps the selection on its slot when the worker there was replaced, and
// on some worker as long as there is one.
func (m *model) follow() {
	if _, ok := m.chosen(); ok {
		return
	}
	if w, ok := serving(m.status)[m.slot]; ok {
		m.selected = w.ID
		return
	}
	if list := m.workers(); len(list) > 0 {
		m.choose(list[0])
	}
}

func (m *model) choose(w api.Worker) {
	m.selected, m.slot = w.ID, w.Slot
	if m.why != nil && m.why.slot != w.Slot {
		m.why = nil
	}
}

// move selects another line of the table.
func (m *model) move(by int) {
	list := m.workers()
	if len(list) == 0 {
		return
	}
	m.choose(list[min(max(m.at(list)+by, 0), len(list)-1)])
}

// freeze stops the display, or lets it go on.
func (m *model) freeze() {
	if m.frozen = !m.frozen; !m.frozen && m.latest != nil {
		m.status = m.latest
		m.follow()
	}
}

// shown are the events to be seen: while frozen those up to then.
func (m *model) shown() []api.Event {
	if !m.frozen || m.status == nil {
		return m.events
	}
	n := len(m.events)
	for n > 0 && m.events[n-1].Time.After(m.status.Time) {
		n--
	}
	return m.events[:n]
}

// quiet is how long nothing was heard of a pool that should say something each
// second; 0 while all is well.
func (m *model) quiet() time.Duration {
	if since := m.now.Sub(m.heard); m.latest != nil && since >= silence {
		return since
	}
	return 0
}
