package top

import (
	"slices"
	"strings"
)

// glyphs are what charts and bars are made of.
type glyphs struct {
	eighths string // of a column, from empty to full
	bar     string // of a row, from empty to full
	limit   rune
	edge    [2]string // of a bar
	falling string
	rising  string
	cycle   string
	more    string // stands where text was cut off
}

var (
	blocks = &glyphs{eighths: " ▁▂▃▄▅▆▇█", bar: " ▏▎▍▌▋▊▉█", limit: '─', edge: [2]string{"▕", "▏"}, falling: "▼", rising: "▲", cycle: "▲", more: "…"}
	// ascii is for terminals that do not show UTF-8.
	ascii = &glyphs{eighths: " ...:::##", bar: "    ####", limit: '-', edge: [2]string{"[", "]"}, falling: "v", rising: "^", cycle: "^", more: "~"}
)

// The least sizes that can be drawn in.
const (
	leastWidth  = 20
	leastHeight = 5
)

// view draws the whole screen.
func (m *model) view(w, h int, g *glyphs) *frame {
	f := newFrame(w, h)
	if w < leastWidth || h < leastHeight {
		f.all().put(0, 0, "too small", style{})
		return f
	}
	all := f.all()
	m.footer(all.rows(h-1, 1))
	body := all.rows(0, h-1)
	switch {
	case m.help:
		m.manual(body)
	case m.status == nil:
		m.waiting(body)
	default:
		m.body(body, g)
	}
	return f
}

// waiting stands where there is no status yet.
func (m *model) waiting(a area) {
	text := "Waiting for the pool."
	if m.lost != "" {
		text = m.lost + "  Trying again until it is there."
	}
	for i, line := range wrap(text, a.w-4) {
		a.put(2, 1+i, line, style{bold: m.lost != ""})
	}
}

// body is everything but the last line.
func (m *model) body(a area, g *glyphs) {
	head := m.header(a, g)
	if m.why != nil {
		m.explanation(a.rows(head, a.h-head))
		return
	}
	l := arrange(a.w, a.h-head, len(m.status.Workers))
	m.table(a.rows(head, l.table), g)
	lower := a.rows(head+l.table, a.h-head-l.table)
	switch {
	case l.beside > 0:
		m.chart(lower.columns(0, l.beside), g)
		m.latestEvents(lower.columns(l.beside+1, lower.w-l.beside-1), g)
	case l.above > 0 && l.above < lower.h:
		m.chart(lower.rows(0, l.above), g)
		m.latestEvents(lower.rows(l.above, lower.h-l.above), g)
	case m.pane == paneChart && lower.h >= leastChart:
		m.chart(lower, g)
	default:
		m.latestEvents(lower, g)
	}
}

// layout says how what is under the header shares its room.
type layout struct {
	table  int // lines of the table, its title included
	beside int // columns of the chart, with the events beside it; 0: not beside
	above  int // lines of the chart, with the events under it; 0: one of them only
}

// The least heights of the panes, their titles included, and the width from which
// chart and events stand beside each other.
const (
	leastTable  = 5
	leastChart  = 6
	leastEvents = 4
	besideFrom  = 100
)

// arrange shares w times h cells out: the table gets what it needs, but leaves
// room for a chart where both can be.
func arrange(w, h, workers int) layout {
	need := workers + 2 // a title, and an empty line under it
	l := layout{table: min(need, h)}
	lower := max(h-need, min(h/2, h-leastTable))
	if lower < leastEvents {
		l.table = h
		return l
	}
	if w < besideFrom && lower < leastChart+leastEvents {
		// A few lines more make room for both.
		if h-leastChart-leastEvents >= min(need, leastTable+2) {
			lower = leastChart + leastEvents
		}
	}
	l.table = h - lower
	switch {
	case w >= besideFrom && lower >= leastChart:
		l.beside = w * 3 / 5
	case lower >= leastChart+leastEvents:
		l.above = max(leastChart, lower*3/5)
	}
	return l
}

// footer is the last line: a question, a note, or the keys.
func (m *model) footer(a area) {
	bar := style{reverse: true}
	switch {
	case m.prompt != nil:
		text := " " + m.prompt.question() + " y/n"
		if m.prompt.verb == scale {
			text += "  (+ and - change it)"
		}
		a.paint(a.put(0, 0, text, style{reverse: true, bold: true}), 0, a.w, bar)
		return
	case m.note.text != "":
		s := style{bold: true}
		if m.note.bad {
			s.colour = red
		}
		a.put(1, 0, m.note.text, s)
		return
	case m.lost != "" && m.status != nil:
		a.put(1, 0, m.lost, style{bold: true, colour: red})
		return
	}
	keys := []string{"q quit", "? help", "c cycle", "r roll", "e explain", "+/- scale", "</> sort", "space freeze", "t time", "p pause", "a abort"}
	if m.status != nil && m.status.Roll != nil {
		keys = slices.Concat(keys[:2], []string{"p pause", "a abort"}, keys[2:9])
	}
	x := 1
	for _, k := range keys {
		name, what, _ := strings.Cut(k, " ")
		if x+len(k) >= a.w {
			break
		}
		x = a.put(x, 0, name, style{bold: true})
		x = a.put(x+1, 0, what, style{colour: cyan}) + 2
	}
}
