package integration

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// console is a terminal of the test's own, with what is on its screen.
type console struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	ended  chan struct{}

	mu     sync.Mutex
	w, h   int
	screen [][]rune
	x, y   int
	raw    strings.Builder // all that was written to it
	news   chan struct{}
}

// openConsole runs a command on a new terminal of a size.
func openConsole(t *testing.T, w, h int, cmd *exec.Cmd) *console {
	t.Helper()
	slave, master := terminal(t, uint16(w), uint16(h))
	defer slave.Close()
	c := &console{t: t, master: master, cmd: cmd, ended: make(chan struct{}), news: make(chan struct{})}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-c.ended
		master.Close()
	})
	c.resize(w, h)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		c.read()
	}()
	go func() {
		defer close(c.ended)
		_ = cmd.Wait()
		<-read // what it wrote last; the kernel ends that once nobody has the terminal
	}()
	return c
}

// resize changes the size of the window; what runs in it is told by a signal.
func (c *console) resize(w, h int) {
	c.t.Helper()
	c.mu.Lock()
	c.w, c.h = w, h
	c.clear()
	c.mu.Unlock()
	resize(c.t, c.master, uint16(w), uint16(h))
}

// modes are how the terminal takes input and gives output.
func (c *console) modes() unix.Termios {
	c.t.Helper()
	modes, err := unix.IoctlGetTermios(int(c.master.Fd()), unix.TCGETS)
	if err != nil {
		c.t.Fatal(err)
	}
	return *modes
}

func (c *console) read() {
	buf := make([]byte, 4096)
	rest := ""
	for {
		n, err := c.master.Read(buf)
		c.mu.Lock()
		c.raw.Write(buf[:n])
		rest = c.take(rest + string(buf[:n]))
		close(c.news)
		c.news = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// take draws text and returns what of it is not complete.
func (c *console) take(text string) string {
	for text != "" {
		if text[0] == 0x1b {
			end := strings.IndexFunc(text[min(2, len(text)):], func(r rune) bool { return r >= 0x40 && r <= 0x7e })
			if end < 0 {
				return text
			}
			c.sequence(text[2:end+2], text[end+2])
			text = text[end+3:]
			continue
		}
		if len(text) < 4 && text[0] >= 0x80 && !strings.ContainsRune(text, 0) && strings.ToValidUTF8(text, "") == "" {
			return text
		}
		r := []rune(text)[0]
		text = strings.TrimPrefix(text, string(r))
		switch {
		case r == '\r':
			c.x = 0
		case r == '\n':
			c.y++
		case c.y < c.h && c.x < c.w:
			c.screen[c.y][c.x] = r
			c.x++
		}
	}
	return ""
}

func (c *console) sequence(params string, final byte) {
	switch final {
	case 'H':
		row, column, _ := strings.Cut(params, ";")
		y, _ := strconv.Atoi(row)
		x, _ := strconv.Atoi(column)
		c.x, c.y = max(x, 1)-1, max(y, 1)-1
	case 'J':
		c.clear()
	}
}

func (c *console) clear() {
	c.screen = make([][]rune, c.h)
	for y := range c.screen {
		c.screen[y] = []rune(strings.Repeat(" ", c.w))
	}
	c.x, c.y = 0, 0
}

// text is what is on the screen.
func (c *console) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, line := range c.screen {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return b.String()
}

// written is all that was ever written to it.
func (c *console) written() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

// press types something.
func (c *console) press(keys string) {
	c.t.Helper()
	if _, err := c.master.WriteString(keys); err != nil {
		c.t.Fatal(err)
	}
}

// await waits until the terminal is as it should be.
func (c *console) await(what string, ok func() bool) {
	c.t.Helper()
	late := time.After(patience)
	for {
		c.mu.Lock()
		news := c.news
		c.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-news:
		case <-late:
			c.t.Fatalf("waited in vain for %s; the screen shows\n%s", what, c.text())
		}
	}
}

// sees waits for a text on the screen.
func (c *console) sees(text string) {
	c.t.Helper()
	c.await(strconv.Quote(text), func() bool { return strings.Contains(c.text(), text) })
}

// exit waits for the command's end and returns its code.
func (c *console) exit() int {
	c.t.Helper()
	select {
	case <-c.ended:
		return c.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		c.t.Fatalf("it has not ended; the screen shows\n%s", c.text())
		return -1
	}
}
