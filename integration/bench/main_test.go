package main

import (
	"strings"
	"testing"
	"time"
)

func TestChoose(t *testing.T) {
	all, err := choose("")
	if err != nil || len(all) != len(questions) {
		t.Errorf("without a choice %d of %d questions are asked (%v)", len(all), len(questions), err)
	}
	some, err := choose("pid1,loss")
	if err != nil || len(some) != 2 || some[0].name != "pid1" || some[1].name != "loss" {
		t.Errorf("chose %v (%v)", some, err)
	}
	for _, wrong := range []string{"los", "loss,", "loss, leak"} {
		if _, err := choose(wrong); err == nil || !strings.Contains(err.Error(), "there are loss, leak, ") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestAnswer(t *testing.T) {
	a := answer{
		how:     "Done so.",
		tables:  []table{{title: "First", how: "With care.", head: []string{"", "n"}, rows: [][]string{{"a", "1"}}}, {head: []string{"b"}}},
		missing: []string{"x: y is not installed", "z"}, took: 1499 * time.Millisecond,
	}
	var page strings.Builder
	a.print(&page, "Who is faster")
	want := `### Who is faster

Done so.

**First**

With care.

|  | n |
| --- | ---: |
| a | 1 |

| b |
| --- |

Not here: x: y is not installed; z.

Took 1s.

`
	if got := page.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
