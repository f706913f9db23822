package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rota/supervisor/admin/api"
)

// operated is a pool with a control socket, whose fresh workers do not get ready
// while its gate is shut.
type operated struct {
	*pool
	socket, gate string
}

func startOperated(t testing.TB, workers int) *operated {
	t.Helper()
	dir, err := os.MkdirTemp("", "rota") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o := &operated{socket: filepath.Join(dir, "control"), gate: filepath.Join(dir, "gate")}
	o.open()
	o.pool = start(t, []string{"-w", fmt.Sprint(workers), "--control", o.socket, "--", "sh", "-c", "until [ -e " + o.gate + " ]; do sleep 0.05; done; exec " + leaky},
		withEnv(fmt.Sprintf("PORT=%d", freePort(t))))
	o.awaitKind("pool ready", 1)
	return o
}

func (o *operated) open() { _ = os.WriteFile(o.gate, nil, 0o600) }
func (o *operated) shut() { _ = os.Remove(o.gate) }

// command is rota, asked about the pool. What the pool has in its environment, it
// has not.
func (o *operated) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, append(args, "--control", o.socket)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TERM=xterm"}
	return cmd
}

// ask runs a command and returns its code and what it printed.
func (o *operated) ask(args ...string) (code int, out, said string) {
	o.t.Helper()
	return o.run(o.command(args...))
}

func (o *operated) run(cmd *exec.Cmd) (code int, out, said string) {
	o.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		o.t.Fatalf("%q: %v", cmd.Args, err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// must runs a command that must end with a code and print what matches.
func (o *operated) must(code int, pattern string, args ...string) string {
	o.t.Helper()
	got, out, said := o.ask(args...)
	if got != code || !regexp.MustCompile(pattern).MatchString(out+said) {
		o.t.Fatalf("rota %q: code %d, want %d and %s:\n%s%s", args, got, code, pattern, out, said)
	}
	if strings.Contains(out+said, "\x1b") {
		o.t.Errorf("rota %q writes escape sequences to what is no terminal: %q", args, out+said)
	}
	return out
}

// until asks until what is printed matches: the first second of a history is not
// over yet, say.
func (o *operated) until(pattern string, args ...string) {
	o.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		_, out, said := o.ask(args...)
		if regexp.MustCompile(pattern).MatchString(out + said) {
			return
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("rota %q never printed %s: %s%s", args, pattern, out, said)
		}
	}
}

func (o *operated) status() *api.Status {
	o.t.Helper()
	s := new(api.Status)
	if err := json.Unmarshal([]byte(o.must(0, "", "status", "-o", "json")), s); err != nil {
		o.t.Fatal(err)
	}
	return s
}

func (o *operated) pids() (pids []int) {
	o.t.Helper()
	for _, w := range o.status().Workers {
		pids = append(pids, w.PID)
	}
	return pids
}

// background is a command that runs until it is told to end.
type background struct {
	t   testing.TB
	cmd *exec.Cmd

	mu   sync.Mutex
	text string
	news chan struct{}
}

// follow starts a command; its output goes to a file, a terminal's or a pipe's end.
func (o *operated) follow(cmd *exec.Cmd, to, from *os.File) *background {
	o.t.Helper()
	b := &background{t: o.t, cmd: cmd, news: make(chan struct{}, 1)}
	cmd.Stdout, cmd.Stderr = to, to
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	to.Close()
	o.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		from.Close()
	})
	go func() {
		buffer := make([]byte, 64<<10)
		for {
			n, err := from.Read(buffer)
			b.mu.Lock()
			b.text += string(buffer[:n])
			b.mu.Unlock()
			select {
			case b.news <- struct{}{}:
			default:
			}
			if err != nil { // EIO at the end of a terminal
				return
			}
		}
	}()
	return b
}

func (o *operated) followPiped(args ...string) *background {
	o.t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		o.t.Fatal(err)
	}
	return o.follow(o.command(args...), to, from)
}

func (b *background) printed() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text
}

// await waits until what was printed so far is as wanted.
func (b *background) await(what string, want func(string) bool) {
	b.t.Helper()
	deadline := time.After(patience)
	for !want(b.printed()) {
		select {
		case <-b.news:
		case <-deadline:
			text := b.printed()
			b.t.Fatalf("%q: waited in vain for %s; it printed %d bytes, in the end %q", b.cmd.Args, what, len(text), text[max(0, len(text)-2000):])
		}
	}
}

// end waits for its end, after a signal if there is one, and returns its code.
func (b *background) end(sig syscall.Signal) int {
	b.t.Helper()
	if sig != 0 {
		if err := b.cmd.Process.Signal(sig); err != nil {
			b.t.Fatal(err)
		}
	}
	_ = b.cmd.Wait()
	return b.cmd.ProcessState.ExitCode()
}

func TestOperatorStatus(t *testing.T) {
	t.Parallel()
	o := startOperated(t, 2)
	o.must(0, `READY  2 of 2 ready`, "status")
	o.must(0, `SLOT +PID +STATE +GEN +UP +RSS +PSS +PRIVATE +SHARED`, "status", "-o", "wide")
	s := o.status()
	if s.Desired != 2 || s.Ready != 2 || len(s.Workers) != 2 || s.Workers[0].PID != o.awaitSlot(0).num("pid") {
		t.Errorf("the status is %+v", s)
	}
	o.must(0, `slot 1 +pid \d+, ready`, "explain", "1")
	o.must(1, `.`, "explain", "7")
	o.must(2, `no slot`, "explain", "first")
	o.until(`SLOT .*MEMORY`, "history", "--since", "1h")
	if lines := strings.Split(o.must(0, `slot0_private`, "history", "--csv"), "\n"); len(lines) < 2 {
		t.Errorf("the history is %q", lines)
	}
	watched := o.followPiped("status", "--watch=50ms")
	watched.await("two of them", func(text string) bool { return strings.Count(text, "READY") > 1 })
	if code := watched.end(syscall.SIGINT); code != 130 || strings.Contains(watched.printed(), "\x1b") {
		t.Errorf("code %d after %q", code, watched.printed())
	}
	o.shut() // nobody comes in the place of one that has gone
	_ = syscall.Kill(s.Workers[0].PID, syscall.SIGKILL)
	o.awaitKind("worker crashed", 1)
	o.must(3, `DEGRADED  1 of 2 ready`, "status")
	o.open()
	o.signal(syscall.SIGTERM)
	o.wait()
	o.must(4, `cannot reach rota at .*control`, "status")
}

// awaitSlot is the event of the first worker of a slot that was ready.
func (o *operated) awaitSlot(slot int) event {
	o.t.Helper()
	return o.await("a worker", 1, func(e event) bool { return e.is("worker ready") && e.num("slot") == slot })
}

func TestOperatorRoll(t *testing.T) {
	t.Parallel()
	o := startOperated(t, 2)
	before := o.pids()
	o.must(0, `there was no roll yet`, "roll", "status")
	o.must(1, `roll`, "roll", "pause")
	o.must(0, `(?s)^roll 1\n.*2 of 2 workers replaced.*done`, "roll", "--wait", "--timeout", "5m")
	for _, pid := range o.pids() {
		if slices.Contains(before, pid) {
			t.Errorf("worker %d is there after the roll", pid)
		}
	}

	o.shut()
	o.must(124, `roll 2, with 0 of 2 workers replaced, is not over after 300ms`, "roll", "--wait", "--timeout", "300ms")
	o.must(0, `roll 2: 0 of 2 workers replaced .*under way`, "roll", "status")
	o.must(0, `PAUSED`, "roll", "pause")
	o.must(0, `PAUSED`, "status")
	o.must(0, `under way`, "roll", "resume")
	waits := o.followPiped("roll", "--wait")
	waits.await("its progress", func(text string) bool { return strings.Contains(text, "roll 3: 0 of 2") })
	o.must(0, `roll 3: .*aborted`, "roll", "abort")
	if code := waits.end(0); code != 1 {
		t.Errorf("code %d of an aborted roll: %s", code, waits.printed())
	}
	waits.await("why", func(text string) bool { return strings.Contains(text, "aborted") })
	o.open()
	o.must(0, `(?s)3 .*aborted.*2 .*superseded.*1 .*done`, "roll", "history")
}

func TestOperatorCycleAndScale(t *testing.T) {
	t.Parallel()
	o := startOperated(t, 2)
	follows := o.followPiped("events", "-f", "-o", "json")
	before := o.pids()
	o.must(0, `slot 1: pid \d+ is ready`, "cycle", "1", "--wait")
	if after := o.pids(); len(after) != 2 || after[0] != before[0] || after[1] == before[1] {
		t.Errorf("workers %v, %v before a cycle of slot 1", after, before)
	}
	o.must(1, `.`, "cycle", "5")
	o.must(0, `(?s)3 workers wanted, 2 before.*3 of 3 ready`, "scale", "+1", "--wait")
	o.must(0, `1 workers? wanted, 3 before`, "scale", "-2", "--wait")
	if s := o.status(); s.Alive != 1 || s.Desired != 1 {
		t.Errorf("%d of %d alive after scaling down", s.Alive, s.Desired)
	}
	o.must(2, `no number`, "scale", "0")

	// What it printed is what the log says, from the first event on.
	follows.await("all events", func(text string) bool { return strings.Count(text, "\n") >= o.logged() })
	if code := follows.end(syscall.SIGINT); code != 130 {
		t.Errorf("code %d after SIGINT", code)
	}
	var kinds []string
	for line := range strings.Lines(follows.printed()) {
		var e api.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		kinds = append(kinds, e.Kind)
	}
	var want []string
	for _, e := range o.history() {
		if _, ok := e["ready"]; ok {
			want = append(want, e["@message"].(string))
		}
	}
	if !slices.Equal(kinds, want[:min(len(want), len(kinds))]) || len(kinds) < len(want) {
		t.Errorf("events %q\nthe log has %q", kinds, want)
	}
	o.must(0, `worker ready: slot=0 pid=\d+ generation=1 took=`, "events", "--since", "1h")
	o.must(0, `^$`, "events", "--since", "1us")
}

// logged is how many events of the pool the log has so far.
func (o *operated) logged() int {
	n := 0
	for _, e := range o.history() {
		if _, ok := e["ready"]; ok {
			n++
		}
	}
	return n
}

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
