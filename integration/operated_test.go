package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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
