package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

// captured is a pool of workers that outgrow their limit, with a command that
// takes evidence of each.
type captured struct {
	*pool
	dir  string // of the results
	addr string
}

// capturing starts it. The server is the Go one of the examples, and further
// flags may say otherwise of anything.
func capturing(t *testing.T, command string, flags ...string) *captured {
	t.Helper()
	port := freePort(t)
	c := &captured{dir: filepath.Join(t.TempDir(), "captures"), addr: fmt.Sprintf("127.0.0.1:%d", port)}
	args := slices.Concat([]string{"-w", "2", "--max-memory", "40MiB", "--sample-interval", "50ms", "--min-uptime", "0s",
		"--capture", command, "--capture-dir", c.dir}, flags, []string{"--", leaky})
	c.pool = start(t, args, withEnv(fmt.Sprintf("PORT=%d", port), "LEAK_KIB=512"))
	c.awaitKind("pool ready", 1)
	return c
}

// leak asks the workers, which leak at each request, while until runs; no request
// may be lost.
func (c *captured) leak(path string, until func()) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	results := make(chan *load.Seen, 1)
	go func() { results <- load.Drive(ctx, c.addr, path, 4) }()
	until()
	cancel()
	l := <-results
	c.t.Log(l)
	if l.Losses() > 0 || l.Answered == 0 {
		c.t.Errorf("requests lost: %v", l)
	}
}

// results are the folders that captures have left.
func (c *captured) results() []string {
	paths, err := filepath.Glob(filepath.Join(c.dir, "*"))
	if err != nil {
		c.t.Fatal(err)
	}
	return paths
}

// begins finds the n-th capture and what happened to the same worker later.
func (c *captured) begins(n int) (began event, next func(kind string) event) {
	c.t.Helper()
	began = c.awaitKind("capture began", n)
	return began, func(kind string) event {
		c.t.Helper()
		return c.await(kind+" after a capture", 1, func(e event) bool { return e.is(kind) && e.num("pid") == began.num("pid") })
	}
}

// order checks that events of one worker came in this order.
func (c *captured) order(pid int, kinds ...string) {
	c.t.Helper()
	for _, e := range c.history() {
		if len(kinds) > 0 && e.is(kinds[0]) && e.num("pid") == pid {
			kinds = kinds[1:]
		}
	}
	if len(kinds) > 0 {
		c.t.Errorf("worker %d: no %q where it belongs", pid, kinds[0])
	}
}

// oneAtATime checks that no capture began before the one before was over.
func (c *captured) oneAtATime() {
	c.t.Helper()
	running := false
	for _, e := range c.history() {
		switch {
		case e.is("capture began") && running:
			c.t.Errorf("a capture began beside another one: %v", e)
		case e.is("capture began"):
			running = true
		case e.is("capture done"), e.is("capture failed"):
			running = false
		}
	}
}

// nobodyRuns waits until no process of the pool has a word in its arguments.
func (c *captured) nobodyRuns(word string) {
	c.t.Helper()
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	deadline := time.After(patience)
	for {
		i := slices.IndexFunc(c.processes(), func(pid int) bool { return strings.Contains(commandLine(pid), word) })
		if i < 0 {
			return
		}
		select {
		case <-every.C:
		case <-deadline:
			c.t.Fatalf("a process of a capture was left behind")
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCapture(t *testing.T) {
	t.Parallel()
	c := capturing(t, `env | grep ^ROTA_; curl -sf "$ROTA_WORKER_URL/health" > "$ROTA_CAPTURE_DIR/health"; readlink /proc/$ROTA_SERVER_PID/exe`)
	var began event
	c.leak("/?hold=0.05", func() {
		var next func(string) event
		began, next = c.begins(1)
		next("cycle done")
	})
	pid := began.num("pid")
	c.order(pid, "worker draining", "capture began", "capture done", "worker stopping", "worker exited")
	c.oneAtATime()
	done := c.awaitKind("capture done", 1)
	output := read(t, filepath.Join(done.str("path"), "output"))
	for _, want := range []string{
		fmt.Sprintf("ROTA_WORKER_PID=%d", pid), fmt.Sprintf("ROTA_SERVER_PID=%d", pid), "ROTA_WORKER_URL=http://127.0.0.1:",
		fmt.Sprintf("ROTA_SLOT=%d", began.num("slot")), "ROTA_GENERATION=1", "ROTA_TRIGGER=memory",
		"ROTA_REASON=" + began.str("reason"), "ROTA_CAPTURE_DIR=" + done.str("path"), leaky,
	} {
		if !strings.Contains(output, want+"\n") && !strings.Contains(output, want) {
			t.Errorf("%q is not in %q", want, output)
		}
	}
	if !strings.Contains(began.str("reason"), "40MiB") {
		t.Errorf("the reason is %q", began.str("reason"))
	}
	if health := read(t, filepath.Join(done.str("path"), "health")); health != "ok\n" {
		t.Errorf("the worker answered %q", health)
	}
	if n := scrape(t, c.pool)[`rota_captures_total{result="done"}`]; n < 1 {
		t.Errorf("%v captures are counted", n)
	}
	proveEnd(t, c.pool, 2)
}

func TestCaptureThatFails(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		command string
		flags   []string
		status  string
		detail  string
		left    int // folders
	}{
		"status":     {command: `echo first; echo no luck >&2; exit 3`, status: "exit code 3", detail: "no luck", left: 1},
		"signal":     {command: `kill -9 $$`, status: "SIGKILL (exit code 137)", left: 1},
		"large file": {command: `exec head -c 200K /dev/zero > $ROTA_CAPTURE_DIR/dump`, flags: []string{"--capture-max-size", "100K"}, status: "SIGXFSZ (exit code 153)", detail: "it wrote a file of more than 100KiB, see --capture-max-size", left: 1},
		"large file of a child": {command: `dd if=/dev/zero of=$ROTA_CAPTURE_DIR/dump bs=1K count=200; exit $?`, flags: []string{"--capture-max-size", "100K"},
			status: "exit code 153", detail: "it wrote a file of more than 100KiB, see --capture-max-size", left: 0}, // with what the shell says of that it is too large
		"large result": {command: `for i in 1 2 3; do head -c 60K /dev/zero > $ROTA_CAPTURE_DIR/$i; done`, flags: []string{"--capture-max-size", "100K"},
			status: "exit code 0", detail: "its result of 180KiB was removed: want 100KiB at most, see --capture-max-size"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := capturing(t, f.command, f.flags...)
			c.leak("/?hold=0.05", func() {
				_, next := c.begins(1)
				next("cycle done")
			})
			failed := c.awaitKind("capture failed", 1)
			if failed.str("status") != f.status || failed.str("message") != f.detail {
				t.Errorf("failed with %q, %q; want %q, %q", failed.str("status"), failed.str("message"), f.status, f.detail)
			}
			c.order(failed.num("pid"), "capture began", "capture failed", "worker stopping", "cycle done")
			if n := scrape(t, c.pool)[`rota_captures_total{result="failed"}`]; n < 1 {
				t.Errorf("%v failures are counted", n)
			}
			proveEnd(t, c.pool, 2)
			results := c.results()
			if len(results) != f.left || f.left > 0 && !strings.HasSuffix(results[0], "-failed") {
				t.Errorf("%q is left, want %d that failed", results, f.left)
			}
		})
	}
}

// TestCaptureThatHangs: it heeds no signal, and has children in its group and
// out of it. The cycle goes on when its time is over.
func TestCaptureThatHangs(t *testing.T) {
	t.Parallel()
	c := capturing(t, `trap '' TERM; setsid sleep 4321 & sleep 4321 & sleep 4321; sleep 4321; sleep 4321`, "--capture-timeout", "500ms")
	c.leak("/?hold=0.05", func() {
		began, next := c.begins(1)
		stopping := next("worker stopping")
		if held := stopping.at(t).Sub(began.at(t)); held < 450*time.Millisecond {
			t.Errorf("the worker was held for %s, want the capture's timeout", held)
		}
		next("capture failed")
		next("cycle done")
	})
	failed := c.awaitKind("capture failed", 1)
	if want := "not over within the capture timeout of 500ms"; failed.str("message") != want {
		t.Errorf("%q, want %q", failed.str("message"), want)
	}
	c.order(failed.num("pid"), "capture began", "worker stopping", "capture failed")
	c.oneAtATime()
	if n := scrape(t, c.pool)[`rota_captures_total{result="timeout"}`]; n < 1 {
		t.Errorf("%v timeouts are counted", n)
	}
	proveEnd(t, c.pool, 2)
	c.nobodyRuns("4321")
}

// TestCaptureLeavesNothing: what a command has left in the background ends with
// it, whatever group, session or parent that has gone to.
func TestCaptureLeavesNothing(t *testing.T) {
	t.Parallel()
	c := capturing(t, `cd $ROTA_CAPTURE_DIR
		nohup sleep 4322 &
		setsid sh -c 'touch one; sleep 4322; true' &
		(setsid sh -c 'touch two; sleep 4322; true' &)
		until [ -e one ] && [ -e two ]; do :; done`)
	c.leak("/", func() {
		_, next := c.begins(1)
		next("cycle done")
	})
	c.awaitKind("capture done", 1)
	c.signal(syscall.SIGTERM)
	c.wait()
	c.nobodyRuns("4322")
}

// TestCaptureShared: where nobody but the worker itself could take it out of the
// rotation, it serves until the capture is over.
func TestCaptureShared(t *testing.T) {
	t.Parallel()
	c := capturing(t, `echo "url=$ROTA_WORKER_URL server=$ROTA_SERVER_PID"; grep -q '^State:' /proc/$ROTA_WORKER_PID/status; sleep 0.5`, "--accept", "shared")
	var began event
	c.leak("/?hold=0.02", func() {
		var next func(string) event
		began, next = c.begins(1)
		next("cycle done")
	})
	pid := began.num("pid")
	c.order(pid, "cycle began", "capture began", "capture done", "worker draining", "worker exited")
	if began.num("ready") != 3 {
		t.Errorf("%d workers were ready when the capture began, want the successor and both others", began.num("ready"))
	}
	if !strings.Contains(began.str("reason"), "40MiB") {
		t.Errorf("the reason is %q", began.str("reason"))
	}
	done := c.awaitKind("capture done", 1)
	if got, want := read(t, filepath.Join(done.str("path"), "output")), fmt.Sprintf("url= server=%d\n", pid); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	proveEnd(t, c.pool, 2)
}

// TestCaptureOfAWorkerThatCrashes: that is a crash as any other.
func TestCaptureOfAWorkerThatCrashes(t *testing.T) {
	t.Parallel()
	c := capturing(t, `kill -9 $ROTA_WORKER_PID; sleep 4323`)
	c.leak("/?hold=0.02", func() {
		_, next := c.begins(1)
		if e := next("worker exited"); e.str("exit") != "crash" {
			t.Errorf("the worker's end counts as %q", e.str("exit"))
		}
		if e := next("capture failed"); e.str("message") != "the worker has ended" {
			t.Errorf("the capture failed since %q", e.str("message"))
		}
	})
	proveEnd(t, c.pool, 2)
	c.nobodyRuns("4323")
}

// TestCaptureWhileRotaEnds: it gets the time that requests get, or none.
func TestCaptureWhileRotaEnds(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		accept  string
		signals int
	}{"front": {"front", 1}, "shared": {"shared", 1}, "front at once": {"front", 2}, "shared at once": {"shared", 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := capturing(t, `trap '' TERM; sleep 4324; sleep 4324; sleep 4324`, "--accept", f.accept, "--drain-timeout", "1s", "--capture-timeout", "10m")
			c.leak("/?hold=0.02", func() { c.begins(1) })
			for n := range f.signals {
				c.signal(syscall.SIGTERM)
				c.awaitKind("pool stopping", n+1)
			}
			if code := c.wait(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			failed := c.awaitKind("capture failed", 1)
			if c.count("capture began") != 1 || c.count("capture failed") != 1 {
				t.Errorf("captures began while rota ended, or ended twice")
			}
			if took := failed.at(t).Sub(c.awaitKind("pool stopping", 1).at(t)); took > time.Minute {
				t.Errorf("the capture held the end up for %s", took)
			}
			c.nobodyRuns("4324")
		})
	}
}

// TestCaptureIsReloaded: another command takes effect without a roll.
func TestCaptureIsReloaded(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	path := filepath.Join(dir, "rota.yaml")
	configure := func(word string) {
		put(t, path, fmt.Sprintf("command: [%q]\nmax-memory: 40MiB\nsample-interval: 50ms\nmin-uptime: 0s\ncapture: echo %s\ncapture-dir: %s\n",
			leaky, word, filepath.Join(dir, "captures")), 0o600)
	}
	configure("one")
	p := start(t, []string{"-w", "1", "--config", path}, withEnv(fmt.Sprintf("PORT=%d", port), "LEAK_KIB=512"))
	p.awaitKind("pool ready", 1)
	c := &captured{pool: p, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	configure("two")
	p.awaitKind("configuration read again", 1)
	c.leak("/", func() { p.awaitKind("capture done", 1) })
	if got := read(t, filepath.Join(p.awaitKind("capture done", 1).str("path"), "output")); got != "two\n" {
		t.Errorf("%q", got)
	}
	if p.count("roll began") > 0 {
		t.Error("the pool was rolled")
	}
	proveEnd(t, p, 1)
}

// TestCaptureBehindAShell: the process that serves is told apart from the one that
// was started.
func TestCaptureBehindAShell(t *testing.T) {
	t.Parallel()
	dir, port := filepath.Join(t.TempDir(), "captures"), freePort(t)
	p := start(t, []string{"-w", "1", "--max-memory", "40MiB", "--sample-interval", "50ms", "--min-uptime", "0s", "--capture-dir", dir,
		"--capture", `readlink /proc/$ROTA_SERVER_PID/exe; cut -d' ' -f4 /proc/$ROTA_SERVER_PID/stat; echo $ROTA_WORKER_PID`,
		"--", "/bin/sh", "-c", leaky + "; exit $?"}, withEnv(fmt.Sprintf("PORT=%d", port), "LEAK_KIB=512"))
	p.awaitKind("pool ready", 1)
	c := &captured{pool: p, dir: dir, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	var began event
	c.leak("/", func() {
		var next func(string) event
		began, next = c.begins(1)
		next("cycle done")
	})
	output := read(t, filepath.Join(p.awaitKind("capture done", 1).str("path"), "output"))
	if want := fmt.Sprintf("%s\n%d\n%d\n", leaky, began.num("pid"), began.num("pid")); output != want {
		t.Errorf("%q, want %q: the server, its parent, the worker", output, want)
	}
}
