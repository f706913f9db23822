package top

import (
	"fmt"
	"slices"
	"strings"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

// fullHeader is the height from which the header says all that it can, and roomy
// the one from which that may take two lines each.
const (
	fullHeader = 20
	roomy      = 35
)

// labelWidth is where the text of a line of the header begins.
const labelWidth = 10

// header draws what concerns the pool as a whole and returns how many lines that
// took, an empty one under it included where there is room.
func (m *model) header(a area, g *glyphs) int {
	s := m.status
	m.headline(a.rows(0, 1))
	y := 1
	fact := func(label, text string, st style) {
		if text == "" || y >= a.h {
			return
		}
		a.put(0, y, label, style{colour: cyan})
		lines := []string{text}
		if w := a.w - labelWidth; a.h >= roomy && textWidth(text) > w {
			all := wrap(text, w)
			lines = []string{all[0], strings.Join(all[1:], " ")}
		}
		for _, line := range lines {
			a.columns(labelWidth, a.w).put(0, y, shorten(line, a.w-labelWidth, g), st)
			y++
		}
	}
	m.memoryLine(a.rows(y, 1), g)
	y++
	fact("requests", requestsText(s, a.w-labelWidth), style{})
	roll, rollStyle := rollText(s)
	verdict, verdictStyle := verdictText(s)
	switch {
	case a.h >= fullHeader-1:
		if s.Phase != api.PhaseReady {
			fact(string(s.Phase), s.Why, phaseStyle(s.Phase))
		}
		fact("verdict", verdict, verdictStyle)
		fact("causes", strings.Join(s.Verdict.Causes, "; "), style{})
		fact("held back", heldText(s), style{colour: yellow})
		fact("next", nextText(s), style{})
		fact("roll", roll, rollStyle)
		return y + 1
	case roll != "":
		fact("roll", roll, rollStyle)
	case s.Phase != api.PhaseReady && s.Why != "":
		fact(string(s.Phase), s.Why, phaseStyle(s.Phase))
	default:
		fact("verdict", verdict, verdictStyle)
	}
	return y
}

// headline is the first line: what is served, and how it stands.
func (m *model) headline(a area) {
	s := m.status
	state, st := fmt.Sprintf("%s %d/%d", s.Phase, s.Ready, s.Desired), phaseStyle(s.Phase)
	right := clock(s.Time)
	switch {
	case m.lost != "":
		right = "NOT CONNECTED since " + clock(s.Time)
	case m.quiet() > 0:
		right = "NO ANSWER for " + view.Span(m.quiet())
	case m.frozen:
		right = "FROZEN at " + clock(s.Time)
	}
	back := style{reverse: true}
	a.paint(0, 0, a.w, back)
	x := a.put(0, 0, " rota ", style{reverse: true, bold: true})
	end := a.w - textWidth(right) - 2
	left := a.columns(0, end)
	x = left.put(x, 0, addresses(s), back)
	x = left.put(x+2, 0, state, style{reverse: true, bold: true, colour: st.colour})
	rest := []string{s.Accept, fmt.Sprintf("generation %d", s.Generation), "up " + view.Span(s.Time.Sub(s.StartedAt))}
	for _, text := range rest {
		if x+2+textWidth(text) > end {
			continue
		}
		x = left.put(x+2, 0, text, back)
	}
	loud := style{reverse: true, bold: m.lost != "" || m.frozen || m.quiet() > 0}
	a.put(end, 0, " "+right+" ", loud)
}

// addresses is what the pool serves.
func addresses(s *api.Status) string {
	if len(s.Listeners) == 0 {
		return "no address yet"
	}
	text := s.Listeners[0].Address
	if n := len(s.Listeners) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

func phaseStyle(p api.Phase) style {
	switch p {
	case api.PhaseReady:
		return style{colour: green, bold: true}
	case api.PhaseDegraded:
		return style{colour: red, bold: true}
	}
	return style{colour: yellow, bold: true}
}

// memoryLine shows the container's use as a bar, and the pool's part of it.
func (m *model) memoryLine(a area, g *glyphs) {
	s := m.status
	a.put(0, 0, "memory", style{colour: cyan})
	x := labelWidth
	use, limit := s.Container.UnreclaimableBytes, s.Container.LimitBytes
	if use == nil {
		use = s.Container.UsageBytes
	}
	where, of := "", ""
	if use != nil && limit != nil && *limit > 0 {
		share := float64(*use) / float64(*limit)
		x = bar(a, x, 0, min(max(a.w/5, 8), 40), share, g) + 1
		x = a.put(x, 0, view.Percent(share), style{bold: true, colour: fullness(share).colour}) + 1
		of, where = view.SizeOf(use)+" of "+view.SizeOf(limit), " in the container"
		if s.Container.Machine {
			where = " in the machine"
		}
	}
	workers := "workers " + view.SizeOf(s.Memory.TotalBytes)
	if s.Memory.TotalBytes == nil {
		workers = "workers RSS " + view.Size(float64(s.Memory.RSSBytes))
	}
	if s.Memory.BudgetBytes != nil {
		workers += " of " + view.SizeOf(s.Memory.BudgetBytes)
	}
	shared := ""
	if r := s.Memory.SharingRatio; r != nil && *r > 0 {
		shared = view.Percent(*r) + " shared"
	}
	for _, parts := range [][]string{{of + where, workers, shared}, {of, workers, shared}, {of, workers}, {of + where}, {of}} {
		text := strings.TrimSpace(strings.Join(parts, "  "))
		if x+textWidth(text) <= a.w {
			a.put(x, 0, text, style{})
			return
		}
	}
}

// shorten cuts text so that it fits, and shows that it did.
func shorten(text string, w int, g *glyphs) string {
	if textWidth(text) <= w || w < 2 {
		return text
	}
	head, _ := split(text, w-1)
	return head + g.more
}

// bar draws a share of 0 to 1 and returns the column behind it.
func bar(a area, x, y, width int, share float64, g *glyphs) int {
	steps := []rune(g.bar)
	full := len(steps) - 1
	n := min(max(int(share*float64(width*full)+.5), 0), width*full)
	x = a.put(x, y, g.edge[0], style{colour: grey})
	s := fullness(share)
	if s.colour == plain {
		s.colour = green
	}
	for i := range width {
		a.put(x+i, y, string(steps[min(max(n-i*full, 0), full)]), s)
	}
	return a.put(x+width, y, g.edge[1], style{colour: grey})
}

// requestsText is the traffic, as much of it as there is room for.
func requestsText(s *api.Status, w int) string {
	var parts []string
	if r := s.Requests; r != nil {
		parts = []string{view.Rate(r.PerSecond)}
		if r.P50Seconds != nil {
			parts = append(parts, "p50 "+view.Latency(r.P50Seconds), "p99 "+view.Latency(r.P99Seconds))
		}
		parts = append(parts, fmt.Sprintf("in flight %d", r.InFlight), fmt.Sprintf("queued %d", r.Queued), "shed "+number(r.Shed), "cut "+number(r.Cut))
	} else {
		parts = []string{"not seen by rota (--accept " + s.Accept + ")"}
	}
	waiting, known := 0, false
	for _, l := range s.Listeners {
		if l.QueueLength != nil {
			waiting, known = waiting+*l.QueueLength, true
		}
	}
	if known {
		parts = append(parts, fmt.Sprintf("accept queue %d", waiting))
	}
	for len(parts) > 1 && textWidth(strings.Join(parts, "  ")) > w {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, "  ")
}

func verdictText(s *api.Status) (string, style) {
	text, st := s.Verdict.Kind, style{}
	if s.Verdict.Why != "" {
		text += ": " + s.Verdict.Why
	}
	switch s.Verdict.Kind {
	case "leak":
		st = style{colour: red, bold: true}
	case "bloat":
		st = style{colour: yellow}
	case "steady":
		st = style{colour: green}
	}
	return text, st
}

// heldText names the triggers whose cycles are held back.
func heldText(s *api.Status) string {
	var parts []string
	for trigger, why := range s.Paused {
		parts = append(parts, trigger+": "+why)
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// nextText is the next cycle that can be foreseen.
func nextText(s *api.Status) string {
	if s.Next == nil {
		return "no cycle is foreseen"
	}
	who := "all workers"
	if s.Next.Slot != nil {
		who = fmt.Sprintf("slot %d", *s.Next.Slot)
	}
	return fmt.Sprintf("%s %s, %s", who, view.In(s.Next.At, s.Time), s.Next.Trigger)
}

// rollText is how far the roll under way has come.
func rollText(s *api.Status) (string, style) {
	r := s.Roll
	if r == nil {
		return "", style{}
	}
	st := style{bold: true}
	if r.Paused {
		st.colour = yellow
	}
	return strings.TrimPrefix(view.Progress(r, s.Time), "roll "), st
}
