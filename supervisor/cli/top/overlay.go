package top

import (
	"fmt"
	"time"

	"rota/supervisor/admin/api"
)

// line is one line of an overlay.
type line struct {
	indent int
	text   string
	style  style
	mark   string // before the text
}

// manualText are the keys, and what they do.
var manualText = [][2]string{
	{"up down", "select a worker; also k, j, page up, down, home, end"},
	{"< > i", "sort by another column; turn the order round"},
	{"S M G P T", "sort by slot, memory, growth, CPU, uptime"},
	{"e", "explain what would replace the selected worker"},
	{"t tab", "another time in the chart; chart or events"},
	{"space", "freeze the display, and let it go on"},
	{"q", "quit; also Ctrl-C. Ctrl-Z suspends"},
	{"", "These ask before they do anything:"},
	{"c", "cycle: replace the selected worker"},
	{"r", "roll: read the configuration again, replace all"},
	{"p a", "pause the roll, or let it go on; abort it"},
	{"+ -", "scale: one worker more, one fewer"},
}

// manual shows the keys.
func (m *model) manual(a area) {
	box := window(a, "KEYS (any key closes)")
	for y, t := range manualText {
		box.put(1, y, t[0], style{bold: true})
		box.put(12, y, t[1], style{})
	}
}

// explanation shows what would cycle a worker.
func (m *model) explanation(a area) {
	e := m.why
	lines := []line{{text: "Asking the pool."}}
	switch {
	case e.failed != "":
		lines = []line{{text: e.failed, style: style{bold: true, colour: red}}}
	case e.answer != nil:
		lines = explain(e.answer, m.status)
	}
	box := window(a, fmt.Sprintf("SLOT %d (e or Esc closes)", e.slot))
	var flat []line
	for _, l := range lines {
		for i, text := range wrap(l.text, max(min(box.w, mostText)-2-l.indent, 1)) {
			next := line{l.indent, text, l.style, l.mark}
			if i > 0 {
				next.mark = ""
			}
			flat = append(flat, next)
		}
		if l.text == "" {
			flat = append(flat, l)
		}
	}
	e.scroll = min(e.scroll, max(len(flat)-box.h, 0))
	for y, l := range flat[e.scroll:] {
		box.put(2, y, l.mark, l.style)
		box.put(1+l.indent, y, l.text, l.style)
	}
	if hidden := len(flat) - e.scroll - box.h; hidden > 0 {
		box.right(box.h-1, fmt.Sprintf(" %d more lines: down ", hidden), style{reverse: true})
	}
}

// explain puts an explanation in lines.
func explain(e *api.Explanation, s *api.Status) []line {
	w := e.Worker
	heading := style{bold: true, colour: cyan}
	lines := []line{
		{text: fmt.Sprintf("pid %d, %s, generation %d, up %s", w.PID, w.State, w.Generation, span(s.Time.Sub(w.StartedAt))), style: style{bold: true}},
		{},
		{text: "What would replace it", style: heading},
	}
	for _, c := range e.Triggers {
		l := line{indent: 5, text: c.Trigger + ": " + c.Text}
		switch {
		case c.Due:
			l.mark, l.style = "DUE", style{bold: true, colour: yellow}
		case c.Off:
			l.mark, l.style = "off", style{colour: grey}
		}
		if c.At != nil && !c.Due {
			l.text += ", in " + span(max(c.At.Sub(s.Time), time.Duration(0)))
		}
		lines = append(lines, l)
	}
	lines = append(lines, line{}, line{text: "What holds that back now", style: heading})
	if len(e.Held) == 0 {
		lines = append(lines, line{indent: 5, text: "nothing"})
	}
	for _, h := range e.Held {
		lines = append(lines, line{indent: 5, text: h.By + ": " + h.Text, style: style{colour: yellow}})
	}
	return lines
}

// mostText is the longest line that is good to read.
const mostText = 100

// window empties an area and gives it a title; what it returns is what is below.
func window(a area, title string) area {
	a.clear()
	edge := style{reverse: true, bold: true}
	a.paint(0, 0, a.w, edge)
	a.put(1, 0, title, edge)
	return a.rows(1, a.h-1)
}
