package top

import (
	"fmt"
	"strings"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

// latestEvents shows the last events, the newest at the top.
func (m *model) latestEvents(a area, g *glyphs) {
	if a.h < 2 {
		return
	}
	a.put(0, 0, "EVENTS", style{bold: true, colour: cyan})
	events := m.shown()
	y := 1
	for i := len(events) - 1; i >= 0 && y < a.h; i-- {
		y = m.event(a, y, events[i], g)
	}
	if y == 1 {
		a.put(0, 1, "nothing has happened yet", style{colour: grey})
	}
}

// mostLines bounds what one event takes; rota events tells all of it.
const mostLines = 2

// event writes one event from line y on, and returns the line after it.
func (m *model) event(a area, y int, e api.Event, g *glyphs) int {
	s := map[string]style{"warn": {colour: yellow}, "error": {colour: red}}[e.Level]
	indent := a.put(0, y, clock(e.Time)+" ", style{colour: grey})
	lines := wrap(e.Kind+" "+eventText(e), max(a.w-indent, 1))
	for i, line := range lines[:min(len(lines), mostLines)] {
		if y == a.h {
			break
		}
		if i == mostLines-1 && len(lines) > mostLines {
			line = shorten(line+" "+lines[mostLines], a.w-indent, g)
		}
		a.put(indent, y, line, s)
		if i == 0 {
			a.paint(indent, y, textWidth(e.Kind), style{colour: s.colour, bold: true})
		}
		y++
	}
	return y
}

// eventText is what an event says beside its kind.
func eventText(e api.Event) string {
	var parts []string
	add := func(ok bool, format string, args ...any) {
		if ok {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	if e.Slot != nil {
		add(true, "slot %d", *e.Slot)
	}
	add(e.PID != 0, "pid %d", e.PID)
	add(e.Trigger != "", "%s", e.Trigger)
	add(e.Reason != "" && e.Reason != e.Trigger, "%s", e.Reason)
	add(e.Exit != "", "%s", e.Exit)
	add(e.Status != "", "%s", e.Status)
	add(e.Seconds > 0, "after %s", view.Latency(&e.Seconds))
	add(e.Cut > 0, "%s cut", view.Count(e.Cut, "request"))
	add(e.CutStreams > 0, "%s cut", view.Count(e.CutStreams, "stream"))
	add(e.Message != "", "%s", e.Message)
	add(e.Path != "", "%s", e.Path)
	return strings.Join(parts, ", ")
}
