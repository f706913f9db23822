package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// What is wrong is said on one line, with the value and the remedy, and nothing
// is started.
func TestBadInput(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	holder := fmt.Sprintf("already in use by process %d (%s", os.Getpid(), os.Args[0])

	dir := t.TempDir()
	put(t, filepath.Join(dir, "plain"), "#!/bin/sh\n", 0o644)
	file := func(name, text string) string {
		path := filepath.Join(dir, name+".yaml")
		put(t, path, text, 0o600)
		return path
	}
	unknown := file("unknown", "workers: 2\n# a comment\nmax-memroy: 1GiB\n")
	stranger := file("stranger", "workers: 2\ncolour: red\n")
	value := file("value", "\nworkers: none\n")
	list := file("list", "max-memory: [1GiB]\n")
	twice := file("twice", "workers: 1\nworkers: 2\n")
	broken := file("broken", "workers: 2\n  max-memory: [\n")
	shell := file("shell", "command: python3 app.py\n")

	for name, c := range map[string]struct {
		args []string // a command that leaves a trace is put behind, unless there is a -- already
		env  []string
		code int
		want []string
	}{
		"unknown flag":         {args: []string{"--colour"}, want: []string{"--colour", "rota --help"}},
		"mistyped flag":        {args: []string{"--max-memroy", "1G"}, want: []string{"--max-memroy", "did you mean --max-memory?"}},
		"unknown short flag":   {args: []string{"-x"}, want: []string{"-x", "rota --help"}},
		"size unit":            {args: []string{"--max-memory", "12Q"}, want: []string{"--max-memory", `"12Q"`, "want 512MiB"}},
		"size negative":        {args: []string{"--max-memory", "-5M"}, want: []string{`"-5M" is negative`, "want 512MiB"}},
		"size zero":            {args: []string{"--max-memory", "0"}, want: []string{`"0"`, "want 512MiB"}},
		"size share":           {args: []string{"--max-memory", "101%"}, want: []string{`"101%"`, "at most 100%"}},
		"duration without":     {args: []string{"--restart-interval", "5"}, want: []string{"--restart-interval", `"5"`, "want 90s"}},
		"duration unit":        {args: []string{"--drain-timeout", "1y"}, want: []string{"--drain-timeout", `"1y"`, "want 90s"}},
		"duration negative":    {args: []string{"--stop-timeout", "-1s"}, want: []string{`"-1s" is negative`, "want 90s"}},
		"interval too short":   {args: []string{"--sample-interval", "1us"}, want: []string{`"1us"`, "want at least"}},
		"cron fields":          {args: []string{"--restart-cron", "* * * *"}, want: []string{"--restart-cron", `"* * * *"`, "want five fields"}},
		"cron value":           {args: []string{"--restart-cron", "61 * * * *"}, want: []string{`"61 * * * *"`, "want five fields"}},
		"cron zone":            {args: []string{"--restart-cron", "TZ=Nowhere/Else @daily"}, want: []string{"Nowhere/Else", "want five fields"}},
		"cron empty zone":      {args: []string{"--restart-cron", "TZ="}, want: []string{`"TZ="`, "want five fields"}},
		"cron never":           {args: []string{"--restart-cron", "0 0 30 2 *"}, want: []string{`"0 0 30 2 *" never fires`}},
		"cron every":           {args: []string{"--restart-cron", "@every 5m"}, want: []string{`"@every 5m"`, "use --restart-interval 5m"}},
		"no workers":           {args: []string{"-w", "0"}, want: []string{"--workers", `"0"`, "at least 1, or auto"}},
		"negative workers":     {args: []string{"--workers=-1"}, want: []string{`"-1"`, "at least 1, or auto"}},
		"workers in words":     {args: []string{"-w", "four"}, want: []string{`"four"`, "at least 1, or auto"}},
		"workers by variable":  {env: []string{"ROTA_WORKERS=0"}, want: []string{"ROTA_WORKERS", `"0"`, "at least 1"}},
		"web concurrency":      {env: []string{"WEB_CONCURRENCY=many"}, want: []string{"WEB_CONCURRENCY", `"many"`, "--workers N"}},
		"no command":           {args: []string{"-w", "2", "--"}, want: []string{"no command given: put it after --"}},
		"no dashes":            {args: []string{"-w", "2", "python3", "app.py", "--"}, want: []string{`"python3"`, "put -- before the command"}},
		"not found":            {args: []string{"--", "no-such-program"}, code: 127, want: []string{`"no-such-program"`, "not in PATH", "full path"}},
		"no file":              {args: []string{"--", "./no-such-file"}, code: 127, want: []string{`"./no-such-file"`, "no such file"}},
		"not executable":       {args: []string{"--", "./plain"}, code: 126, want: []string{`"./plain"`, "chmod +x ./plain"}},
		"directory":            {args: []string{"--", "./"}, code: 126, want: []string{`"./"`, "it is a directory"}},
		"address in use":       {args: []string{"-l", busy.Addr().String()}, code: 125, want: []string{busy.Addr().String(), holder}},
		"admin in use":         {args: []string{"--admin", busy.Addr().String()}, code: 125, want: []string{busy.Addr().String(), "--admin"}},
		"address without":      {args: []string{"-l", "8080"}, want: []string{"--listen", `"8080"`, "want :PORT"}},
		"address port":         {args: []string{"-l", ":99999"}, want: []string{`":99999"`, "1 to 65535"}},
		"address any port":     {args: []string{"-l", ":0"}, want: []string{`":0"`, "1 to 65535"}},
		"address host":         {args: []string{"-l", "no host:80"}, want: []string{`"no host:80"`, "want :PORT"}},
		"address path":         {args: []string{"-l", "unix:"}, want: []string{`"unix:"`, "unix:/run/app.sock"}},
		"address twice":        {args: []string{"-l", ":8080", "-l", ":8080"}, want: []string{`":8080"`, "twice"}},
		"admin address":        {args: []string{"--admin", "9797"}, want: []string{"--admin", `"9797"`, "127.0.0.1:9797"}},
		"accept":               {args: []string{"--accept", "frnt"}, want: []string{"--accept", `"frnt"`, "want shared"}},
		"accept front":         {args: []string{"--accept", "front"}, want: []string{"--accept", `"front"`, "use shared"}},
		"accept steered":       {args: []string{"--accept", "steered"}, want: []string{"--accept", `"steered"`, "use shared"}},
		"handoff":              {args: []string{"--handoff", "inherit,magic"}, want: []string{"--handoff", `"magic"`, "want adopt or inherit"}},
		"handoff port":         {args: []string{"--handoff", "port"}, want: []string{"--handoff", `"port"`, "use adopt or inherit"}},
		"handoff to what":      {args: []string{"--handoff", "inherit"}, want: []string{"--handoff", "--listen"}},
		"ready":                {args: []string{"--ready", "soon"}, want: []string{"--ready", `"soon"`, "want listen or notify"}},
		"ready http":           {args: []string{"--ready", "http"}, want: []string{"--ready", `"http"`, "use listen or notify"}},
		"metric":               {args: []string{"--memory-metric", "vsz"}, want: []string{`"vsz"`, "want private, rss or pss"}},
		"stop signal":          {args: []string{"--stop-signal", "SIGFOO"}, want: []string{`"SIGFOO"`, "like TERM"}},
		"no surge":             {args: []string{"--max-surge", "0"}, want: []string{"--max-surge", "make one of them 1"}},
		"all unavailable":      {args: []string{"-w", "2", "--max-unavailable", "2"}, want: []string{"--max-unavailable", "at most 1"}},
		"jitter":               {args: []string{"--restart-interval", "1h", "--restart-jitter", "2h"}, want: []string{"--restart-jitter", "2h", "want less"}},
		"watched directory":    {args: []string{"--watch", dir}, want: []string{"--watch", dir, "name a file in it"}},
		"variable":             {args: []string{"--env", "FOO"}, want: []string{"--env", `"FOO"`, "KEY=VALUE"}},
		"log level":            {args: []string{"--log-level", "loud"}, want: []string{`"loud"`, "want trace, debug"}},
		"log file":             {args: []string{"--log-file", dir + "/none/rota.log"}, code: 125, want: []string{dir + "/none/rota.log", "no such file"}},
		"no configuration":     {args: []string{"--config", dir + "/none.yaml"}, want: []string{dir + "/none.yaml", "no such file"}},
		"mistyped key":         {args: []string{"--config", unknown}, want: []string{unknown + ":3:", `"max-memroy"`, `did you mean "max-memory"?`}},
		"unknown key":          {args: []string{"--config", stranger}, want: []string{stranger + ":2:", `"colour"`}},
		"value of a key":       {args: []string{"--config", value}, want: []string{value + ":2: workers", `"none"`, "at least 1"}},
		"list in the file":     {args: []string{"--config", list}, want: []string{list + ":1: max-memory", "one value is wanted"}},
		"key twice":            {args: []string{"--config", twice}, want: []string{twice + ":2:", "workers is set twice"}},
		"file of something":    {args: []string{"--config", broken}, want: []string{broken + ":", "is not YAML"}},
		"command as a string":  {args: []string{"--config", shell}, want: []string{shell + ":1:", `["python3", "app.py"]`}},
		"file by variable":     {env: []string{"ROTA_CONFIG=" + unknown}, want: []string{unknown + ":3:"}},
		"max memory by a name": {env: []string{"ROTA_MAX_MEMORY=lots"}, want: []string{"ROTA_MAX_MEMORY", `"lots"`, "want 512MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			put(t, filepath.Join(work, "plain"), "#!/bin/sh\n", 0o644)
			trace := filepath.Join(work, "started")
			args := append([]string{"--admin", "127.0.0.1:0"}, c.args...)
			if !strings.Contains(" "+strings.Join(c.args, " ")+" ", " -- ") {
				args = append(args, "--", "touch", trace)
			}
			e := runRota(t, args, inDir(work), withEnv(c.env...))
			code := c.code
			if code == 0 {
				code = 2
			}
			if e.code != code {
				t.Errorf("exit code %d, want %d", e.code, code)
			}
			e.oneLine(t, c.want...)
			if _, err := os.Stat(trace); err == nil {
				t.Error("the command was started all the same")
			}
		})
	}
}

func TestMaxMemoryAboveLimit(t *testing.T) {
	t.Parallel()
	inside := under("sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, memoryGroup(t, 256<<20))
	trace := filepath.Join(t.TempDir(), "started")
	e := runRota(t, []string{"--max-memory", "300MiB", "--", "touch", trace}, inside)
	if e.code != 2 {
		t.Errorf("exit code %d, want 2", e.code)
	}
	e.oneLine(t, "--max-memory", "300MiB", "256MiB", "want less, like 40%")
	if _, err := os.Stat(trace); err == nil {
		t.Error("the command was started all the same")
	}
	// What fits is taken, and a share is one of the limit.
	for size, want := range map[string]string{"256MiB": "256MiB ", "50%": "128MiB (50% of 256MiB) "} {
		e := runRota(t, []string{"check", "--max-memory", size, "--", "touch", trace}, inside)
		if e.code != 0 || !strings.Contains(e.stdout, want) {
			t.Errorf("%s: exit code %d, want %q in\n%s%s", size, e.code, want, e.stdout, e.stderr)
		}
	}
}

// memoryGroup makes a memory cgroup of version 1 or 2 with a limit, to be
// removed with the test. Processes join it by its cgroup.procs.
func memoryGroup(t *testing.T, limit int64) string {
	t.Helper()
	needRoot(t)
	parent, file := "", "memory.max"
	for _, line := range lines("/proc/self/cgroup") {
		part := strings.SplitN(line, ":", 3)
		if len(part) != 3 {
			continue
		}
		switch {
		case strings.Contains(","+part[1]+",", ",memory,"):
			parent, file = filepath.Join("/sys/fs/cgroup/memory", part[2]), "memory.limit_in_bytes"
		case part[1] == "" && parent == "":
			// Only groups that share the controller out have children with it.
			parent = filepath.Join("/sys/fs/cgroup", part[2])
			for len(parent) > len("/sys/fs/cgroup") && !strings.Contains(strings.Join(lines(parent+"/cgroup.subtree_control"), ""), "memory") {
				parent = filepath.Dir(parent)
			}
		}
	}
	if _, err := os.Stat(parent); err != nil { // of another namespace
		parent = "/sys/fs/cgroup/memory"
	}
	group := filepath.Join(parent, fmt.Sprintf("rota-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err := os.Mkdir(group, 0o755); err != nil {
		lacking(t, "cannot make a cgroup: "+err.Error())
	}
	t.Cleanup(func() {
		// It is busy until what ran in it was reaped.
		eventually(t, "the cgroup can be removed", func() bool { return syscall.Rmdir(group) == nil })
	})
	if err := os.WriteFile(filepath.Join(group, file), fmt.Append(nil, limit), 0); err != nil {
		lacking(t, "cannot limit a cgroup: "+err.Error())
	}
	return group
}

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
		"binds another": {[]string{"-l", fmt.Sprintf("127.0.0.1:%d", other), "--", site.path}, nil, "2s", 125,
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
				if !strings.Contains(e.str("detail"), c.story) {
					t.Errorf("%q does not say %q", e.str("detail"), c.story)
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

func TestUncaughtStopSignal(t *testing.T) {
	t.Parallel()
	python := server(t, "python3", "python3")
	dir, port, requests := t.TempDir(), freePort(t), 3
	put(t, filepath.Join(dir, "app.py"), holder, 0o600)
	notes := filepath.Join(dir, "notes")
	p := start(t, []string{"-w", "2", "--sample-interval", "50ms", "--", python, "app.py"}, inDir(dir),
		withEnv(fmt.Sprintf("PORT=%d", port), "NOTES="+notes))
	p.awaitText("does not catch SIGTERM")
	if n := p.count("worker draining"); n > 0 {
		t.Errorf("%d workers were told to go before the warning came", n)
	}
	p.awaitKind("pool ready", 1)

	lost := make(chan error, requests)
	for range requests {
		go func() {
			_, err := get(fmt.Sprintf("127.0.0.1:%d", port), "/60")
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
	}
	if cut != requests {
		t.Errorf("%d requests are reported as cut, want %d", cut, requests)
	}
	p.metric("rota_requests_cut_total", float64(requests))

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
		if again.str("trigger") != "crash" || !strings.HasPrefix(again.str("reason"), fmt.Sprint(n)) {
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

func TestHealth(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	site := newSite(t, "GATE="+gate)
	p := site.start([]string{"-w", "2", "--shutdown-delay", "1m"})
	is := func(livez, readyz, healthz int, why, less string) {
		t.Helper()
		text := func(code int, why string) string {
			if code == 200 {
				return "ok"
			}
			return why
		}
		p.isHealth("/livez", livez, text(livez, why))
		p.isHealth("/readyz", readyz, text(readyz, why))
		p.isHealth("/healthz", healthz, text(healthz, less))
	}
	p.awaitKind("worker started", 2)
	is(200, 503, 503, "no worker is ready", "no worker is ready")
	put(t, gate+"1", "", 0o600)
	p.awaitKind("worker ready", 1)
	is(200, 200, 503, "", "1 of 2 workers are ready")
	put(t, gate+"0", "", 0o600)
	p.awaitKind("pool ready", 1)
	is(200, 200, 200, "", "")
	p.signal(syscall.SIGTERM)
	p.awaitKind("pool stopping", 1)
	is(200, 503, 503, "stopping", "stopping")
	p.signal(syscall.SIGTERM) // or the test takes a minute
	p.wait()
}

// Every label that is one of a list is there from the start, at 0, and the
// linter of Prometheus finds nothing at any time.
func TestMetrics(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	site := newSite(t, "GATE="+gate)
	p := site.start([]string{"-w", "2", "--sample-interval", "50ms"})
	p.awaitKind("worker started", 2)
	p.metric(`rota_worker_starts_total{reason="boot"}`, 2)
	values, text := p.scrape()
	lint(t, text)

	zero := map[string]bool{"rota_requests_cut_total": true, "rota_worker_boot_duration_seconds_count": true, "rota_worker_drain_duration_seconds_count": true}
	for _, trigger := range []string{"memory", "age", "cron", "generation", "crash", "scale"} {
		zero[fmt.Sprintf("rota_worker_starts_total{reason=%q}", trigger)] = true
		zero[fmt.Sprintf("rota_worker_cycles_total{trigger=%q}", trigger)] = true
	}
	for _, reason := range []string{"drained", "stopped", "killed", "crash", "oom"} {
		zero[fmt.Sprintf("rota_worker_exits_total{reason=%q}", reason)] = true
	}
	for _, trigger := range []string{"generation", "cron"} {
		for _, result := range []string{"done", "failed"} {
			zero[fmt.Sprintf("rota_rolls_total{result=%q,trigger=%q}", result, trigger)] = true
		}
	}
	for _, state := range []string{"ready", "draining", "stopping"} {
		zero[fmt.Sprintf("rota_workers{state=%q}", state)] = true
	}
	for series := range zero {
		if v, ok := values[series]; !ok || v != 0 {
			t.Errorf("%s is %v (%v), want 0", series, v, ok)
		}
	}
	for series, want := range map[string]float64{
		`rota_workers{state="starting"}`: 2, `rota_worker_starts_total{reason="boot"}`: 2, "rota_workers_desired": 2,
	} {
		if values[series] != want {
			t.Errorf("%s is %v, want %v", series, values[series], want)
		}
	}
	for series := range values {
		if strings.Contains(series, "pid") {
			t.Errorf("%s speaks of a pid", series)
		}
	}

	put(t, gate+"0", "", 0o600)
	put(t, gate+"1", "", 0o600)
	p.awaitKind("pool ready", 1)
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll done", 1)
	eventually(t, "the new workers were sampled", func() bool {
		values, text = p.scrape()
		return values[`rota_worker_memory_private_bytes{slot="0"}`] > 0 && values[`rota_worker_memory_private_bytes{slot="1"}`] > 0
	})
	lint(t, text)
	for series, want := range map[string]float64{
		`rota_workers{state="ready"}`: 2, `rota_workers{state="starting"}`: 0, `rota_rolls_total{result="done",trigger="generation"}`: 1,
		`rota_worker_cycles_total{trigger="generation"}`: 2, `rota_worker_starts_total{reason="generation"}`: 2,
		`rota_worker_exits_total{reason="drained"}`: 2, `rota_worker_generation{slot="0"}`: 2, `rota_worker_generation{slot="1"}`: 2,
		"rota_worker_boot_duration_seconds_count": 4, "rota_worker_drain_duration_seconds_count": 2, "rota_requests_cut_total": 0,
		fmt.Sprintf("rota_listener_accept_queue_length{listener=%q}", site.addr): 0,
	} {
		p.metric(series, want)
	}
}

func lint(t *testing.T, metrics string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(metrics)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}
