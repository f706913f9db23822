package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// left is what a terminal is told when the full-screen view ends: the cursor is
// shown again, and the shell's screen.
var left = []string{"\x1b[?25h", "\x1b[?1049l"}

// startTop runs rota top on a terminal for a pool.
func startTop(t *testing.T, w, h int, socket string, env ...string) *console {
	t.Helper()
	cmd := exec.Command(binary, "top", "--control", socket)
	cmd.Env = append(append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=", "LC_ALL=C.UTF-8"), env...)
	return openConsole(t, w, h, cmd)
}

// watchedPool is a pool of two workers and its control socket.
func watchedPool(t *testing.T) (*pool, string) {
	t.Helper()
	// A path of its own: those of tests can be too long for a socket.
	dir, err := os.MkdirTemp("", "rota-top-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	p := start(t, []string{"-w", "2", "--control", socket, "--listen", fmt.Sprintf("127.0.0.1:%d", freePort(t)), "--", leaky})
	p.awaitKind("pool ready", 1)
	return p, socket
}

func TestTop(t *testing.T) {
	p, socket := watchedPool(t)
	c := startTop(t, 80, 24, socket)
	c.sees("front  generation 1")
	c.sees("STATE")
	c.sees("SLOT 0  private memory")
	c.sees("q quit")
	pid := p.await("the worker of slot 1", 1, func(e event) bool { return e.is("worker ready") && e.num("slot") == 1 }).num("pid")

	// Nothing is done before it is confirmed, and what was asked is done.
	c.press("\x1b[Bc")
	c.sees(fmt.Sprintf("Replace the worker of slot 1 (pid %d)? y/n", pid))
	c.press("n")
	c.sees("Nothing was done.")
	if p.count("cycle began") > 0 {
		t.Error("a worker was cycled without a confirmation")
	}
	c.press("cy")
	done := p.awaitKind("cycle done", 1)
	if done.num("slot") != 1 || done.num("pid") != pid {
		t.Errorf("cycled was %v", done)
	}
	next := p.await("its replacement", 2, func(e event) bool { return e.is("worker ready") && e.num("slot") == 1 }).num("pid")
	c.sees(strconv.Itoa(next))
	c.sees("cycle done")

	c.press("+")
	c.sees("Run 3 workers instead of 2? y/n")
	c.press("y")
	c.sees("3/3")
	c.press("a")
	c.sees("There is no roll under way.")

	// Another size, and the help in it.
	c.resize(60, 15)
	c.press("?")
	c.sees("quit; also Ctrl-C")
	c.press("?")
	c.press("q")
	if code := c.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, sequence := range left {
		if !strings.Contains(c.written(), sequence) {
			t.Errorf("the terminal was not told %q", sequence)
		}
	}
}

// TestTopLeavesTheTerminal ends it in every way from a shell, which goes on with the
// terminal as it was.
func TestTopLeavesTheTerminal(t *testing.T) {
	_, socket := watchedPool(t)
	bash := server(t, "bash", "bash")
	cmd := exec.Command(bash, "--norc", "--noprofile", "--noediting", "-i")
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "PS1=", "PS2=", "PROMPT_COMMAND=", "LC_ALL=C.UTF-8", "HISTFILE=", "rota="+binary, "ROTA_CONTROL="+socket)
	c := openConsole(t, 100, 30, cmd)
	c.press("echo begun $((1 + 1))\n")
	c.sees("begun 2")
	before := c.modes()
	for n, way := range []struct {
		name string
		end  func()
		code int
	}{
		{"q", func() { c.press("q") }, 0},
		{"Ctrl-C", func() { c.press("\x03") }, 0},
		{"SIGTERM", func() { kill(t, cmd.Process.Pid, syscall.SIGTERM) }, 143},
		{"SIGQUIT", func() { kill(t, cmd.Process.Pid, syscall.SIGQUIT) }, 131},
		{"Ctrl-Z", func() { c.press("\x1a") }, 148},
	} {
		shown := strings.Count(c.written(), "\x1b[?1049h")
		c.press("\"$rota\" top; echo ended $? " + strconv.Itoa(n) + "\n")
		c.await("the full screen", func() bool {
			return strings.Count(c.written(), "\x1b[?1049h") > shown && strings.Contains(c.text(), "q quit")
		})
		if c.modes() == before {
			t.Errorf("%s: the terminal is not in raw mode", way.name)
		}
		way.end()
		c.await("the end by "+way.name, func() bool {
			return strings.Contains(c.written(), fmt.Sprintf("ended %d %d", way.code, n))
		})
		for _, sequence := range left {
			if strings.Count(c.written(), sequence) != n+1 {
				t.Errorf("%s: the terminal was told %q %d times, want %d", way.name, sequence, strings.Count(c.written(), sequence), n+1)
			}
		}
		if got := c.modes(); got != before {
			t.Errorf("%s: the terminal is left as %+v, was %+v", way.name, got, before)
		}
	}
	// What was suspended goes on, and ends.
	c.press("fg; echo back $?\n")
	c.await("the full screen again", func() bool { return strings.Count(c.written(), "\x1b[?1049h") == 6 })
	c.sees("q quit")
	c.press("q")
	c.await("its end", func() bool { return strings.Contains(c.written(), "back 0") })
	if got := c.modes(); got != before {
		t.Errorf("after fg the terminal is left as %+v, was %+v", got, before)
	}
	c.press("exit\n")
	c.exit()
}

// kill sends a signal to what a shell runs.
func kill(t *testing.T, shell int, sig syscall.Signal) {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", shell, shell))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(children)) {
		pid, _ := strconv.Atoi(field)
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
	}
}

// A pool that goes is said to be gone, and one that comes in its place is seen.
func TestTopConnectsAgain(t *testing.T) {
	p, socket := watchedPool(t)
	c := startTop(t, 100, 24, socket, "NO_COLOR=1")
	c.sees("2/2")
	p.signal(syscall.SIGTERM)
	p.wait()
	c.sees("NOT CONNECTED")
	c.press("cy")
	c.sees("cannot reach rota")
	next := start(t, []string{"-w", "3", "--control", socket, "--listen", fmt.Sprintf("127.0.0.1:%d", freePort(t)), "--", leaky})
	next.awaitKind("pool ready", 1)
	c.sees("3/3")
	c.press("q")
	if code := c.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, colour := range []string{"\x1b[0;3", ";31m", ";32m", ";33m", ";36m", ";90m"} {
		if strings.Contains(c.written(), colour) {
			t.Errorf("with NO_COLOR the terminal gets %q", colour)
		}
	}
}

func TestTopNeedsATerminal(t *testing.T) {
	_, socket := watchedPool(t)
	text, err := exec.Command(binary, "top", "--control", socket).CombinedOutput()
	if exitCode(err) != 2 || !strings.Contains(string(text), "rota status --watch") {
		t.Errorf("%v: %s", err, text)
	}
	c := startTop(t, 80, 24, socket, "TERM=dumb")
	if code := c.exit(); code != 2 || strings.Contains(c.written(), "\x1b") {
		t.Errorf("code %d, %q", code, c.written())
	}
	c = startTop(t, 80, 24, socket+".none")
	if code := c.exit(); code != 4 {
		t.Errorf("code %d without a pool, %q", code, c.written())
	}
}

func exitCode(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return 0
}
