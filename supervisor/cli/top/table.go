package top

import (
	"strings"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

const gap = 1 // columns between two of the table

// memoryBar is the width of the bar that a wide table has for each worker, and
// lastMost what the last column takes before there is one.
const (
	memoryBar = 16
	lastMost  = 26
)

// fit chooses the columns that there is room for; the one that it is sorted by is
// always there. rest is what is left over.
func fit(w, sorted int) (shown []*column, rest int) {
	keep, used := map[*column]bool{}, -gap
	take := func(c *column) {
		if !keep[c] && used+gap+c.width <= w {
			keep[c], used = true, used+gap+c.width
		}
	}
	for _, c := range columns {
		if c.rank == 0 {
			take(c)
		}
	}
	take(columns[sorted])
	for r := 1; r <= len(columns); r++ {
		for _, c := range columns {
			if c.rank == r {
				take(c)
			}
		}
	}
	for _, c := range columns {
		if keep[c] {
			shown = append(shown, c)
		}
	}
	return shown, w - used
}

// table draws the workers.
func (m *model) table(a area, g *glyphs) {
	shown, rest := fit(a.w, m.sort)
	last := shown[len(shown)-1]
	more := 0
	if last.left && last.title != "STATE" {
		more = min(rest, lastMost-last.width)
		rest -= more
	}
	limit := m.status.Memory.LimitBytes
	bars := limit != nil && *limit > 0 && rest >= memoryBar+2+gap
	x := 0
	for _, c := range shown {
		title, s := c.title, style{bold: true, colour: cyan}
		if c == columns[m.sort] {
			// The arrow takes the place of the gap, or of a blank before a number.
			if arrow := g.rising; m.falling {
				title, s.reverse = title+g.falling, true
			} else {
				title, s.reverse = title+arrow, true
			}
		}
		width := c.width
		if c == last {
			width += more
		}
		at := x
		if !c.left {
			at = max(x+width-textWidth(title), x)
			if c == columns[m.sort] {
				at = max(at, x)
			}
		}
		a.put(at, 0, title, s)
		x += width + gap
	}
	if bars {
		a.put(x+1, 0, "OF THE LIMIT", style{bold: true, colour: cyan})
	}
	m.lines(a.rows(1, a.h-1), shown, more, bars, g)
}

// lines draws the workers that there is room for, the selected one among them.
func (m *model) lines(a area, shown []*column, more int, bars bool, g *glyphs) {
	list := m.workers()
	at := m.at(list)
	m.offset = min(max(m.offset, at-a.h+1, 0), max(at, 0), max(len(list)-a.h, 0))
	for y := 0; y < a.h && m.offset+y < len(list); y++ {
		w := list[m.offset+y]
		end := m.line(a, y, w, shown, more)
		if bars {
			if bytes := metricOf(w, m.status.Memory.Metric); bytes != nil {
				bar(a, end+gap, y, memoryBar, float64(*bytes)/float64(*m.status.Memory.LimitBytes), g)
			}
		}
		if m.offset+y == at {
			// Over everything: the colours of a line that is reversed can be unreadable.
			a.paint(0, y, a.w, style{reverse: true, bold: true})
		}
	}
	if hidden := len(list) - m.offset - a.h; hidden > 0 && a.h > 1 {
		a.put(0, a.h-1, strings.Repeat(" ", a.w), style{})
		a.put(1, a.h-1, view.Count(hidden+1, "worker")+" below", style{colour: grey})
	}
}

func (m *model) line(a area, y int, w api.Worker, shown []*column, more int) int {
	x := 0
	for i, c := range shown {
		width := c.width
		if i == len(shown)-1 {
			width += more
		}
		text, s := c.text(w, m.status), style{}
		if c.style != nil {
			s = c.style(w, m.status)
		}
		cut := a.columns(x, width)
		if c.left {
			cut.put(0, y, text, s)
		} else {
			cut.right(y, text, s)
		}
		x += width + gap
	}
	return x - gap
}

// metricOf is the memory of a worker that the limit is compared with.
func metricOf(w api.Worker, metric string) *int64 {
	switch metric {
	case "rss":
		return w.Memory.RSSBytes
	case "pss":
		return w.Memory.PSSBytes
	}
	return w.Memory.PrivateBytes
}
