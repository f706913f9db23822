package top

import (
	"strings"
	"unicode"
)

// cell is one place of the screen. The right half of a wide character has no
// rune of its own.
type cell struct {
	r rune
	s style
}

// frame is what the screen is to show.
type frame struct {
	w, h  int
	cells []cell
}

func newFrame(w, h int) *frame {
	f := &frame{w: w, h: h, cells: make([]cell, w*h)}
	for i := range f.cells {
		f.cells[i].r = ' '
	}
	return f
}

// set writes a cell. What was half of a wide character there goes as a whole, as on
// a terminal.
func (f *frame) set(at int, r rune, s style) {
	old := f.cells[at].r
	switch {
	case old == 0 && r != 0:
		f.cells[at-1].r = ' '
	case width(old) == 2 && f.cells[at+1].r == 0:
		f.cells[at+1].r = ' '
	}
	f.cells[at] = cell{r, s}
}

// all is the whole frame.
func (f *frame) all() area { return area{f, 0, 0, f.w, f.h} }

// String is the frame as text, without its styles and without blanks at the
// ends of lines.
func (f *frame) String() string {
	var b strings.Builder
	for y := range f.h {
		var line strings.Builder
		for _, c := range f.cells[y*f.w : (y+1)*f.w] {
			if c.r != 0 {
				line.WriteRune(c.r)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// area is a part of a frame. Nothing is ever drawn outside of it.
type area struct {
	f          *frame
	x, y, w, h int
}

// rows are n lines of an area, from line y on.
func (a area) rows(y, n int) area {
	y = min(max(y, 0), a.h)
	return area{a.f, a.x, a.y + y, a.w, min(max(n, 0), a.h-y)}
}

// columns are n columns of an area, from column x on.
func (a area) columns(x, n int) area {
	x = min(max(x, 0), a.w)
	return area{a.f, a.x + x, a.y, min(max(n, 0), a.w-x), a.h}
}

// put writes text and returns the column behind it. What has no place is cut
// off, and what is no character to be seen is not written: text of a pool can
// hold names that clients or files chose, and must not steer the terminal.
func (a area) put(x, y int, text string, s style) int {
	if y < 0 || y >= a.h || x < 0 {
		return x
	}
	for _, r := range text {
		r = visible(r)
		n := width(r)
		if n == 0 {
			continue
		}
		if x+n > a.w {
			return a.w
		}
		at := (a.y+y)*a.f.w + a.x + x
		a.f.set(at, r, s)
		if n == 2 {
			a.f.set(at+1, 0, s)
		}
		x += n
	}
	return x
}

// right writes text so that it ends with the area, and returns where it begins.
func (a area) right(y int, text string, s style) int {
	x := max(a.w-textWidth(text), 0)
	a.put(x, y, text, s)
	return x
}

// paint gives what is on a line a style, from column x on.
func (a area) paint(x, y, n int, s style) {
	for i := max(x, 0); i < min(x+n, a.w) && y >= 0 && y < a.h; i++ {
		a.f.cells[(a.y+y)*a.f.w+a.x+i].s = s
	}
}

// clear empties the area.
func (a area) clear() {
	for y := range a.h {
		a.put(0, y, strings.Repeat(" ", a.w), style{})
	}
}

// visible is r, or what stands for it where it cannot be seen.
func visible(r rune) rune {
	switch {
	case r == '\t' || r == '\n':
		return ' '
	case !unicode.IsPrint(r) && !unicode.Is(unicode.Cf, r):
		return '\uFFFD'
	}
	return r
}

// wide are the characters that take two cells: Hangul, CJK, full-width forms and
// pictures, after Unicode's EastAsianWidth.txt in large steps.
var wide = [][2]rune{
	{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
	{0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
}

// width is how many cells a character takes: none where it only changes others,
// as accents and marks of direction do.
func width(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	for _, span := range wide {
		if r >= span[0] && r <= span[1] {
			return 2
		}
	}
	return 1
}

// textWidth is how many cells a text takes.
func textWidth(text string) int {
	n := 0
	for _, r := range text {
		n += width(visible(r))
	}
	return n
}

// wrap breaks text into lines of at most w cells, between words where it can.
func wrap(text string, w int) []string {
	var lines []string
	line, n := "", 0
	for _, word := range strings.Fields(text) {
		for {
			need := textWidth(word)
			if n > 0 && n+1+need <= w {
				line, n = line+" "+word, n+1+need
				break
			}
			if n > 0 {
				lines = append(lines, line)
				line, n = "", 0
			}
			if need <= w || w < 2 {
				line, n = word, need
				break
			}
			head, tail := split(word, w)
			lines, word = append(lines, head), tail
		}
	}
	if n > 0 {
		lines = append(lines, line)
	}
	return lines
}

// split cuts text after as many characters as fit into w cells, at least one.
func split(text string, w int) (head, tail string) {
	n := 0
	for i, r := range text {
		if n += width(visible(r)); n > w && i > 0 {
			return text[:i], text[i:]
		}
	}
	return text, ""
}
