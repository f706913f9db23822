package top

import (
	"slices"
	"testing"
)

func TestKeys(t *testing.T) {
	for input, want := range map[string][]key{
		"q":                 {"q"},
		"qé世":               {"q", "é", "世"},
		"\x03\x1a\x0c\t\r":  {keyCtrlC, keyCtrlZ, keyCtrlL, keyTab, keyEnter},
		"\x1b[A\x1bOB":      {keyUp, keyDown},
		"\x1b[5~\x1b[6~":    {keyPageUp, keyPageDown},
		"\x1b[1;5Cx":        {"x"}, // with Ctrl: not one of ours
		"\x1b[<0;10;10Mx":   {"x"},
		"\x1bq":             {keyEscape, "q"},
		"\x1b\x1b[A":        {keyEscape, keyUp},
		"\x1b[\x03":         {keyCtrlC},
		"\xff\xfex":         {"x"},
		"\x1b[Hend\x1b[4~":  {keyHome, "e", "n", "d", keyEnd},
		"\x01\x02\x00\x7fx": {"x"},
	} {
		var whole decoder
		got := slices.DeleteFunc(whole.feed([]byte(input)), func(k key) bool { return k == "" })
		if !slices.Equal(got, want) || whole.pending() {
			t.Errorf("%q: %q, want %q", input, got, want)
		}
		// The same byte by byte, as over a slow line.
		var slow decoder
		got = nil
		for _, b := range []byte(input) {
			got = append(got, slow.feed([]byte{b})...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q byte by byte: %q, want %q", input, got, want)
		}
	}
}

func TestEscapeAlone(t *testing.T) {
	var d decoder
	if got := d.feed([]byte("\x1b")); len(got) > 0 || !d.pending() {
		t.Fatalf("%q, though more may come", got)
	}
	if got := d.flush(); !slices.Equal(got, []key{keyEscape}) || d.pending() {
		t.Errorf("%q", got)
	}
	d.feed([]byte("\x1b[1;"))
	if got := d.flush(); len(got) > 0 || d.pending() {
		t.Errorf("half a sequence is %q", got)
	}
}

// Whatever is typed, it is taken, and shown by a model without a panic.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x1b[A\x1b[B+y-ncye \t?q"))
	f.Add([]byte("\x1b[1;5C\x1bO\xff"))
	f.Fuzz(func(t *testing.T, input []byte) {
		var d decoder
		m := watchedOnce()
		for _, k := range append(d.feed(input), d.flush()...) {
			if k == "" {
				t.Fatal("a key without a name")
			}
			m.press(k)
		}
		if d.pending() {
			t.Fatal("something is left")
		}
		m.view(80, 24, blocks)
	})
}

func watchedOnce() *model {
	m := newModel()
	m.tick(began)
	m.heed(status(3, 0))
	return m
}
