package view

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"rota/supervisor/admin/api"
)

// The heights of a sparkline, from nothing to most.
const (
	blocks = " ▁▂▃▄▅▆▇█"
	signs  = " _.-=+*#@"
)

// The fewest and the most columns of a sparkline.
const (
	leastSpark = 10
	mostSpark  = 120
)

// History is what each worker's private memory was like over time: a line for
// each slot, all to one scale, and the cycles below it.
func History(h *api.History, o Options) string {
	if len(h.Points) == 0 {
		return "nothing is recorded yet\n"
	}
	from := h.Points[0].Time.Add(-seconds(h.Points[0].Seconds))
	to := h.Points[len(h.Points)-1].Time
	t, most := slots(h)
	t.fit(Options{Width: o.Width - gap - leastSpark})
	width := min(max(o.Width-gap-t.width(), leastSpark), mostSpark)
	lines := &column{title: "MEMORY", left: true}
	for _, slot := range slotsOf(h) {
		lines.cells = append(lines.cells, cell{spark(h, slot, from, to, width, most, o), plain})
	}
	t.columns = append(t.columns, lines)

	var b strings.Builder
	o.fact(&b, "memory", plain, fmt.Sprintf("private, of each slot, from %s to %s (%s); a full column is %s",
		from.Local().Format("15:04:05"), to.Local().Format("15:04:05"), Span(to.Sub(from)), Size(float64(most))))
	b.WriteString("\n")
	t.write(&b, o)
	b.WriteString("\n")
	o.fact(&b, "cycles", plain, marks(h.Marks))
	return b.String()
}

func slotsOf(h *api.History) []int {
	seen := map[int]bool{}
	for _, p := range h.Points {
		for _, w := range p.Workers {
			seen[w.Slot] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// slots is the table beside the sparklines, and the most that any worker had.
func slots(h *api.History) (*table, int64) {
	slot := &column{title: "SLOT"}
	least := &column{title: "LEAST", rank: 4}
	mean := &column{title: "MEAN", rank: 3}
	most := &column{title: "MOST", rank: 2}
	last := &column{title: "LAST", rank: 1}
	cycles := &column{title: "CYCLES", rank: 5}
	var top int64
	for _, n := range slotsOf(h) {
		low, high, latest := int64(-1), int64(0), int64(0)
		var sum, time float64
		for _, p := range h.Points {
			for _, w := range p.Workers {
				if w.Slot != n {
					continue
				}
				if low < 0 || w.PrivateBytes < low {
					low = w.PrivateBytes
				}
				high, latest = max(high, w.PrivateBytes), w.PrivateBytes
				sum, time = sum+float64(w.PrivateBytes)*p.Seconds, time+p.Seconds
			}
		}
		top = max(top, high)
		done := 0
		for _, m := range h.Marks {
			if m.Slot == n {
				done++
			}
		}
		slot.add(strconv.Itoa(n), bold)
		least.add(Size(float64(low)), plain)
		mean.add(Size(share(sum, time)), plain)
		most.add(Size(float64(high)), plain)
		last.add(Size(float64(latest)), plain)
		cycles.add(strconv.Itoa(done), plain)
	}
	return &table{columns: []*column{slot, least, mean, most, last, cycles}}, top
}

// spark draws a slot's memory. Each column is the most within its share of the
// time, so that no peak is lost; one that no point falls into repeats the last.
func spark(h *api.History, slot int, from, to time.Time, width int, most int64, o Options) string {
	heights := []rune(signs)
	if o.Unicode {
		heights = []rune(blocks)
	}
	values := make([]int64, width)
	for i := range values {
		values[i] = -1
	}
	span := to.Sub(from)
	place := func(t time.Time) int {
		if span <= 0 {
			return width - 1
		}
		return min(max(int(float64(t.Sub(from))/float64(span)*float64(width)), 0), width-1)
	}
	for _, p := range h.Points {
		first := place(p.Time.Add(-seconds(p.Seconds)))
		// What ends where a column begins is over by then.
		last := max(first, place(p.Time.Add(-time.Nanosecond)))
		for _, w := range p.Workers {
			for i := first; w.Slot == slot && i <= last; i++ {
				values[i] = max(values[i], w.PrivateBytes)
			}
		}
	}
	line := make([]rune, width)
	for i, v := range values {
		line[i] = ' '
		if v >= 0 && most > 0 {
			line[i] = heights[max(1, int(float64(v)/float64(most)*float64(len(heights)-1)+.5))]
		}
	}
	return strings.TrimRight(string(line), " ")
}

// marks says what was cycled.
func marks(all []api.Mark) string {
	n := map[string]int{}
	for _, m := range all {
		n[m.Trigger]++
	}
	var said []string
	for _, t := range slices.Sorted(maps.Keys(n)) {
		said = append(said, fmt.Sprintf("%s %d", t, n[t]))
	}
	if len(said) == 0 {
		return "none in this time"
	}
	return strings.Join(said, ", ")
}
