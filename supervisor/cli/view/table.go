package view

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// cell is one place of a table.
type cell struct {
	text  string
	style style
}

// column is one column of a table.
type column struct {
	title string
	left  bool // texts stand at the left, numbers at the right
	rank  int  // 0 for a column that is never left out; of the others the highest goes first
	least int  // a column of texts that may be cut to so many characters; 0 for one that may not
	wide  int  // how wide it is at least
	cells []cell
	total cell // of the last row; see table.label
}

// table is a table that is fitted to a width.
type table struct {
	columns []*column
	label   string // of the last row, over the columns before its first number; empty for no such row
	size    []int
}

const gap = 2 // spaces between two columns

// add adds a value to a column; an empty one is shown as none.
func (c *column) add(text string, s style) {
	if text == "" {
		text = none
	}
	c.cells = append(c.cells, cell{Clean(text), s})
}

// empty tells whether a column says nothing at all.
func (c *column) empty() bool {
	return !slices.ContainsFunc(c.cells, func(v cell) bool { return v.text != none })
}

func (c *column) width() int {
	w := max(len(c.title), len(c.total.text), c.wide)
	for _, v := range c.cells {
		w = max(w, utf8.RuneCountInString(v.text)) // sparklines are not ASCII
	}
	return w
}

// width is that of a table that was fitted.
func (t *table) width() int {
	w := -gap
	for _, size := range t.size {
		w += gap + size
	}
	return w
}

// fit keeps the columns that there is room for, in their order, and settles how
// wide each is.
func (t *table) fit(o Options) {
	if !o.All {
		t.columns = slices.DeleteFunc(t.columns, func(c *column) bool { return c.rank > 0 && c.empty() })
	}
	byRank := slices.Clone(t.columns)
	slices.SortStableFunc(byRank, func(a, b *column) int { return a.rank - b.rank })
	used, kept := -gap, map[*column]int{}
	for _, c := range byRank {
		width := c.width()
		if c.least > 0 && !o.All {
			width = min(width, c.least)
		}
		if used+gap+width <= o.Width || c.rank == 0 || o.All {
			used += gap + width
			kept[c] = width
		}
	}
	t.columns = slices.DeleteFunc(t.columns, func(c *column) bool { _, ok := kept[c]; return !ok })
	t.size = nil
	for _, c := range t.columns {
		width := kept[c]
		if more := min(c.width()-width, o.Width-used); more > 0 {
			width, used = width+more, used+more
		}
		t.size = append(t.size, width)
	}
}

// write fits the table and writes it.
func (t *table) write(b *strings.Builder, o Options) {
	t.fit(o)
	t.row(b, o, func(c *column) cell { return cell{c.title, bold} })
	for i := range t.columns[0].cells {
		t.row(b, o, func(c *column) cell { return c.cells[i] })
	}
	if t.label != "" {
		t.last(b, o)
	}
}

func (t *table) row(b *strings.Builder, o Options, of func(*column) cell) {
	var line strings.Builder
	for i, c := range t.columns {
		v := of(c)
		text := cut(v.text, t.size[i])
		padding := strings.Repeat(" ", t.size[i]-utf8.RuneCountInString(text))
		if i > 0 {
			line.WriteString(strings.Repeat(" ", gap))
		}
		switch {
		case !c.left:
			line.WriteString(padding + o.paint(v.style, text))
		case i == len(t.columns)-1:
			line.WriteString(o.paint(v.style, text))
		default:
			line.WriteString(o.paint(v.style, text) + padding)
		}
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

// last writes the row of totals.
func (t *table) last(b *strings.Builder, o Options) {
	over, width := 0, -gap
	for i, c := range t.columns {
		if c.total.text != "" {
			break
		}
		over, width = i+1, width+gap+t.size[i]
	}
	rest := &table{columns: t.columns[over:], size: t.size[over:]}
	label := cut(t.label, max(width, 0))
	b.WriteString(o.paint(bold, label))
	if len(rest.columns) == 0 {
		b.WriteString("\n")
		return
	}
	b.WriteString(strings.Repeat(" ", width-len(label)+gap))
	rest.row(b, o, func(c *column) cell { return cell{c.total.text, bold} })
}
