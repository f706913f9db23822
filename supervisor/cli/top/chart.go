package top

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"rota/supervisor/cli/view"
)

// headroom is how much of a chart is above the limit, or above the most where
// there is none near.
const headroom = 1.1

// near is the part of the limit that a worker must have reached before the limit
// sets the scale: a saw far under it would be a flat line.
const near = .25

// chart draws the memory of the selected slot over time, with the limit as a line
// and a mark under each cycle.
func (m *model) chart(a area, g *glyphs) {
	s := m.status
	long := m.length()
	x := a.put(0, 0, fmt.Sprintf("SLOT %d", m.slot), style{bold: true, colour: cyan})
	a.put(x, 0, fmt.Sprintf("  %s memory over the last %s", cmp.Or(s.Memory.Metric, "private"), view.Span(long)), style{})
	plot := a.rows(1, a.h-2)
	axis := a.rows(a.h-1, 1)
	const labels = 8
	if plot.h < 2 || a.w < labels+10 {
		return
	}
	plot = area{a.f, a.x + labels, plot.y, a.w - labels, plot.h}
	p := project(m.trails.slot(m.slot).samples, s.Memory.Metric, s.Time, long, plot.w)
	limit := 0.0
	if s.Memory.LimitBytes != nil {
		limit = float64(*s.Memory.LimitBytes)
	}
	if p.most == 0 {
		plot.put(0, 0, "nothing was measured yet", style{colour: grey})
		return
	}
	top := p.most * headroom
	if limit > 0 && p.most >= near*limit {
		top = max(limit*headroom, top)
	}
	m.curve(plot, p, top, limit, g)
	m.scale(a.columns(0, labels), plot.h, top, limit)
	m.timeline(area{a.f, plot.x, axis.y, plot.w, 1}, p, long, g)
}

// length is the time that the chart shows: what was chosen, or else as much as a
// young pool has to show, and usual at most.
func (m *model) length() time.Duration {
	if m.spanChosen {
		return spans[m.span]
	}
	for _, long := range spans {
		if long == usual || m.status.Time.Sub(m.status.StartedAt) <= long {
			return long
		}
	}
	return usual
}

// projection is a trail that was fitted to the columns of a chart.
type projection struct {
	bytes []float64 // the most within the time of each column; 0 for none
	marks []bool    // another worker began within it
	most  float64
}

// project fits samples into n columns that end at now.
func project(samples []sample, metric string, now time.Time, long time.Duration, n int) projection {
	p := projection{bytes: make([]float64, n), marks: make([]bool, n)}
	step := float64(long) / float64(n)
	last, lastAt := 0.0, -1
	var id uint64
	for _, s := range samples {
		ago := now.Sub(s.at)
		if ago < 0 || ago >= long {
			id = s.id
			continue
		}
		x := min(n-1-int(float64(ago)/step), n-1)
		value := float64(s.of(metric))
		// Columns between two samples of one worker are as high as the first.
		if id == s.id && lastAt >= 0 {
			for i := lastAt + 1; i < x; i++ {
				p.bytes[i] = last
			}
		}
		if id != 0 && id != s.id {
			p.marks[x] = true
		}
		p.bytes[x] = max(p.bytes[x], value)
		p.most = max(p.most, value)
		last, lastAt, id = value, x, s.id
	}
	return p
}

// curve fills the columns and draws the limit where they are lower.
func (m *model) curve(a area, p projection, top, limit float64, g *glyphs) {
	steps := []rune(g.eighths)
	full := len(steps) - 1
	limitRow := -1
	if limit > 0 && limit <= top {
		limitRow = a.h - 1 - int(limit/top*float64(a.h))
	}
	for x, bytes := range p.bytes {
		filled := int(bytes/top*float64(a.h*full) + .5)
		if bytes > 0 {
			filled = max(filled, 1)
		}
		s := style{colour: fullness(bytes / max(limit, 1)).colour}
		if s.colour == plain || limit == 0 {
			s = style{colour: green}
		}
		for y := range a.h {
			n := min(max(filled-(a.h-1-y)*full, 0), full)
			switch {
			case n > 0:
				a.put(x, y, string(steps[n]), s)
			case y == limitRow:
				a.put(x, y, string(g.limit), style{colour: red})
			}
		}
	}
}

// scale writes what heights mean, left of the plot.
func (m *model) scale(a area, h int, top, limit float64) {
	write := func(y int, text string, s style) {
		a.columns(0, a.w-1).right(1+y, text, s)
	}
	limitRow := -1
	if limit > 0 && limit <= top {
		limitRow = h - 1 - int(limit/top*float64(h))
		write(limitRow, "limit", style{colour: red})
		if limitRow+1 < h {
			write(limitRow+1, view.Size(limit), style{colour: red})
		}
	}
	if limitRow != 0 {
		write(0, view.Size(top), style{colour: grey})
	}
	if h > 3 && (limitRow < 0 || h/2 > limitRow+1) {
		write(h/2, view.Size(top*(float64(h-h/2)-.5)/float64(h)), style{colour: grey})
	}
	if limitRow+1 < h-1 {
		write(h-1, "0", style{colour: grey})
	}
}

// timeline is the line under the plot: since when, the cycles, now. A mark wins
// over a word that would be in its place.
func (m *model) timeline(a area, p projection, long time.Duration, g *glyphs) {
	word := func(x int, text string) {
		end := min(x+textWidth(text), len(p.marks))
		if x >= 0 && (x >= end || !slices.Contains(p.marks[x:end], true)) {
			a.put(x, 0, text, style{colour: grey})
		}
	}
	word(0, "-"+view.Span(long))
	if a.w > 40 {
		half := "-" + view.Span(long/2)
		word(a.w/2-textWidth(half)/2, half)
	}
	word(a.w-textWidth("now"), "now")
	for x, marked := range p.marks {
		if marked {
			a.put(x, 0, g.cycle, style{colour: yellow, bold: true})
		}
	}
}
