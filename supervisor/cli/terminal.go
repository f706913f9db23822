package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"

	"rota/supervisor/cli/view"
)

// plainWidth is the width of what is no terminal: a file, or another program,
// that somebody may look at later.
const plainWidth = 120

// display is what a command writes to.
type display struct {
	out      io.Writer
	terminal *os.File // nil for what is none
	lookup   func(string) (string, bool)
}

func newDisplay(out io.Writer, lookup func(string) (string, bool)) display {
	s := display{out: out, lookup: lookup}
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		s.terminal = f
	}
	return s
}

func (s display) env(name string) string {
	value, _ := s.lookup(name)
	return value
}

// options say what can be shown now; a terminal may have changed its width.
func (s display) options() view.Options {
	width, _ := s.size()
	return view.Options{Width: width, Color: s.colored(), Unicode: s.unicode()}
}

// json is a JSON text as it is; a terminal gets the same with all but ASCII
// escaped, since some of it could move the cursor (RFC 8259 lets it stand).
func (s display) json(text []byte) []byte {
	if s.terminal == nil {
		return text
	}
	var b []byte
	for _, r := range string(text) {
		switch {
		case r < 0x7f:
			b = append(b, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return b
}

// size is that of the terminal; COLUMNS wins, as elsewhere. rows is 0 where there
// is no end of them.
func (s display) size() (columns, rows int) {
	columns = plainWidth
	if s.terminal != nil {
		if size, err := unix.IoctlGetWinsize(int(s.terminal.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			columns, rows = int(size.Col), int(size.Row)
		}
	}
	if n, err := strconv.Atoi(s.env("COLUMNS")); err == nil && n > 0 {
		columns = n
	}
	return columns, rows
}

// colored follows https://no-color.org and what terminals without any are called.
func (s display) colored() bool {
	return s.terminal != nil && s.env("NO_COLOR") == "" && s.env("TERM") != "dumb"
}

// unicode tells whether the locale, by the first of its variables that is set,
// is one of UTF-8.
func (s display) unicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToUpper(s.env(name)); value != "" {
			return strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8")
		}
	}
	return false
}
