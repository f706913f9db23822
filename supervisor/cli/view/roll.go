package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rota/supervisor/admin/api"
)

// roll writes how far a roll has come.
func (o Options) roll(b *strings.Builder, r *api.Roll, now time.Time) {
	s := plain
	if r.Paused {
		s = yellow
	}
	o.gauge(b, "roll", share(float64(r.Replaced), float64(r.Total)), s, Progress(r, now))
}

// Progress is a roll in words.
func Progress(r *api.Roll, now time.Time) string {
	text := fmt.Sprintf("roll %d: %d of %s replaced", r.ID, r.Replaced, Count(r.Total, "worker"))
	if r.Generation > 0 {
		text += fmt.Sprintf(" by generation %d", r.Generation)
	}
	switch {
	case r.EndedAt != nil:
		text += fmt.Sprintf(", %s after %s", r.Result, took(r.EndedAt.Sub(r.BeganAt)))
	case r.Paused:
		text += fmt.Sprintf(", PAUSED, began %s ago", Span(now.Sub(r.BeganAt)))
	default:
		text += fmt.Sprintf(", under way for %s", Span(now.Sub(r.BeganAt)))
	}
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	if r.Why != "" {
		text += ": " + r.Why
	}
	return Clean(text)
}

// Roll is one roll: the one under way, or one that has ended.
func Roll(r *api.Roll, now time.Time, o Options) string {
	var b strings.Builder
	o.roll(&b, r, now)
	return b.String()
}

// results are the styles of how rolls end.
var results = map[string]style{"done": green, "failed": red, "aborted": yellow, "superseded": yellow}

// Rolls is a table of rolls, the one under way first.
func Rolls(rolls *api.Rolls, now time.Time, o Options) string {
	id := &column{title: "ROLL"}
	began := &column{title: "BEGAN", rank: 2}
	lasted := &column{title: "TOOK", rank: 3}
	result := &column{title: "RESULT", left: true}
	replaced := &column{title: "REPLACED", rank: 1}
	generation := &column{title: "GEN", rank: 4}
	trigger := &column{title: "TRIGGER", left: true, rank: 5}
	why := &column{title: "WHY", left: true, rank: 6, least: 12}
	add := func(r *api.Roll) {
		end, said := now, r.Result
		if r.EndedAt != nil {
			end = *r.EndedAt
		} else if said = "under way"; r.Paused {
			said = "paused"
		}
		reason := r.Reason
		if r.Why != "" {
			reason = r.Why
		}
		id.add(strconv.Itoa(r.ID), bold)
		began.add(Span(now.Sub(r.BeganAt))+" ago", plain)
		lasted.add(took(end.Sub(r.BeganAt)), plain)
		result.add(said, results[r.Result])
		replaced.add(fmt.Sprintf("%d/%d", r.Replaced, r.Total), plain)
		generation.add(strconv.Itoa(r.Generation), plain)
		trigger.add(r.Trigger, plain)
		why.add(reason, plain)
	}
	if rolls.Current != nil {
		add(rolls.Current)
	}
	for i := range rolls.History {
		add(&rolls.History[i])
	}
	if len(id.cells) == 0 {
		return "there was no roll yet\n"
	}
	var b strings.Builder
	(&table{columns: []*column{id, began, lasted, result, replaced, generation, trigger, why}}).write(&b, o)
	return b.String()
}
