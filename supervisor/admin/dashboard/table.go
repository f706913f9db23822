package dashboard

import (
	"fmt"

	"rota/supervisor/admin/api"
)

// row is one worker, or all of them.
type row struct {
	State string
	Doing cell // the state, and what is done meanwhile
	Slot  string
	Share string // of the limit, in percent; empty without one
	Over  bool
	Cells []cell // from the state on
}

// cell is a number, or words.
type cell struct{ Text, Hover string }

// rowOf has the cells in the order of the table's head in page.html.
func rowOf(s *api.Status, w api.Worker) row {
	r := row{State: w.State, Doing: doing(s, w), Slot: fmt.Sprint(w.Slot)}
	m := w.Memory
	if limit := s.Memory.LimitBytes; limit != nil && *limit > 0 {
		if now := compared(s.Memory.Metric, m); now != nil {
			share := float64(*now) / float64(*limit)
			r.Share, r.Over = fixed(min(1, share)*100, 1), share >= 1
		}
	}
	private := sizeOf(m.PrivateBytes)
	hover := ""
	if m.Denied {
		hover = "an upper bound: rota may not read all"
	}
	growth, to, cpu, flight, requests := unknown, unknown, unknown, unknown, unknown
	if m.GrowthBytesPerSecond > 0 {
		growth = size(m.GrowthBytesPerSecond*3600) + "/h"
	}
	if m.LimitAt != nil {
		to = between(s.Time, *m.LimitAt)
	}
	if w.CPU.Cores != nil {
		cpu = percent(*w.CPU.Cores)
	}
	if w.Requests != nil {
		requests = count(*w.Requests)
	}
	if w.InFlight != nil {
		flight = count(int64(*w.InFlight))
	}
	r.Cells = []cell{
		{private, hover}, {sharing(m.SharedBytes, m.RSSBytes), ""}, {sizeOf(m.PSSBytes), ""}, {sizeOf(m.RSSBytes), ""},
		{growth, ""}, {to, ""}, {cpu, ""}, {requests, ""}, {flight, ""},
		{between(w.StartedAt, s.Time), ""}, {fmt.Sprint(w.Generation), ""}, {fmt.Sprint(w.PID), ""}, lastCycle(s, w.LastCycle),
	}
	return r
}

// totalOf counts what the workers share once.
func totalOf(s *api.Status) row {
	t := row{Slot: "All"}
	cpu, growth, requests, flight, known := 0.0, 0.0, unknown, unknown, false
	for _, w := range s.Workers {
		if w.CPU.Cores != nil {
			cpu, known = cpu+*w.CPU.Cores, true
		}
		growth += w.Memory.GrowthBytesPerSecond
	}
	used, grown := unknown, unknown
	if known {
		used = percent(cpu)
	}
	if growth > 0 {
		grown = size(growth*3600) + "/h"
	}
	if s.Requests != nil {
		requests, flight = count(s.Requests.Total), count(int64(s.Requests.InFlight))
	}
	shared := unknown
	if s.Memory.SharingRatio != nil {
		shared = percent(*s.Memory.SharingRatio)
	}
	t.Cells = []cell{
		{size(float64(s.Memory.PrivateBytes)), ""}, {shared, "of the sum of RSS"},
		{sizeOf(s.Memory.TotalBytes), "what all workers cost: shared memory counted once, swap included"},
		{size(float64(s.Memory.RSSBytes)), "too much where workers share"}, {grown, ""}, {"", ""}, {used, ""}, {requests, ""}, {flight, ""},
		{"", ""}, {"", ""}, {"", ""}, {"", ""},
	}
	return t
}

// compared is the memory of a worker that --max-memory speaks of.
func compared(metric string, m api.Memory) *int64 {
	switch metric {
	case "rss":
		return m.RSSBytes
	case "pss":
		return m.PSSBytes
	}
	return m.PrivateBytes
}

func sharing(shared, rss *int64) string {
	if shared == nil || rss == nil || *rss <= 0 {
		return unknown
	}
	return percent(float64(*shared) / float64(*rss))
}

func doing(s *api.Status, w api.Worker) cell {
	if w.Capture == nil {
		return cell{w.State, ""}
	}
	return cell{w.State + ", evidence", fmt.Sprintf("being taken for %s, %s at most", between(w.Capture.BeganAt, s.Time), span(w.Capture.TimeoutSeconds))}
}

func lastCycle(s *api.Status, c *api.LastCycle) cell {
	if c == nil {
		return cell{unknown, ""}
	}
	return cell{fmt.Sprintf("%s, %s ago", c.Trigger, between(c.At, s.Time)), c.Reason}
}
