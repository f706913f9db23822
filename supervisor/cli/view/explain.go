package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rota/supervisor/admin/api"
)

// Explanation says what would cycle a worker, how far it is from that, and what
// holds it back: in a table, then in words.
func Explanation(e *api.Explanation, now time.Time, o Options) string {
	var b strings.Builder
	w := &e.Worker
	text := fmt.Sprintf("pid %d, %s, generation %d, up %s", w.PID, w.State, w.Generation, Span(now.Sub(w.StartedAt)))
	if w.Memory.PrivateBytes != nil {
		text += fmt.Sprintf(", private memory %s", AtMost(&w.Memory))
	}
	if last, why := LastCycle(w, now); last != "" {
		text += ", last cycle " + last
		if why != "" {
			text += " (" + why + ")"
		}
	}
	o.fact(&b, fmt.Sprintf("slot %d", w.Slot), plain, text)
	b.WriteString("\n")
	if len(e.Triggers) > 0 {
		causes(e.Triggers, now).write(&b, o)
		b.WriteString("\n")
	}
	for _, c := range e.Triggers {
		if !c.Off && c.Text != "" {
			o.fact(&b, Clean(c.Trigger), plain, c.Text)
		}
	}
	for _, h := range e.Held {
		o.fact(&b, "held back", yellow, h.By+": "+h.Text)
	}
	if len(e.Held) == 0 {
		o.fact(&b, "held back", plain, "by nothing: what is due begins at once")
	}
	surge := fmt.Sprintf("with at most %s more than wanted", Count(e.Settings.MaxSurge, "worker"))
	if e.Settings.MaxUnavailable > 0 {
		surge += fmt.Sprintf(" and %d fewer", e.Settings.MaxUnavailable)
	}
	o.fact(&b, "cycles", plain, surge)
	o.verdict(&b, &e.Verdict)
	return b.String()
}

// causes is the table of the triggers.
func causes(triggers []api.Cause, now time.Time) *table {
	trigger := &column{title: "TRIGGER", left: true}
	is := &column{title: "IS", left: true}
	far := &column{title: "HOW FAR", left: true, rank: 2}
	part := &column{title: "", rank: 1}
	value := &column{title: "NOW", rank: 3}
	limit := &column{title: "LIMIT", rank: 4}
	due := &column{title: "DUE", rank: 5}
	for _, c := range triggers {
		trigger.add(c.Trigger, bold)
		switch {
		case c.Off:
			is.add("off", dim)
		case c.Due:
			is.add("due", red)
		default:
			is.add("not due", plain)
		}
		gauge, reached, s := none, none, plain
		if c.Now != nil && c.Limit != nil && *c.Limit > 0 && !c.Off {
			p := share(*c.Now, *c.Limit)
			gauge, reached, s = bar(p, barWidth), Percent(p), level(p)
		}
		far.add(gauge, s)
		part.add(reached, plain)
		value.add(quantity(c.Now, c.Unit), plain)
		limit.add(quantity(c.Limit, c.Unit), plain)
		if c.At != nil {
			due.add(In(*c.At, now), plain)
		} else {
			due.add(none, plain)
		}
	}
	return &table{columns: []*column{trigger, is, far, part, value, limit, due}}
}

// quantity is a number of a unit of api.Cause.
func quantity(n *float64, unit string) string {
	switch {
	case n == nil:
		return none
	case unit == "bytes":
		return Size(*n)
	case unit == "seconds":
		return Span(seconds(*n))
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}
