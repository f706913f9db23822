package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// table is a Markdown table. Columns but the first are numbers.
type table struct {
	title string // where an answer has several; else empty
	how   string // what was done for this one, with its numbers; or empty
	head  []string
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// print writes the table with what is said above it.
func (t *table) print(w io.Writer) {
	if t.title != "" {
		fmt.Fprintf(w, "\n**%s**\n", t.title)
	}
	if t.how != "" {
		fmt.Fprintf(w, "\n%s\n", t.how)
	}
	fmt.Fprintf(w, "\n%s", t.markdown())
}

func (t *table) markdown() string {
	var s strings.Builder
	line := func(cells []string) { fmt.Fprintf(&s, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.head)
	rule := []string{"---"}
	for range t.head[1:] {
		rule = append(rule, "---:")
	}
	line(rule)
	for _, row := range t.rows {
		line(row)
	}
	return s.String()
}

// figure is the median of some runs with its range, as %.Nf would print them;
// one number if all are alike, and a dash if there are none.
func figure(v []float64, digits int) string {
	if len(v) == 0 {
		return "–"
	}
	print := func(x float64) string { return fmt.Sprintf("%.*f", digits, x) }
	least, most, middle := print(slices.Min(v)), print(slices.Max(v)), print(median(v))
	if least == most {
		return middle
	}
	return fmt.Sprintf("%s (%s–%s)", middle, least, most)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
