package top

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// emulator is as much of a terminal as the painter makes use of.
type emulator struct {
	f    *frame
	x, y int
	sgr  string
	sgrs []string // of each cell
}

func (e *emulator) Write(b []byte) (int, error) {
	text := string(b)
	for text != "" {
		if params, ok := strings.CutPrefix(text, "\x1b["); ok {
			end := strings.IndexAny(params, "HJm")
			e.control(params[:end], params[end])
			text = params[end+1:]
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		e.put(r)
	}
	return len(b), nil
}

func (e *emulator) control(params string, final byte) {
	switch final {
	case 'H':
		row, column, _ := strings.Cut(params, ";")
		e.y, _ = strconv.Atoi(row)
		e.x, _ = strconv.Atoi(column)
		e.x, e.y = e.x-1, e.y-1
	case 'J':
		e.f = newFrame(e.f.w, e.f.h)
		e.sgrs = make([]string, e.f.w*e.f.h)
	case 'm':
		e.sgr = params
	}
}

// put writes a character; what it covers of a wide one goes as a whole.
func (e *emulator) put(r rune) {
	at := e.y*e.f.w + e.x
	for i := range width(r) {
		e.wipe(at + i)
	}
	e.f.cells[at].r, e.sgrs[at] = r, e.sgr
	if width(r) == 2 {
		e.f.cells[at+1].r, e.sgrs[at+1] = 0, e.sgr
	}
	e.x += width(r)
}

func (e *emulator) wipe(at int) {
	switch {
	case e.f.cells[at].r == 0:
		e.f.cells[at-1].r = ' '
	case width(e.f.cells[at].r) == 2:
		e.f.cells[at+1].r = ' '
	}
	e.f.cells[at].r = ' '
}

// What is on the terminal is what the frame says, whatever was there before.
func TestPainter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const w, h = 12, 4
		e := &emulator{f: newFrame(w, h), sgrs: make([]string, w*h)}
		p := &painter{out: e, colours: true}
		var f *frame
		for range rapid.IntRange(1, 5).Draw(t, "frames") {
			f = newFrame(w, h)
			for range rapid.IntRange(0, 6).Draw(t, "texts") {
				text := rapid.StringOfN(rapid.SampledFrom([]rune("ab █世界é\u0301\x1b\u202e")), 0, 8, -1).Draw(t, "text")
				s := style{colour(rapid.IntRange(0, 3).Draw(t, "colour")), rapid.Bool().Draw(t, "bold"), rapid.Bool().Draw(t, "reverse")}
				f.all().put(rapid.IntRange(0, w).Draw(t, "x"), rapid.IntRange(0, h).Draw(t, "y"), text, s)
			}
			if err := p.show(f); err != nil {
				t.Fatal(err)
			}
			if e.f.String() != f.String() {
				t.Fatalf("the terminal shows\n%swant\n%s", e.f, f)
			}
			for i, c := range f.cells {
				if want := strings.TrimSuffix(strings.TrimPrefix(c.s.sgr(true), "\x1b["), "m"); e.sgrs[i] != want && e.sgrs[i] != "" && c.r != 0 {
					t.Fatalf("cell %d has the style %q, want %q", i, e.sgrs[i], want)
				}
			}
		}
	})
}

func TestUnchangedFramesCostNothing(t *testing.T) {
	var out strings.Builder
	p := &painter{out: &out}
	m := watched(4)
	if err := p.show(m.view(80, 24, blocks)); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := p.show(m.view(80, 24, blocks)); err != nil || out.Len() > 8 {
		t.Errorf("%d bytes for nothing new: %q (%v)", out.Len(), out.String(), err)
	}
}

func TestNoColours(t *testing.T) {
	var out strings.Builder
	p := &painter{out: &out}
	if err := p.show(watched(4).view(120, 40, blocks)); err != nil {
		t.Fatal(err)
	}
	for _, code := range codes[1:] {
		if strings.Contains(out.String(), ";"+code+"m") {
			t.Errorf("colour %s is set", code)
		}
	}
}

func TestNewTerminal(t *testing.T) {
	for kind, want := range map[string]bool{"vt100": true, "vt220": true, "linux-m": true, "": true, "xterm-256color": false, "screen": false} {
		if got := monochrome(kind); got != want {
			t.Errorf("%q is monochrome: %v", kind, got)
		}
	}
	for locale, want := range map[string]bool{"": false, "C": false, "C.UTF-8": false, "de_DE.utf8": false, "de_DE.ISO-8859-1": true, "POSIX": false} {
		if got := otherCharset(func(name string) string { return map[string]string{"LANG": locale}[name] }); got != want {
			t.Errorf("%q is another character set: %v", locale, got)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text string
		w    int
		want string
	}{
		{"", 5, ""}, {"one two", 7, "one two"}, {"one two", 6, "one|two"}, {"abcdefgh", 3, "abc|def|gh"}, {"a bcdefgh i", 3, "a|bcd|efg|h i"}, {"世界人", 4, "世界|人"},
	} {
		if got := strings.Join(wrap(c.text, c.w), "|"); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.text, c.w, got, c.want)
		}
	}
}

func TestColumnsFit(t *testing.T) {
	for w := range 220 {
		for sorted := range columns {
			shown, _ := fit(w, sorted)
			used := -gap
			for _, c := range shown {
				used += gap + c.width
			}
			if used > w && len(shown) > 0 {
				t.Fatalf("width %d: %d are used", w, used)
			}
			if w >= 60 && !slices.Contains(shown, columns[sorted]) {
				t.Fatalf("width %d: %s is not shown though it is sorted by", w, columns[sorted].title)
			}
		}
	}
}
