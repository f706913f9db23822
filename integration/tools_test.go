package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// eventually waits until a condition holds for which there is no event.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for !holds() {
		select {
		case <-every.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// needRoot is for tests of what only root may do.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		lacking(t, "needs root")
	}
}

// lacking ends a test that cannot be run on this machine. CI must be able to.
func lacking(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("ROTA_REQUIRE_SERVERS") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// ended is what a rota leaves behind that ended by itself.
type ended struct {
	code           int
	stdout, stderr string
}

// runRota runs rota to its end, without any of the flags that start adds.
func runRota(t *testing.T, args []string, options ...option) ended {
	t.Helper()
	return runProgram(t, binary, args, options...)
}

// runProgram runs a program to its end.
func runProgram(t *testing.T, name string, args []string, options ...option) ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = os.Environ()
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that its workers end too
	cmd.WaitDelay = 30 * time.Second
	for _, o := range options {
		o(cmd)
	}
	err := cmd.Run()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("%s %q did not run to its end: %v\n%s", name, args, err, stderr.String())
	}
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// oneLine checks that stderr is a single line with everything in want.
func (e ended) oneLine(t *testing.T, want ...string) {
	t.Helper()
	line, rest, ok := strings.Cut(e.stderr, "\n")
	if !ok || rest != "" || !strings.HasPrefix(line, "rota: ") {
		t.Errorf("stderr is not one line of rota:\n%s", e.stderr)
	}
	for _, w := range want {
		if !strings.Contains(e.stderr, w) {
			t.Errorf("%q is missing in\n%s", w, e.stderr)
		}
	}
	if e.stdout != "" {
		t.Errorf("there is output: %s", e.stdout)
	}
}

// alive tells whether a process runs, and is not a zombie.
func alive(pid int) bool {
	state, _ := processState(fmt.Sprintf("/proc/%d/stat", pid))
	return state != 0 && state != 'Z' && state != 'X'
}

// processState reads the state and the parent in a stat file of /proc; 0 if
// there is no such process.
func processState(path string) (state byte, parent int) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0
	}
	// The name in parentheses may hold anything.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	parent, _ = strconv.Atoi(fields[1])
	return fields[0][0], parent
}

// children are the processes that a process has started and not yet reaped.
func children(pid int) []int {
	var pids []int
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		for _, field := range strings.Fields(string(data)) {
			child, _ := strconv.Atoi(field)
			pids = append(pids, child)
		}
	}
	return pids
}

// lines are those of a file, none if it is not there.
func lines(path string) []string {
	data, _ := os.ReadFile(path)
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' })
}

// put writes a file so that it is there at once and whole.
func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// workers are the pids that serve, by slot, as far as events tell.
func (p *pool) workers() map[int]int {
	pids := map[int]int{}
	for _, e := range p.history() {
		slot, pid := e.num("slot"), e.num("pid")
		switch {
		case e.is("worker ready"):
			pids[slot] = pid
		case pids[slot] == pid && (e.is("worker draining") || e.is("worker stopping") || e.is("worker crashed")):
			delete(pids, slot)
		}
	}
	return pids
}

// awaitWith waits for the n-th event of a kind whose field is as given.
func (p *pool) awaitWith(kind, field string, value any, n int) event {
	p.t.Helper()
	return p.await(fmt.Sprintf("%s with %s=%v", kind, field, value), n, func(e event) bool {
		if number, ok := value.(int); ok {
			return e.is(kind) && e.num(field) == number
		}
		return e.is(kind) && e[field] == value
	})
}

// awaitText waits for an event whose message holds a text, as warnings have it.
func (p *pool) awaitText(text string) event {
	p.t.Helper()
	return p.await(text, 1, func(e event) bool { return strings.Contains(e.str("@message"), text) })
}

// of is every event of some kinds, in their order.
func (p *pool) of(kinds ...string) []event {
	return slices.DeleteFunc(p.history(), func(e event) bool {
		return !slices.ContainsFunc(kinds, e.is)
	})
}

func (e event) time() time.Time {
	at, err := time.Parse(time.RFC3339Nano, e.str("@timestamp"))
	if err != nil {
		panic(err)
	}
	return at
}

// health asks one of the health pages, and gives its status and its text.
func (p *pool) health(path string) (int, string) {
	p.t.Helper()
	response, err := http.Get(p.adminURL() + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

// isHealth waits until the health page answers so, and no other way.
func (p *pool) isHealth(path string, code int, text string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%s is %d %s", path, code, text), func() bool {
		gotCode, gotText := p.health(path)
		return gotCode == code && gotText == text
	})
}

// scrape reads the metrics, by the text of the series.
func (p *pool) scrape() (values map[string]float64, text string) {
	p.t.Helper()
	code, text := p.health("/metrics")
	if code != http.StatusOK {
		p.t.Fatalf("/metrics answers %d: %s", code, text)
	}
	values = map[string]float64{}
	for line := range strings.Lines(text) {
		i := strings.LastIndexByte(line, ' ')
		if line[0] == '#' || i < 0 {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
		if err != nil {
			p.t.Fatalf("%q is no metric: %v", line, err)
		}
		values[line[:i]] = v
	}
	return values, text + "\n"
}

// metric waits for a value of /metrics, which the log may be ahead of.
func (p *pool) metric(series string, want float64) {
	p.t.Helper()
	for deadline := time.Now().Add(settled); ; {
		values, _ := p.scrape()
		v, ok := values[series]
		if ok && v == want {
			return
		}
		if !ok || time.Now().After(deadline) {
			p.t.Errorf("%s is %v (%v), want %v", series, v, ok, want)
			return
		}
	}
}

// settled is how long what has happened may take to be seen everywhere.
const settled = 10 * time.Second
