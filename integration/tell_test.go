package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// What is told of a pool whose test failed: the last of what it and its workers
// wrote, and the last events. More would drown why it failed.
const (
	lastLines  = 50
	lastEvents = 100
)

func (p *pool) tell() {
	lines := strings.Split(strings.TrimSpace(p.output.String()), "\n")
	from := max(0, len(lines)-lastLines)
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "DATA RACE") }); i >= 0 {
		from = i
	}
	events := p.history()
	left := max(0, len(events)-lastEvents)
	var text strings.Builder
	for _, e := range events[left:] {
		line, _ := json.Marshal(e)
		fmt.Fprintf(&text, "%s\n", line)
	}
	p.t.Logf("rota's output, without the first %d lines:\n%s\nits events, without the first %d:\n%s",
		from, strings.Join(lines[from:min(len(lines), from+lastLines)], "\n"), left, text.String())
}
