package integration

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a new one.
func terminal(t testing.TB, columns, rows uint16) (to, from *os.File) {
	t.Helper()
	from, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(from.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(from.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	to, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	resize(t, from, columns, rows)
	return to, from
}

func resize(t testing.TB, terminal *os.File, columns, rows uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		t.Fatal(err)
	}
}

var sequence = regexp.MustCompile("\x1b\\[[?0-9;]*[A-Za-z]")

// widest is the width of the widest line.
func widest(text string) int {
	most := 0
	for line := range strings.Lines(sequence.ReplaceAllString(text, "")) {
		most = max(most, len(strings.TrimRight(line, "\r\n")))
	}
	return most
}

func TestOperatorTerminal(t *testing.T) {
	t.Parallel()
	o := startOperated(t, 2)
	for name, c := range map[string]struct {
		env   string
		color bool
	}{"plain": {"A=b", true}, "NO_COLOR": {"NO_COLOR=1", false}, "dumb": {"TERM=dumb", false}} {
		to, from := terminal(t, 72, 40)
		cmd := o.command("status")
		cmd.Env = append(cmd.Env, c.env)
		b := o.follow(cmd, to, from)
		b.await("a status", func(text string) bool { return strings.Contains(text, "cycles") })
		if code := b.end(0); code != 0 {
			t.Errorf("%s: code %d: %s", name, code, b.printed())
		}
		text := b.printed()
		if strings.Contains(text, "\x1b[") != c.color {
			t.Errorf("%s: colours where there should be none, or none: %q", name, text)
		}
		if w := widest(text); w > 72 || w < 60 {
			t.Errorf("%s: %d columns in a terminal of 72", name, w)
		}
	}

	to, from := terminal(t, 100, 40)
	b := o.follow(o.command("status", "--watch=50ms"), to, from)
	b.await("frames over one another", func(text string) bool { return strings.Count(text, "READY") > 2 && strings.Contains(text, "A\r") })
	resize(t, from, 61, 12)
	b.await("a frame for the new size", func(text string) bool {
		_, after, found := strings.Cut(text, "\x1b[2J")
		return found && strings.Count(after, "READY") > 2 && strings.Contains(after, "more lines")
	})
	if _, after, _ := strings.Cut(b.printed(), "\x1b[2J"); widest(after) > 61 {
		t.Errorf("%d columns in a terminal of 61", widest(after))
	}
	const cursor = "\x1b[?25h"
	if strings.Contains(b.printed(), cursor) {
		t.Error("the cursor is shown while it watches")
	}
	if code := b.end(syscall.SIGINT); code != 130 {
		t.Errorf("code %d after SIGINT", code)
	}
	b.await("the cursor", func(text string) bool { return strings.HasSuffix(text, cursor) })
}
