package view

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write what is drawn now to testdata")

// golden compares a text with that of a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update, after a look at it):\n%s", path, got)
	}
}

var widths = []int{60, 80, 120, 200}

// atWidths draws something for each width and checks that it fits, and that
// nothing in it can move a cursor.
func atWidths(t *testing.T, draw func(Options) string) string {
	t.Helper()
	var all strings.Builder
	for _, width := range widths {
		fmt.Fprintf(&all, "-- %d columns --\n", width)
		text := draw(Options{Width: width})
		for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if utf8.RuneCountInString(line) > width {
				t.Errorf("%d columns are too few for %q", width, line)
			}
			if line != strings.TrimRight(line, " ") {
				t.Errorf("%q ends with spaces", line)
			}
			safe(t, line)
		}
		all.WriteString(text)
	}
	return all.String()
}

// safe checks that a line is printable ASCII.
func safe(t *testing.T, line string) {
	t.Helper()
	for i := range len(line) {
		if line[i] < ' ' || line[i] > '~' {
			t.Errorf("byte %d of %q is not printable", i, line)
			return
		}
	}
}

func TestStatus(t *testing.T) {
	for name, pool := range pools() {
		t.Run(name, func(t *testing.T) {
			golden(t, "status-"+name, atWidths(t, func(o Options) string { return Status(pool, o) }))
		})
	}
}

// With all columns, nothing is left out, however narrow the terminal.
func TestStatusWide(t *testing.T) {
	for _, name := range []string{"front", "shared"} {
		golden(t, "wide-"+name, Status(pools()[name], Options{Width: 80, All: true}))
	}
}

// Colour adds escape sequences, and changes nothing else.
func TestStatusInColor(t *testing.T) {
	for name, pool := range pools() {
		for _, width := range widths {
			colored := Status(pool, Options{Width: width, Color: true})
			if !strings.Contains(colored, "\x1b[") {
				t.Errorf("%s has no colour", name)
			}
			if got, want := unpainted(colored), Status(pool, Options{Width: width}); got != want {
				t.Errorf("%s, %d columns: without its colours it is\n%swant\n%s", name, width, got, want)
			}
		}
	}
}

// unpainted is a text without the sequences that paint writes.
func unpainted(s string) string {
	for _, p := range []style{bold, dim, red, green, yellow, cyan, "0"} {
		s = strings.ReplaceAll(s, "\x1b["+string(p)+"m", "")
	}
	return s
}

// Whatever a width, nothing panics and nothing is drawn wider, but for what
// cannot be left out.
func TestStatusAnyWidth(t *testing.T) {
	for name, pool := range pools() {
		for width := 0; width < 300; width += 7 {
			for _, line := range strings.Split(Status(pool, Options{Width: width}), "\n") {
				if len(line) > max(width, 50) {
					t.Fatalf("%s: %d columns are too few for %q", name, width, line)
				}
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("unix:/run/app.sock")
	f.Add("\x1b[2J\u202e\xff\u00e9\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		safe(t, got)
		if Clean(got) != got {
			t.Errorf("%q is cleaned once more", got)
		}
		for _, width := range []int{0, 1, 7, 80} {
			lines := wrap(got, width, width)
			if strings.ReplaceAll(strings.Join(lines, ""), " ", "") != strings.ReplaceAll(got, " ", "") {
				t.Errorf("%q in %d columns is %q", got, width, lines)
			}
			for _, line := range lines {
				if len(line) > max(width, 1) {
					t.Errorf("%q is wider than %d", line, width)
				}
			}
		}
	})
}
