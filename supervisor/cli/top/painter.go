package top

import (
	"fmt"
	"io"
	"strings"
)

// painter brings frames to a terminal, and of each only what is new.
type painter struct {
	out     io.Writer
	colours bool
	last    *frame // nil: it is not known what is on the screen
}

// show draws a frame in one write, so that none is seen half.
func (p *painter) show(f *frame) error {
	var b strings.Builder
	if p.last == nil || p.last.w != f.w || p.last.h != f.h {
		b.WriteString("\x1b[0m\x1b[2J")
		p.last = newFrame(f.w, f.h)
	}
	now := style{}
	b.WriteString(now.sgr(p.colours))
	for y := range f.h {
		p.line(&b, f, y, &now)
	}
	p.last = f
	_, err := io.WriteString(p.out, b.String())
	return err
}

// line writes the cells of a line that have changed.
func (p *painter) line(b *strings.Builder, f *frame, y int, now *style) {
	at := -1 // the column that the cursor is in
	for x := 0; x < f.w; x++ {
		i := y*f.w + x
		c := f.cells[i]
		if c.r == 0 || c == p.last.cells[i] && !halved(f, p.last, x, i) {
			continue
		}
		if at != x {
			fmt.Fprintf(b, "\x1b[%d;%dH", y+1, x+1)
		}
		if c.s != *now {
			b.WriteString(c.s.sgr(p.colours))
			*now = c.s
		}
		b.WriteRune(c.r)
		at = x + width(c.r)
	}
}

// halved tells whether one half of a wide character is new though the cell looks
// as before: a terminal drops both when one of them is overwritten.
func halved(f, last *frame, x, i int) bool {
	next := x+1 < f.w && (f.cells[i+1].r == 0) != (last.cells[i+1].r == 0)
	return next || x > 0 && last.cells[i].r != 0 && f.cells[i-1].r != last.cells[i-1].r && (width(last.cells[i-1].r) == 2 || last.cells[i-1].r == 0)
}
