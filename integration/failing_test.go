package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

// A worker that never gets ready is ended, and what it was seen to do is said.
func TestNeverReady(t *testing.T) {
	t.Parallel()
	other := freePort(t)
	site := newSite(t)
	script := filepath.Join(t.TempDir(), "script")
	put(t, script, "#!/no/such/interpreter\n", 0o755)
	for name, c := range map[string]struct {
		args    []string
		env     []string
		timeout string
		code    int
		story   string
	}{
		"binds nothing": {[]string{"--", "sleep", "60"}, nil, "200ms", 143, "it bound no TCP port"},
		"binds another": {[]string{"--accept", "shared", "-l", fmt.Sprintf("127.0.0.1:%d", other), "--", site.path}, nil, "2s", 125,
			fmt.Sprintf("it listened on %s; not on 127.0.0.1:%d", site.addr, other)},
		"never listens": {[]string{"--", site.path}, []string{"PROGRAM=binder"}, "2s", 125,
			fmt.Sprintf("it bound %s but never listened", site.addr)},
		"ends":         {[]string{"--", "sh", "-c", "exit 5"}, nil, "1m", 5, "ended with exit code 5"},
		"never begins": {[]string{"--", script}, nil, "1m", 127, "cannot execute " + script + ": no such file or directory (is its interpreter installed"},
	} {
		t.Run(name, func(t *testing.T) {
			// Not two at once: they bind the same address.
			p := start(t, append([]string{"-w", "1", "--start-timeout", c.timeout}, c.args...), withEnv(append(site.env, c.env...)...))
			end := p.await("the pool is given up", 1, func(e event) bool { return e.is("pool given up") || e.is("worker ready") })
			if !end.is("pool given up") {
				t.Fatalf("a worker that does not serve is taken for one that does: %v", end)
			}
			if code := p.wait(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			failed := p.of("start failed")
			for _, e := range failed {
				if !strings.Contains(e.str("message"), c.story) {
					t.Errorf("%q does not say %q", e.str("message"), c.story)
				}
			}
			if len(failed) != 3 {
				t.Fatalf("tried %d times, want 3", len(failed))
			}
			for i, e := range p.of("worker started") {
				// As after a crash, the pause doubles, less up to a quarter.
				if i == 0 {
					continue
				}
				least := 500 * time.Millisecond << (i - 1) * 3 / 4
				if pause := e.time().Sub(failed[i-1].time()); pause < least {
					t.Errorf("started %s after failure %d, want at least %s", pause, i, least)
				}
			}
			for _, e := range p.of("worker stopping") {
				if want := "not ready within the start timeout of " + c.timeout; !strings.Contains(e.str("reason"), want) || !strings.Contains(e.str("reason"), c.story) {
					t.Errorf("%q does not say %q and %q", e.str("reason"), want, c.story)
				}
			}
			if n := p.count("worker stopping"); c.timeout != "1m" && n != 3 {
				t.Errorf("%d workers were too slow, want 3", n)
			}
			if want := fmt.Sprintf("rota: the pool has ended (exit code %d)\n", c.code); p.output.String() != want {
				t.Errorf("output %q, want %q", p.output, want)
			}
		})
	}
}

// holder is a server that does not catch SIGTERM, like most of Python's. It
// answers nothing before the time that it is asked to hold a request is over.
const holder = `
import http.server, os, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(os.environ["NOTES"], "a") as notes:
            notes.write("begun\n")
        time.sleep(float(self.path[1:]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`

// Without a front the server alone can finish its requests.
func TestUncaughtStopSignal(t *testing.T) {
	t.Parallel()
	python := server(t, "python3", "python3")
	dir, port, requests := t.TempDir(), freePort(t), 3
	put(t, filepath.Join(dir, "app.py"), holder, 0o600)
	notes := filepath.Join(dir, "notes")
	p := start(t, []string{"--accept", "shared", "-w", "2", "--sample-interval", "50ms", "--", python, "app.py"}, inDir(dir),
		withEnv(fmt.Sprintf("PORT=%d", port), "NOTES="+notes))
	p.awaitText("does not catch SIGTERM")
	if n := p.count("worker draining"); n > 0 {
		t.Errorf("%d workers were told to go before the warning came", n)
	}
	p.awaitKind("pool ready", 1)

	lost := make(chan error, requests)
	for range requests {
		go func() {
			_, err := load.Get(fmt.Sprintf("127.0.0.1:%d", port), "/60")
			lost <- err
		}()
	}
	eventually(t, "all requests have begun", func() bool { return len(lines(notes)) == requests })
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll done", 1)
	for range requests {
		if err := <-lost; err == nil {
			t.Error("a request was answered that was to be cut")
		}
	}
	cut := 0
	for _, e := range p.of("worker exited") {
		cut += e.num("cut")
		p.metric(fmt.Sprintf(`rota_requests_cut_total{kind="request",slot="%d"}`, e.num("slot")), float64(e.num("cut")))
	}
	if cut != requests {
		t.Errorf("%d requests are reported as cut, want %d", cut, requests)
	}

	// The new workers do not catch it either, but that is known by now.
	eventually(t, "the new workers were sampled", func() bool {
		values, _ := p.scrape()
		return values[`rota_worker_memory_rss_bytes{slot="0"}`] > 0 && values[`rota_worker_memory_rss_bytes{slot="1"}`] > 0 &&
			values[`rota_worker_generation{slot="0"}`] == 2 && values[`rota_worker_generation{slot="1"}`] == 2
	})
	warnings := 0
	for _, e := range p.history() {
		if strings.Contains(e.str("@message"), "does not catch") {
			warnings++
		}
	}
	if warnings != 1 {
		t.Errorf("warned %d times, want once", warnings)
	}
}

// A worker that crashes once it was ready is started again, later each time,
// and the pool is never given up for it.
func TestCrashesAfterReady(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start([]string{"-w", "1"})
	const crashes = 4 // one more than a pool may fail that never was ready
	for n := 1; n <= crashes; n++ {
		p.awaitKind("worker ready", n)
		site.crash("?code=9")
		crash := p.awaitKind("worker crashed", n)
		if crash.str("status") != "exit code 9" || crash.str("exit") != "crash" {
			t.Errorf("reported as %v", crash)
		}
		// It takes some time before the next is started.
		p.isHealth("/livez", 200, "ok")
		p.isHealth("/readyz", 503, "no worker is ready")
		p.isHealth("/healthz", 503, "no worker is ready")
		again := p.awaitKind("worker started", n+1)
		// The pause doubles, less up to a quarter of it at random.
		least := 500 * time.Millisecond << (n - 1) * 3 / 4
		if pause := again.time().Sub(crash.time()); pause < least {
			t.Errorf("started %s after crash %d, want at least %s", pause, n, least)
		}
		why := "the one before ended by itself"
		if n > 1 {
			why = fmt.Sprintf("%d failures in a row", n)
		}
		if again.str("trigger") != "crash" || again.str("reason") != why {
			t.Errorf("the cause of a start is missing: %v", again)
		}
	}
	p.awaitKind("worker ready", crashes+1)
	p.isHealth("/readyz", 200, "ok")
	p.isHealth("/healthz", 200, "ok")
	p.metric(`rota_worker_exits_total{reason="crash"}`, crashes)
	p.metric(`rota_worker_starts_total{reason="crash"}`, crashes)

	// Nor does the pause keep it from ending.
	site.crash("")
	p.awaitKind("worker crashed", crashes+1)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if n := p.count("worker started"); n != crashes+1 {
		t.Errorf("%d workers were started, want %d", n, crashes+1)
	}
}
