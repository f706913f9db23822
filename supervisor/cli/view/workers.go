package view

import (
	"fmt"
	"strconv"
	"time"

	"rota/supervisor/admin/api"
)

// states are the styles of the workers' states.
var states = map[string]style{"starting": cyan, "ready": green, "draining": yellow, "stopping": yellow}

// workers is the table of a pool's workers. The ranks say what matters most to
// whoever was woken at night: who is it, how is it, how large and how long still.
func workers(s *api.Status, o Options) *table {
	slot := &column{title: "SLOT"}
	pid := &column{title: "PID", rank: 3}
	state := &column{title: "STATE", left: true, wide: len("starting")} // columns should not come and go with a state
	generation := &column{title: "GEN", rank: 9}
	up := &column{title: "UP", rank: 4, wide: len("12h34m")}
	rss := &column{title: "RSS", rank: 11}
	pss := &column{title: "PSS", rank: 1}
	private := &column{title: "PRIVATE"}
	shared := &column{title: "SHARED", rank: 12}
	growth := &column{title: "GROWTH/H", rank: 8}
	limit := &column{title: "TO LIMIT", rank: 2}
	cpu := &column{title: "CPU", rank: 5, wide: len("100%")}
	requests := &column{title: "REQUESTS", rank: 6}
	flight := &column{title: "BUSY", rank: 7}
	last := &column{title: "LAST CYCLE", left: true, rank: 10}
	why := &column{title: "WHY", left: true, rank: 13, least: 16}

	sum := totals{}
	for i := range s.Workers {
		w := &s.Workers[i]
		m := &w.Memory
		slot.add(strconv.Itoa(w.Slot), bold)
		pid.add(positive(w.PID), plain)
		state.add(w.State, states[w.State])
		generation.add(strconv.Itoa(w.Generation), plain)
		up.add(Span(s.Time.Sub(w.StartedAt)), plain)
		rss.add(SizeOf(m.RSSBytes), plain)
		pss.add(SizeOf(m.PSSBytes), plain)
		private.add(AtMost(m), plain)
		shared.add(SharedPart(m), plain)
		growth.add(PerHour(m), plain)
		limit.add(Until(m.LimitAt, s.Time), urgent(m.LimitAt, s.Time))
		cpu.add(Cores(w.CPU.Cores), plain)
		requests.add(number(w.Requests), plain)
		flight.add(number(w.InFlight), plain)
		text, reason := LastCycle(w, s.Time)
		last.add(text, plain)
		why.add(reason, plain)
		sum.add(w)
	}
	label := "all, shared memory once"
	if s.Memory.TotalBytes == nil {
		label = "all"
	}
	t := &table{label: label, columns: []*column{slot, pid, state, generation, up,
		rss, pss, private, shared, growth, limit, cpu, requests, flight, last, why}}
	rss.total.text = Size(float64(s.Memory.RSSBytes))
	pss.total.text = SizeOf(s.Memory.TotalBytes)
	private.total.text = Size(float64(s.Memory.PrivateBytes))
	if s.Memory.SharingRatio != nil {
		shared.total.text = Percent(*s.Memory.SharingRatio)
	}
	cpu.total.text, requests.total.text, flight.total.text = Cores(sum.cores), number(sum.requests), number(sum.flight)
	return t
}

// totals are what is added up here, of the workers that tell it.
type totals struct {
	cores    *float64
	requests *int64
	flight   *int
}

func (t *totals) add(w *api.Worker) {
	t.cores, t.requests, t.flight = plus(t.cores, w.CPU.Cores), plus(t.requests, w.Requests), plus(t.flight, w.InFlight)
}

func plus[N int | int64 | float64](sum, n *N) *N {
	switch {
	case n == nil:
		return sum
	case sum == nil:
		sum = new(N)
	}
	*sum += *n
	return sum
}

func number[N int | int64](n *N) string {
	if n == nil {
		return none
	}
	return fmt.Sprint(*n)
}

func positive(n int) string {
	if n <= 0 {
		return none
	}
	return strconv.Itoa(n)
}

// AtMost is private memory, with a sign where it is an upper bound.
func AtMost(m *api.Memory) string {
	if m.Denied && m.PrivateBytes != nil {
		return "<" + SizeOf(m.PrivateBytes)
	}
	return SizeOf(m.PrivateBytes)
}

// SharedPart is how much of what a worker has in memory others have as well.
func SharedPart(m *api.Memory) string {
	if m.SharedBytes == nil || m.RSSBytes == nil {
		return none
	}
	return Percent(share(float64(*m.SharedBytes), float64(*m.RSSBytes)))
}

// PerHour is by how much a worker grows.
func PerHour(m *api.Memory) string {
	if m.GrowthBytesPerSecond == 0 {
		return none
	}
	text := Size(m.GrowthBytesPerSecond * 3600)
	if m.GrowthBytesPerSecond > 0 {
		text = "+" + text
	}
	return text
}

// Until is how long it is to a time.
func Until(at *time.Time, now time.Time) string {
	if at == nil {
		return none
	}
	if !at.After(now) {
		return "now"
	}
	return Span(at.Sub(now))
}

// urgent is the style of a time that comes soon.
func urgent(at *time.Time, now time.Time) style {
	if at != nil && at.Sub(now) < 5*time.Minute {
		return yellow
	}
	return plain
}

// Cores is a use of CPUs; one of them is 100%.
func Cores(n *float64) string {
	if n == nil {
		return none
	}
	return Percent(*n)
}

// LastCycle says when and why the worker of a slot was replaced last. One that
// has just been started says for what, since its slot's cycle is not over.
func LastCycle(w *api.Worker, now time.Time) (text, why string) {
	switch c := w.LastCycle; {
	case w.ReadyAt == nil && w.Trigger != "":
		return w.Trigger + " now", ""
	case c == nil:
		return "", ""
	default:
		return fmt.Sprintf("%s %s ago", c.Trigger, Span(now.Sub(c.At))), c.Reason
	}
}
