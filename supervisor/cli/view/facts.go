package view

import "strings"

// labelWidth is where the text of a fact begins.
const labelWidth = 11

// barWidth is that of a bar before a fact, and barsFrom the narrowest terminal
// that has room for it.
const (
	barWidth = 22
	barsFrom = 80
)

// fact writes a label and what there is to say, on as many lines as it takes.
func (o Options) fact(b *strings.Builder, label string, s style, text string) {
	o.write(b, label, "", "", s, text)
}

// gauge writes a fact with a bar before it, where there is room.
func (o Options) gauge(b *strings.Builder, label string, share float64, s style, text string) {
	lead := Percent(share)
	if o.Width >= barsFrom {
		lead = bar(share, barWidth) + " " + strings.Repeat(" ", max(0, 4-len(lead))) + lead
	}
	o.write(b, label, lead, s, plain, text)
}

func (o Options) write(b *strings.Builder, label, lead string, ls style, s style, text string) {
	width := o.Width - labelWidth
	first := width
	if lead != "" {
		first -= len(lead) + 2
	}
	label = Clean(label)
	b.WriteString(o.paint(dim, label) + strings.Repeat(" ", max(1, labelWidth-len(label))))
	if lead != "" {
		b.WriteString(o.paint(ls, lead) + "  ")
	}
	for i, line := range wrap(Clean(text), first, width) {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", labelWidth))
		}
		b.WriteString(o.paint(s, line) + "\n")
	}
}
