package top

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
)

// What a terminal is told at the beginning and at the end, see xterm's
// ctlseqs: another screen, which leaves the shell's as it was; no wrapping, so
// that the last cell can be written to; no cursor.
const (
	enter = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[2J"
	leave = "\x1b[0m\x1b[2J\x1b[?25h\x1b[?7h\x1b[?1049l"
)

// ErrNoTerminal is why there can be no full-screen view.
var ErrNoTerminal = errors.New("a full-screen view needs a terminal: see rota status --watch")

// terminal is the operator's, in raw mode while it is open.
type terminal struct {
	in, out *os.File
	colours bool
	glyphs  *glyphs

	mu     sync.Mutex
	before *term.State // nil while it is as it was found
}

// newTerminal looks at what there is. Nothing is changed yet.
func newTerminal(in, out *os.File, getenv func(string) string) (*terminal, error) {
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil, ErrNoTerminal
	}
	kind := getenv("TERM")
	if kind == "dumb" {
		return nil, fmt.Errorf("%w (TERM=dumb says that this one cannot move its cursor)", ErrNoTerminal)
	}
	t := &terminal{in: in, out: out, glyphs: blocks, colours: getenv("NO_COLOR") == "" && !monochrome(kind)}
	if otherCharset(getenv) || strings.HasPrefix(kind, "vt") {
		t.glyphs = ascii
	}
	return t, nil
}

// monochrome tells whether a terminal's name says that it has no colours.
func monochrome(kind string) bool {
	return kind == "" || strings.HasPrefix(kind, "vt") || strings.HasSuffix(kind, "-m") || strings.HasSuffix(kind, "-mono")
}

// otherCharset tells whether the locale names another character set than UTF-8.
// One that names none, as in most containers, says nothing of the terminal.
func otherCharset(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			_, set, named := strings.Cut(v, ".")
			set = strings.ToLower(strings.ReplaceAll(set, "-", ""))
			return named && !strings.HasPrefix(set, "utf8")
		}
	}
	return false
}

// open takes the terminal over. It does nothing where that was done already.
func (t *terminal) open() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before == nil {
		before, err := term.MakeRaw(int(t.in.Fd()))
		if err != nil {
			return fmt.Errorf("cannot take over the terminal: %w", err)
		}
		t.before = before
	}
	_, err := io.WriteString(t.out, enter)
	return err
}

// close gives the terminal back as it was. It may be called twice, and from any
// goroutine.
func (t *terminal) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before == nil {
		return
	}
	_, _ = io.WriteString(t.out, leave)
	_ = term.Restore(int(t.in.Fd()), t.before)
	t.before = nil
}

// guard gives the terminal back when the goroutine that it is deferred in
// panics: what the runtime says is to be seen, and the shell to be of use.
func (t *terminal) guard() {
	if r := recover(); r != nil {
		t.close()
		panic(r)
	}
}

// size is that of the window; 80x24 where the terminal does not know.
func (t *terminal) size() (w, h int) {
	w, h, err := term.GetSize(int(t.out.Fd()))
	if err != nil || w <= 0 || h <= 0 {
		return 80, 24
	}
	return w, h
}

// keys reads what is typed until the terminal is gone, then closes the channel.
func (t *terminal) keys(to chan<- []byte, done <-chan struct{}) {
	defer close(to)
	for {
		buf := make([]byte, 256)
		n, err := t.in.Read(buf)
		if err != nil || n == 0 {
			return
		}
		select {
		case to <- buf[:n]:
		case <-done:
			return
		}
	}
}

// stopTime is how long a process may take to be stopped by its own signal. One
// that nobody could let go on, as with docker exec, is not stopped at all.
const stopTime = 300 * time.Millisecond

// suspend gives the terminal to the shell, as Ctrl-Z does, and takes it back when
// the shell lets rota go on; continued tells that it was SIGCONT that did. SIGTSTP
// must not be one that Go's runtime was asked to notify of: it does not give back
// the kernel's way with it.
func (t *terminal) suspend() (continued bool, err error) {
	t.close()
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGCONT)
	defer signal.Stop(again)
	// The whole group, as the terminal would: rota may be behind sudo.
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return false, fmt.Errorf("cannot suspend: %w", err)
	}
	select {
	case <-again:
		continued = true
	case <-time.After(stopTime):
		continued = len(again) > 0 // both were due when it went on
	}
	return continued, t.open()
}
