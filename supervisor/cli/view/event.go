package view

import (
	"strconv"
	"strings"

	"rota/supervisor/admin/api"
)

// levels are the styles of what is more than a notice.
var levels = map[string]style{"debug": dim, "warn": yellow, "error": red}

// Event is a line about something that happened, with the words and names that
// rota's log has for it.
func Event(e *api.Event, o Options) string {
	var b strings.Builder
	b.WriteString(e.Time.Local().Format("2006-01-02T15:04:05.000Z0700") + " ")
	// As wide as the widest, so that what follows stands below what follows.
	tag := "[" + strings.ToUpper(Clean(e.Level)) + "]"
	b.WriteString(o.paint(levels[e.Level], tag) + strings.Repeat(" ", max(1, 8-len(tag))))
	b.WriteString(Clean(e.Kind) + ":")
	add := func(name, value string, is bool) {
		if is {
			b.WriteString(" " + name + "=" + quoted(value))
		}
	}
	number := func(name string, n int) { add(name, strconv.Itoa(n), n != 0) }
	if e.Slot != nil {
		add("slot", strconv.Itoa(*e.Slot), true)
	}
	number("pid", e.PID)
	number("generation", e.Generation)
	add("trigger", e.Trigger, e.Trigger != "")
	add("reason", e.Reason, e.Reason != "")
	add("exit", e.Exit, e.Exit != "")
	add("status", e.Status, e.Status != "")
	number("cut", e.Cut)
	number("cut_upgrades", e.CutStreams)
	add("took", took(seconds(e.Seconds)), e.Seconds > 0)
	add("path", e.Path, e.Path != "")
	add("size", Size(float64(e.Bytes)), e.Bytes > 0)
	add("detail", e.Message, e.Message != "")
	add("ready", strconv.Itoa(e.Ready), true)
	add("desired", strconv.Itoa(e.Desired), true)
	add("alive", strconv.Itoa(e.Alive), true)
	return b.String()
}

// quoted is a value as the log writes it: in quotes where it is more than a word.
func quoted(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '=' || r == '\\' }) {
		return strconv.QuoteToASCII(s)
	}
	return s
}
