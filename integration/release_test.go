package integration

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rota/integration/load"
)

// A release that does not get ready takes nobody's place, and the one that is
// mended does.
func TestBrokenRelease(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]string{"ends": "exit 3", "never listens": "exec sleep 60"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := filepath.Join(t.TempDir(), "app")
			site := newSite(t)
			release := func(line string) { put(t, script, "#!/bin/sh\n"+line+"\n", 0o755) }
			release("exec " + site.path)
			p := start(t, []string{"-w", "2", "--start-timeout", "2s", "--", script}, withEnv(site.env...))
			p.awaitKind("pool ready", 1)
			before := p.workers()

			release(broken)
			p.signal(syscall.SIGHUP)
			failed := p.awaitKind("roll failed", 1)
			if failed.str("@level") != "error" || !strings.Contains(failed.str("message"), "going on with generation 1") {
				t.Errorf("reported as %v", failed)
			}
			if name == "ends" {
				p.awaitWith("start failed", "status", "exit code 3", 1)
			} else if e := p.awaitKind("start failed", 1); !strings.Contains(e.str("message"), "it bound no TCP port") {
				t.Errorf("reported as %v", e)
			}
			p.metric(`rota_rolls_total{result="failed",trigger="generation"}`, 1)
			p.metric(`rota_rolls_total{result="done",trigger="generation"}`, 0)
			p.isHealth("/healthz", 200, "ok")
			if got := p.workers(); !maps.Equal(got, before) || len(got) != 2 {
				t.Errorf("workers %v serve, want %v", got, before)
			}
			if answer := site.ask("/"); !strings.Contains(answer, "generation=1") {
				t.Errorf("answered by %q, want generation 1", answer)
			}

			release("GREETING=mended exec " + site.path)
			p.signal(syscall.SIGHUP)
			p.awaitKind("roll done", 1)
			if answer := site.ask("/"); !strings.Contains(answer, "generation=3 greeting=mended") {
				t.Errorf("answered by %q, want the mended release", answer)
			}
			p.metric(`rota_rolls_total{result="failed",trigger="generation"}`, 1)
			p.metric(`rota_rolls_total{result="done",trigger="generation"}`, 1)
			p.neverBelow(2)
		})
	}
}

// A release that does not get ready takes nobody's place either if the worker
// that it was to replace is lost meanwhile.
func TestBrokenReleaseAndCrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rota.yaml")
	site := newSite(t)
	release := func(command string) {
		t.Helper()
		put(t, path, "workers: 1\nstart-timeout: 2s\nstop-timeout: 1s\ncommand: ["+command+"]\n", 0o600)
	}
	release(site.path)
	p := start(t, []string{"--config", path}, withEnv(site.env...))
	p.awaitKind("pool ready", 1)

	release("sleep, 600")
	broken := p.awaitWith("worker started", "generation", 2, 1).num("pid")
	site.crash("")
	first := p.awaitKind("worker crashed", 1).num("pid")
	// Two failures of one release are one too many.
	e := p.await("the good release is back", 1, func(e event) bool {
		return e.is("worker ready") && e.num("pid") != first ||
			e.is("worker stopping") && e.num("pid") != broken
	})
	if !e.is("worker ready") || e.num("generation") != 1 {
		t.Errorf("the broken release was tried again: %v", e)
	}
	if done := p.of("roll done"); len(done) > 0 {
		t.Errorf("the roll is said to be done: %v", done)
	}
	if n := p.count("roll failed"); n != 1 {
		t.Errorf("the roll is said to have failed %d times, want once", n)
	}
}

// gunicorn listens before it loads the application, and ends when that fails.
// Such a release never served, whatever it did to its socket.
func TestReleaseThatListensAndThenFails(t *testing.T) {
	t.Parallel()
	gunicorn := server(t, "/usr/bin/gunicorn", "gunicorn")
	dir := t.TempDir()
	write := func(app string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "shop.py"), []byte(app), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const good = "def app(environ, start):\n    start('200 OK', [('Content-Length', '3')])\n    return [b'ok\\n']\n"
	const broken = "import no_such_module\n"
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	command := []string{"-w", "2", "--", gunicorn, "--bind", addr, "shop:app"}
	noCache := withEnv("PYTHONDONTWRITEBYTECODE=1")

	write(broken)
	first := start(t, command, inDir(dir), noCache)
	if code := first.wait(); code != 3 { // gunicorn's own for a worker that fails to boot
		t.Errorf("a broken application ends with code %d, want gunicorn's 3", code)
	}
	if n := first.count("worker ready"); n > 0 {
		t.Errorf("%d workers of a broken application counted as ready", n)
	}

	write(good)
	p := start(t, command, inDir(dir), noCache)
	p.awaitKind("pool ready", 1)
	write(broken)
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll failed", 1)
	if body, err := load.Get(addr, "/"); err != nil || !strings.HasPrefix(body, "ok") {
		t.Errorf("after the failed roll: %q, %v", body, err)
	}
	write(good)
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll done", 1)
	p.neverBelow(2)
}
