package top

import (
	"fmt"
	"strings"

	"rota/supervisor/cli/view"
)

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

// explanation shows what would cycle a worker, in the words of rota explain.
func (m *model) explanation(a area) {
	e := m.why
	box := window(a, fmt.Sprintf("SLOT %d (e or Esc closes)", e.slot))
	text, st := "Asking the pool.", style{}
	switch {
	case e.failed != "":
		text, st = strings.Join(wrap(e.failed, box.w-2), "\n"), style{bold: true, colour: red}
	case e.answer != nil:
		text = view.Explanation(e.answer, m.status.Time, view.Options{Width: min(box.w-2, mostText)})
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	e.scroll = min(e.scroll, max(len(lines)-box.h, 0))
	for y, line := range lines[e.scroll:] {
		box.put(1, y, line, st)
		label, _, _ := strings.Cut(line, " ")
		switch {
		case label == "TRIGGER":
			box.paint(0, y, box.w, style{bold: true, colour: cyan})
		case label == "held":
			box.paint(0, y, box.w, style{colour: yellow})
		}
	}
	if hidden := len(lines) - e.scroll - box.h; hidden > 0 {
		box.right(box.h-1, fmt.Sprintf(" %d more lines: down ", hidden), style{reverse: true})
	}
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
