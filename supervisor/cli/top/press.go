package top

import "slices"

// command is what a key asks the program to do.
type command struct {
	quit    bool
	suspend bool
	redraw  bool
	explain bool    // the worker of slot
	slot    int     // explain
	do      *action // confirmed
}

// press takes a key.
func (m *model) press(k key) command {
	switch k {
	case keyCtrlC:
		return command{quit: true}
	case keyCtrlZ:
		return command{suspend: true}
	case keyCtrlL:
		return command{redraw: true}
	}
	switch {
	case m.prompt != nil:
		return m.answer(k)
	case m.help:
		m.help = false
		return command{quit: k == "q"}
	case m.why != nil:
		if c, done := m.read(k); done {
			return c
		}
	}
	return m.steer(k)
}

// answer takes a key while a question is open. Anything but yes, and what changes
// the question, is no.
func (m *model) answer(k key) command {
	switch {
	case k == "+" || k == "=":
		if m.prompt.verb == scale {
			m.rescale(1)
			return command{}
		}
	case k == "-":
		if m.prompt.verb == scale {
			m.rescale(-1)
			return command{}
		}
	}
	a := m.prompt
	m.prompt = nil
	if k != "y" && k != "Y" {
		m.say("Nothing was done.", false)
		return command{}
	}
	if stale := a.stale(m.latest); stale != "" {
		m.say(stale, true)
		return command{}
	}
	m.say("Asking the pool.", false)
	return command{do: a}
}

// read takes a key while an explanation is open; done is false for one that means
// what it always does.
func (m *model) read(k key) (c command, done bool) {
	switch k {
	case keyEscape, "e", "q", keyEnter:
		m.why = nil
	case keyUp, "k":
		m.why.scroll = max(m.why.scroll-1, 0)
	case keyDown, "j":
		m.why.scroll++
	case keyPageUp:
		m.why.scroll = max(m.why.scroll-10, 0)
	case keyPageDown:
		m.why.scroll += 10
	case keyHome:
		m.why.scroll = 0
	default:
		return c, false
	}
	return c, true
}

// steer takes a key of the main view.
func (m *model) steer(k key) command {
	switch k {
	case "q":
		return command{quit: true}
	case "?", "h":
		m.help = true
	case keyUp, "k":
		m.move(-1)
	case keyDown, "j":
		m.move(1)
	case keyPageUp:
		m.move(-10)
	case keyPageDown:
		m.move(10)
	case keyHome:
		m.move(-1 << 20)
	case keyEnd:
		m.move(1 << 20)
	case " ":
		m.freeze()
	case keyTab:
		m.pane = 1 - m.pane
	case "t":
		m.lengthen()
	case keyEscape:
		m.note = note{}
	default:
		return m.act(k)
	}
	return command{}
}

// lengthen goes on to the next length of time of the chart.
func (m *model) lengthen() {
	if m.status == nil {
		return
	}
	m.span = (slices.Index(spans, m.length()) + 1) % len(spans)
	m.spanChosen = true
}

// act takes a key that sorts, or that changes the pool.
func (m *model) act(k key) command {
	switch k {
	case "<", keyLeft:
		m.sortBy((m.sort + len(columns) - 1) % len(columns))
	case ">", keyRight:
		m.sortBy((m.sort + 1) % len(columns))
	case "i", "R":
		m.falling = !m.falling
	case "S", "M", "G", "P", "T":
		m.sortBy(columnOf(letters[k]))
	case "c":
		m.propose(cycle)
	case "r":
		m.propose(roll)
	case "p":
		m.propose(pauseRoll)
	case "a":
		m.propose(abortRoll)
	case "+", "=":
		m.rescale(1)
	case "-":
		m.rescale(-1)
	case "e":
		if w, ok := m.chosen(); ok {
			m.why = &why{slot: w.Slot}
			return command{explain: true, slot: w.Slot}
		}
	}
	return command{}
}

// letters are the keys that sort by one column, as far as top(1) has them its.
var letters = map[key]string{"S": "SLOT", "M": "PRIVATE", "G": "GROWTH/H", "P": "CPU", "T": "UP"}

func (m *model) sortBy(column int) {
	m.sort, m.falling, m.offset = column, columns[column].falling, 0
}
