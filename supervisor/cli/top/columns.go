package top

import (
	"cmp"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

// column is one of the table's.
type column struct {
	title string
	width int
	left  bool
	rank  int // 0 for one that is always there; of the others the highest goes first
	about string

	text func(w api.Worker, s *api.Status) string
	// value is what it is sorted by; what is not known comes last.
	value   func(w api.Worker, s *api.Status) (v float64, known bool)
	falling bool // the first look is for the most
	style   func(w api.Worker, s *api.Status) style
}

// columns are in the order in which they are shown. The last one takes what room
// is left.
var columns = []*column{
	{title: "SLOT", width: 4, about: "slot",
		text:  func(w api.Worker, _ *api.Status) string { return number(int64(w.Slot)) },
		value: func(w api.Worker, _ *api.Status) (float64, bool) { return float64(w.Slot), true }},
	{title: "PID", width: 7, rank: 3, about: "process",
		text: func(w api.Worker, _ *api.Status) string {
			if w.PID == 0 {
				return none
			}
			return number(int64(w.PID))
		},
		value: func(w api.Worker, _ *api.Status) (float64, bool) { return float64(w.PID), true }},
	{title: "STATE", width: 8, left: true, about: "state", style: stateStyle,
		text: func(w api.Worker, _ *api.Status) string { return w.State },
		value: func(w api.Worker, _ *api.Status) (float64, bool) {
			return float64(map[string]int{"starting": 0, "ready": 1, "draining": 2, "stopping": 3}[w.State]), true
		}},
	{title: "GEN", width: 3, rank: 13, about: "generation",
		text:  func(w api.Worker, _ *api.Status) string { return number(int64(w.Generation)) },
		value: func(w api.Worker, _ *api.Status) (float64, bool) { return float64(w.Generation), true }},
	{title: "UP", width: 6, rank: 4, about: "uptime", falling: true,
		text: func(w api.Worker, s *api.Status) string { return view.Span(s.Time.Sub(w.StartedAt)) },
		value: func(w api.Worker, s *api.Status) (float64, bool) {
			return s.Time.Sub(w.StartedAt).Seconds(), true
		}},
	{title: "PRIVATE", width: 7, about: "private memory", falling: true, style: metricStyle("private"),
		text: func(w api.Worker, _ *api.Status) string { return view.AtMost(&w.Memory) }, value: bytesOf(private)},
	{title: "PSS", width: 7, rank: 10, about: "proportional memory", falling: true, style: metricStyle("pss"),
		text: func(w api.Worker, _ *api.Status) string { return view.SizeOf(w.Memory.PSSBytes) }, value: bytesOf(pss)},
	{title: "RSS", width: 7, rank: 9, about: "resident memory", falling: true, style: metricStyle("rss"),
		text: func(w api.Worker, _ *api.Status) string { return view.SizeOf(w.Memory.RSSBytes) }, value: bytesOf(rss)},
	{title: "SHARED", width: 6, rank: 11, about: "shared part", falling: true,
		text:  func(w api.Worker, _ *api.Status) string { return view.SharedPart(&w.Memory) },
		value: sharedPart},
	{title: "GROWTH/H", width: 8, rank: 1, about: "growth", falling: true,
		text:  func(w api.Worker, _ *api.Status) string { return view.PerHour(&w.Memory) },
		value: func(w api.Worker, _ *api.Status) (float64, bool) { return w.Memory.GrowthBytesPerSecond, true }},
	{title: "TO LIMIT", width: 8, rank: 2, about: "time to the limit", style: limitStyle,
		text:  func(w api.Worker, s *api.Status) string { return view.Until(w.Memory.LimitAt, s.Time) },
		value: toLimit},
	{title: "CPU", width: 5, rank: 5, about: "CPU", falling: true,
		text:  func(w api.Worker, _ *api.Status) string { return view.Cores(w.CPU.Cores) },
		value: func(w api.Worker, _ *api.Status) (float64, bool) { return known(w.CPU.Cores) }},
	{title: "REQ", width: 6, rank: 7, about: "requests", falling: true,
		text: func(w api.Worker, _ *api.Status) string {
			if w.Requests == nil {
				return none
			}
			return number(*w.Requests)
		},
		value: func(w api.Worker, _ *api.Status) (float64, bool) { return known(w.Requests) }},
	{title: "BUSY", width: 4, rank: 6, about: "requests in flight", falling: true,
		text: func(w api.Worker, _ *api.Status) string {
			if w.InFlight == nil {
				return none
			}
			return number(int64(*w.InFlight))
		},
		value: func(w api.Worker, _ *api.Status) (float64, bool) { return known(w.InFlight) }},
	{title: "LAST CYCLE", width: 15, left: true, rank: 8, about: "last cycle", falling: true,
		text: func(w api.Worker, s *api.Status) string {
			text, _ := view.LastCycle(&w, s.Time)
			return cmp.Or(text, none)
		},
		value: func(w api.Worker, _ *api.Status) (float64, bool) {
			if w.LastCycle == nil {
				return 0, false
			}
			return float64(w.LastCycle.At.UnixMilli()), true
		}},
}

// columnOf is the index of a column, by its title.
func columnOf(title string) int {
	for i, c := range columns {
		if c.title == title {
			return i
		}
	}
	return 0
}

func private(w api.Worker) *int64 { return w.Memory.PrivateBytes }
func pss(w api.Worker) *int64     { return w.Memory.PSSBytes }
func rss(w api.Worker) *int64     { return w.Memory.RSSBytes }

func bytesOf(field func(api.Worker) *int64) func(api.Worker, *api.Status) (float64, bool) {
	return func(w api.Worker, _ *api.Status) (float64, bool) { return known(field(w)) }
}

func known[N int | int64 | float64](n *N) (float64, bool) {
	if n == nil {
		return 0, false
	}
	return float64(*n), true
}

// sharedPart is how much of what a worker has in memory others have as well.
func sharedPart(w api.Worker, _ *api.Status) (float64, bool) {
	m := w.Memory
	if m.SharedBytes == nil || m.RSSBytes == nil || *m.RSSBytes <= 0 {
		return 0, false
	}
	return float64(*m.SharedBytes) / float64(*m.RSSBytes), true
}

func toLimit(w api.Worker, s *api.Status) (float64, bool) {
	if w.Memory.LimitAt == nil {
		return 0, false
	}
	return max(w.Memory.LimitAt.Sub(s.Time).Seconds(), 0), true
}

func stateStyle(w api.Worker, _ *api.Status) style {
	if w.State == "ready" {
		return style{colour: green}
	}
	return style{colour: yellow, bold: true}
}

// metricStyle marks the memory that the limit is for, where it is near.
func metricStyle(metric string) func(api.Worker, *api.Status) style {
	field := map[string]func(api.Worker) *int64{"private": private, "pss": pss, "rss": rss}[metric]
	return func(w api.Worker, s *api.Status) style {
		bytes, limit := field(w), s.Memory.LimitBytes
		if bytes == nil || limit == nil || s.Memory.Metric != metric {
			return style{}
		}
		return fullness(float64(*bytes) / float64(*limit))
	}
}

// fullness is the style of what is so full.
func fullness(share float64) style {
	switch {
	case share >= .95:
		return style{colour: red, bold: true}
	case share >= .8:
		return style{colour: yellow}
	}
	return style{}
}

func limitStyle(w api.Worker, s *api.Status) style {
	if v, ok := toLimit(w, s); ok && v < 60 {
		return style{colour: red, bold: true}
	} else if ok && v < 600 {
		return style{colour: yellow}
	}
	return style{}
}

// compare orders two workers by a column. What is not known comes last either
// way; equal ones stand in the order of their slots.
func (c *column) compare(a, b api.Worker, s *api.Status, falling bool) int {
	x, xKnown := c.value(a, s)
	y, yKnown := c.value(b, s)
	order := cmp.Compare(x, y)
	if falling {
		order = -order
	}
	switch {
	case !xKnown && !yKnown:
		order = 0
	case !xKnown:
		order = 1
	case !yKnown:
		order = -1
	}
	return cmp.Or(order, cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.ID, b.ID))
}
