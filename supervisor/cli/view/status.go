package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rota/supervisor/admin/api"
)

// Status is a pool at one moment: what it serves and how it is, a table of its
// workers, and what holds for all of them.
func Status(s *api.Status, o Options) string {
	var b strings.Builder
	o.header(&b, s)
	if len(s.Workers) > 0 {
		b.WriteString("\n")
		workers(s, o).write(&b, o)
	}
	b.WriteString("\n")
	o.memory(&b, s)
	o.container(&b, s)
	o.requests(&b, s)
	o.cycles(&b, s)
	o.evidence(&b, s)
	o.verdict(&b, &s.Verdict)
	return b.String()
}

// phases are the styles of the pool's phases.
var phases = map[api.Phase]style{
	api.PhaseStarting: cyan, api.PhaseReady: green, api.PhaseDegraded: red, api.PhaseStopping: yellow,
}

func (o Options) header(b *strings.Builder, s *api.Status) {
	text := fmt.Sprintf("%d of %d ready, generation %d, accept %s, up %s", s.Ready, s.Desired, s.Generation, s.Accept, Span(s.Time.Sub(s.StartedAt)))
	if s.Alive != s.Ready {
		text += fmt.Sprintf(", %d alive", s.Alive)
	}
	text += fmt.Sprintf(", pid %d", s.PID)
	if s.Version != "" {
		text += ", rota " + s.Version
	}
	o.write(b, "pool", Clean(strings.ToUpper(string(s.Phase))), phases[s.Phase], plain, text)
	if s.Why != "" {
		o.fact(b, "because", plain, s.Why)
	}
	var serves []string
	for _, l := range s.Listeners {
		text := l.Address
		if l.QueueLength != nil {
			text += fmt.Sprintf(" (%d", *l.QueueLength)
			if l.QueueLimit != nil {
				text += fmt.Sprintf(" of %d", *l.QueueLimit)
			}
			text += " in the accept queue)"
		}
		serves = append(serves, text)
	}
	if len(serves) == 0 {
		serves = []string{"nothing yet"}
	}
	o.fact(b, "serves", plain, strings.Join(serves, ", "))
}

// memory says what all workers cost, of what they may.
func (o Options) memory(b *strings.Builder, s *api.Status) {
	m := &s.Memory
	if slices.ContainsFunc(s.Workers, func(w api.Worker) bool { return w.Memory.Denied }) {
		o.fact(b, "denied", yellow, "not all memory of every worker may be read, and private memory is an upper bound (<): run rota and its workers as one user")
	}
	if m.TotalBytes == nil {
		o.fact(b, "memory", plain, "of all workers together is not known: that of one cannot be read, or was not yet")
		return
	}
	text := SizeOf(m.TotalBytes)
	if m.BudgetBytes != nil {
		text += " of the budget of " + SizeOf(m.BudgetBytes)
	}
	text += ", shared memory counted once"
	if m.SharingRatio != nil {
		text += fmt.Sprintf(" (it saves %s)", Percent(*m.SharingRatio))
	}
	if m.LimitBytes != nil {
		text += fmt.Sprintf("; limit of one worker %s %s", SizeOf(m.LimitBytes), m.Metric)
	}
	if m.BudgetBytes == nil {
		o.fact(b, "memory", plain, text)
		return
	}
	part := share(float64(*m.TotalBytes), float64(*m.BudgetBytes))
	o.gauge(b, "memory", part, level(part), text)
}

// container says what is used of the container's limit. The bar is of what the
// kernel cannot take back, since that is what it kills for.
func (o Options) container(b *strings.Builder, s *api.Status) {
	c := &s.Container
	label := "container"
	if c.Machine {
		label = "machine"
	}
	if c.LimitBytes == nil {
		o.fact(b, label, plain, "no memory limit is known")
		return
	}
	text := []string{"limit " + SizeOf(c.LimitBytes)}
	add := func(n *int64, what string) {
		if n != nil {
			text = append(text, SizeOf(n)+" "+what)
		}
	}
	add(c.UsageBytes, "used")
	add(c.WorkingSetBytes, "working set")
	add(c.UnreclaimableBytes, "cannot be taken back")
	if c.SwapBytes != nil && *c.SwapBytes > 0 {
		add(c.SwapBytes, "swap")
	}
	if c.OOMKills != nil && *c.OOMKills > 0 {
		text = append(text, fmt.Sprintf("%d killed for memory", *c.OOMKills))
	}
	needed := c.UnreclaimableBytes
	if needed == nil {
		needed = c.UsageBytes
	}
	if needed == nil {
		o.fact(b, label, plain, strings.Join(text, ", "))
		return
	}
	part := share(float64(*needed), float64(*c.LimitBytes))
	o.gauge(b, label, part, level(part), strings.Join(text, ", "))
}

func (o Options) requests(b *strings.Builder, s *api.Status) {
	r := s.Requests
	if r == nil {
		return
	}
	text := Rate(r.PerSecond)
	if r.P50Seconds != nil || r.P99Seconds != nil {
		text += fmt.Sprintf(", p50 %s, p99 %s", Latency(r.P50Seconds), Latency(r.P99Seconds))
	}
	if r.WindowSeconds > 0 {
		text += fmt.Sprintf(" (last %s)", Span(seconds(r.WindowSeconds)))
	}
	text += fmt.Sprintf("; %d in flight, %d queued, %s; %d so far, %d shed, %d cut",
		r.InFlight, r.Queued, Count(r.Connections, "connection"), r.Total, r.Shed, r.Cut)
	o.fact(b, "requests", plain, text)
}

// cycles says what was cycled, is being cycled, and will be.
func (o Options) cycles(b *strings.Builder, s *api.Status) {
	var done []string
	for _, t := range slices.Sorted(maps.Keys(s.Cycles)) {
		if n := s.Cycles[t]; n > 0 {
			done = append(done, fmt.Sprintf("%s %d", t, n))
		}
	}
	if len(done) == 0 {
		done = []string{"none so far"}
	}
	o.fact(b, "cycles", plain, strings.Join(done, ", "))
	if s.Roll != nil {
		o.roll(b, s.Roll, s.Time)
	}
	if s.Next != nil {
		who := "all workers"
		if s.Next.Slot != nil {
			who = fmt.Sprintf("slot %d", *s.Next.Slot)
		}
		o.fact(b, "next", plain, fmt.Sprintf("%s %s, %s", who, In(s.Next.At, s.Time), s.Next.Trigger))
	}
	for _, t := range slices.Sorted(maps.Keys(s.Paused)) {
		o.fact(b, "paused", yellow, fmt.Sprintf("%s cycles: %s", t, s.Paused[t]))
	}
}

// In is when something will be.
func In(at, now time.Time) string {
	if !at.After(now) {
		return "now"
	}
	return "in " + Span(at.Sub(now))
}

// verdicts are the styles of those that want to be seen.
var verdicts = map[string]style{"leak": yellow}

func (o Options) verdict(b *strings.Builder, v *api.Verdict) {
	if v.Kind == "" {
		return
	}
	text := v.Kind
	if v.Why != "" {
		text += ": " + v.Why
	}
	if v.SecondsToLimit != nil {
		text += fmt.Sprintf("; at the limit in %s", Span(seconds(*v.SecondsToLimit)))
	}
	o.fact(b, "verdict", verdicts[v.Kind], text)
	if len(v.Causes) > 0 {
		o.fact(b, "causes", plain, strings.Join(v.Causes, "; "))
	}
}
