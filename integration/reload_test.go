package integration

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A file is changed in as many ways as there are tools that deploy it.
var changes = map[string]func(t *testing.T, path, text string){
	"in place": func(t *testing.T, path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	},
	"renamed": func(t *testing.T, path, text string) { put(t, path, text, 0o600) },
	// Kubernetes exchanges the link ..data, behind which the files of a
	// ConfigMap lie.
	"linked": func(t *testing.T, path, text string) {
		dir, name := filepath.Dir(path), filepath.Base(path)
		data, next := filepath.Join(dir, "..data"), filepath.Join(dir, "..data_tmp")
		old, _ := os.Readlink(data)
		release := fmt.Sprintf("..%d", time.Now().UnixNano())
		steps := []error{
			os.Mkdir(filepath.Join(dir, release), 0o755),
			os.WriteFile(filepath.Join(dir, release, name), []byte(text), 0o600),
			os.Symlink(release, next),
			os.Rename(next, data),
		}
		if old == "" {
			steps = append(steps, os.Symlink(filepath.Join("..data", name), path))
		} else {
			steps = append(steps, os.RemoveAll(filepath.Join(dir, old)))
		}
		for _, err := range steps {
			if err != nil {
				t.Fatal(err)
			}
		}
	},
}

// What concerns policy alone takes effect and touches no worker.
func TestReloadSettings(t *testing.T) {
	t.Parallel()
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "rota.yaml")
			site := newSite(t)
			write := func(workers int, memory string) {
				t.Helper()
				change(t, path, fmt.Sprintf("command: [%q]\nsample-interval: 50ms\nmin-uptime: 0s\nworkers: %d\nmax-memory: %s\n", site.path, workers, memory))
			}
			write(2, "1GiB")
			p := start(t, []string{"--config", path}, withEnv(site.env...))
			p.awaitKind("pool ready", 1)
			before := p.workers()
			reloads := 0
			reloaded := func() {
				t.Helper()
				reloads++
				if e := p.awaitKind("configuration read again", reloads); e.str("message") != path+" changed" {
					t.Errorf("the cause is %q", e.str("message"))
				}
			}

			write(2, "2GiB")
			reloaded()
			write(3, "2GiB")
			reloaded()
			if e := p.awaitKind("pool scaled", 1); e.str("message") != "3 workers wanted, 2 before" {
				t.Errorf("scaled %q", e.str("message"))
			}
			p.awaitKind("worker ready", 3)
			p.isHealth("/healthz", 200, "ok")
			p.metric("rota_workers_desired", 3)
			after := p.workers()
			if len(after) != 3 || after[0] != before[0] || after[1] != before[1] {
				t.Errorf("workers %v serve, want %v and one more", after, before)
			}
			write(1, "2GiB")
			reloaded()
			p.awaitWith("worker exited", "trigger", "scale", 2)
			if got := p.workers(); !maps.Equal(got, map[int]int{0: before[0]}) {
				t.Errorf("workers %v serve, want %d alone", got, before[0])
			}
			if began := p.of("roll began", "cycle began"); len(began) > 0 {
				t.Errorf("workers were replaced: %v", began)
			}

			write(1, "1MiB") // which nobody can keep to
			reloaded()
			if e := p.awaitKind("cycle began", 1); e.str("trigger") != "memory" || !strings.Contains(e.str("reason"), "over 1MiB") || e.num("pid") != before[0] {
				t.Errorf("the cycle began with %v", e)
			}
		})
	}
}

// A new command or environment is a new release.
func TestReloadRelease(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rota.yaml")
	site := newSite(t)
	write := func(command, greeting string) {
		t.Helper()
		put(t, path, fmt.Sprintf("workers: 2\ncommand: [%s]\nenv:\n  GREETING: %s\n", command, greeting), 0o600)
	}
	answers := func(want string) {
		t.Helper()
		if got := site.ask("/"); !strings.Contains(got, want) {
			t.Errorf("answered %q, want %q", got, want)
		}
	}
	write(site.path, "hello")
	p := start(t, []string{"--config", path}, withEnv(site.env...))
	p.awaitKind("pool ready", 1)
	answers("generation=1 greeting=hello args=\n")

	write(site.path, "bonjour")
	p.awaitKind("roll done", 1)
	answers("generation=2 greeting=bonjour args=\n")

	write(site.path+", second, third", "bonjour")
	p.awaitKind("roll done", 2)
	answers("generation=3 greeting=bonjour args=second,third\n")

	// What the file says already is no new release.
	write(site.path+", second,   third", "bonjour")
	p.awaitKind("configuration read again", 3)
	for _, e := range p.of("roll began") {
		if e.str("trigger") != "generation" || e.str("reason") != path+" changed" {
			t.Errorf("a roll began with %v", e)
		}
	}
	// Anything that began is seen before what an operator asks for now.
	p.signal(syscall.SIGTTIN)
	p.awaitKind("pool scaled", 1)
	if n := p.count("roll began"); n != 2 {
		t.Errorf("rolled %d times, want 2", n)
	}
	p.neverBelow(2)
}

// A file that is wrong changes nothing.
func TestReloadBadFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rota.yaml")
	site := newSite(t)
	good := fmt.Sprintf("command: [%q]\nworkers: 2\n", site.path)
	put(t, path, good, 0o600)
	p := start(t, []string{"--config", path}, withEnv(site.env...))
	p.awaitKind("pool ready", 1)
	before := p.workers()

	const report = "cannot read the configuration again; going on with what there was"
	errors := 0
	refused := func(want string) {
		t.Helper()
		errors++
		e := p.awaitKind(report, errors)
		if e.str("@level") != "error" || !strings.Contains(e.str("error"), want) {
			t.Errorf("reported as %v, want %q", e, want)
		}
	}
	put(t, path, good+"max-memroy: 1GiB\n", 0o600)
	refused(path + `:3: unknown key "max-memroy" (did you mean "max-memory"?)`)
	put(t, path, "command: [no-such-program]\nworkers: 5\n", 0o600)
	refused(`command not found: "no-such-program"`)
	p.signal(syscall.SIGHUP) // reads the same
	refused(`command not found: "no-such-program"`)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	refused("cannot read the configuration " + path)

	p.isHealth("/healthz", 200, "ok")
	p.metric("rota_workers_desired", 2)
	if got := p.workers(); !maps.Equal(got, before) {
		t.Errorf("workers %v serve, want %v", got, before)
	}
	if n := p.count("configuration read again") + p.count("roll began"); n > 0 {
		t.Errorf("something of a bad file took effect")
	}
	put(t, path, good+"max-memory: 1GiB\nworkers : 3\n", 0o600)
	refused(path + ":4: workers is set twice, first on line 2")
	put(t, path, strings.Replace(good, "workers: 2", "workers: 3", 1), 0o600)
	p.awaitKind("pool scaled", 1)
	p.awaitKind("worker ready", 3)
}

// What cannot change while rota runs is named, and only that.
func TestReloadForNextStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rota.yaml")
	site := newSite(t)
	settings := fmt.Sprintf("command: [%q]\nworkers: 1\n", site.path)
	put(t, path, settings, 0o600)
	p := start(t, []string{"--config", path}, withEnv(site.env...))
	p.awaitKind("pool ready", 1)
	put(t, path, settings+"access-log: json\nmax-concurrency: 5\nwatch: "+path+"\n", 0o600)
	for _, name := range []string{"access-log", "watch"} {
		if e := p.awaitText(name + " changes with the next start of rota"); e.str("@level") != "warn" {
			t.Errorf("named in %v, want a warning", e)
		}
	}
	for _, e := range p.history() {
		if text := e.str("@message"); strings.HasPrefix(text, "max-concurrency changes") || strings.HasPrefix(text, "log-format changes") {
			t.Errorf("warned: %s", text)
		}
	}
}

// SIGHUP reads the file and replaces the workers in any case.
func TestReloadByHangup(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rota.yaml")
	site := newSite(t)
	write := func(greeting string) {
		put(t, path, fmt.Sprintf("command: [%q]\nworkers: 2\nenv: [GREETING=%s]\n", site.path, greeting), 0o600)
	}
	write("hello")
	p := start(t, []string{"--config", path}, withEnv(site.env...))
	p.awaitKind("pool ready", 1)
	before := p.workers()
	p.signal(syscall.SIGHUP)
	p.awaitWith("configuration read again", "message", "SIGHUP", 1)
	if e := p.awaitKind("roll done", 1); e.str("message") != "replaced 2 workers" {
		t.Errorf("the roll ended with %v", e)
	}
	for slot, pid := range p.workers() {
		if pid == before[slot] {
			t.Errorf("worker %d was not replaced", pid)
		}
	}
	write("moin")
	p.signal(syscall.SIGHUP)
	p.awaitWith("configuration read again", "message", "SIGHUP", 2)
	p.awaitKind("roll done", 2)
	if got := site.ask("/"); !strings.Contains(got, "generation=3 greeting=moin") {
		t.Errorf("answered %q, want the new greeting", got)
	}
	// That the file has changed is noticed once more, and no reason to act.
	p.awaitWith("configuration read again", "message", path+" changed", 1)
	p.signal(syscall.SIGTTIN)
	p.awaitKind("pool scaled", 1)
	if n := p.count("roll began"); n != 2 {
		t.Errorf("rolled %d times, want 2", n)
	}
}

// A number that was set by hand stays when the file is read again, until the
// file's own number changes.
func TestReloadKeepsHandSetWorkers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rota.yaml")
	site := newSite(t)
	write := func(workers int) {
		put(t, path, fmt.Sprintf("command: [%q]\nworkers: %d\n", site.path, workers), 0o600)
	}
	write(1)
	p := start(t, []string{"--config", path}, withEnv(site.env...))
	p.awaitKind("pool ready", 1)
	p.signal(syscall.SIGTTIN)
	p.awaitKind("worker ready", 2)
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll done", 1)
	p.metric("rota_workers_desired", 2)
	write(3)
	p.awaitKind("pool scaled", 2)
	p.awaitWith("worker ready", "slot", 2, 1)
	p.metric("rota_workers_desired", 3)
}

// A program that is replaced by a new build rolls the pool.
func TestWatch(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "app")
	site := newSite(t)
	build := func() os.FileInfo {
		t.Helper()
		data, err := os.ReadFile(leaky)
		if err != nil {
			t.Fatal(err)
		}
		put(t, program, string(data), 0o755)
		info, err := os.Stat(program)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	isRunning := func(pids map[int]int, want os.FileInfo) {
		t.Helper()
		for _, pid := range pids {
			got, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
			if err != nil || !os.SameFile(got, want) {
				t.Errorf("worker %d does not run the present build: %v", pid, err)
			}
		}
	}
	first := build()
	p := start(t, []string{"-w", "2", "--watch", program, "--", program}, withEnv(site.env...))
	p.awaitKind("pool ready", 1)
	isRunning(p.workers(), first)
	for n := 1; n <= 2; n++ {
		next := build()
		p.awaitKind("roll done", n)
		isRunning(p.workers(), next)
		if e := p.awaitKind("roll began", n); e.str("reason") != program+" changed" || e.str("trigger") != "generation" {
			t.Errorf("the roll began with %v", e)
		}
	}
	p.neverBelow(2)
}

// Flags win over the environment, which wins over the file, which wins over the
// defaults, and check says which it was.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rota.yaml")
	put(t, path, "workers: 2\nmax-memory: 1GiB\ndrain-timeout: 2s\nmax-surge: 2\nenv:\n  TOKEN: from the file\n", 0o600)
	e := runRota(t, []string{"check", "--config", path, "-w", "4", "--max-memory", "3GiB", "--", "true"},
		withEnv("ROTA_WORKERS=3", "ROTA_MAX_MEMORY=2GiB", "ROTA_DRAIN_TIMEOUT=3s"))
	if e.code != 0 || e.stderr != "" {
		t.Fatalf("exit code %d: %s", e.code, e.stderr)
	}
	columns := regexp.MustCompile(` {2,}`)
	got := map[string][]string{}
	for line := range strings.Lines(e.stdout) {
		fields := columns.Split(strings.TrimSpace(line), -1)
		got[fields[0]] = fields[1:]
	}
	for name, want := range map[string][]string{
		"workers": {"4", "flag"}, "max-memory": {"3GiB", "flag"}, "drain-timeout": {"3s", "ROTA_DRAIN_TIMEOUT"},
		"max-surge": {"2", path + ":4"}, "stop-timeout": {"5s", "default"}, "env": {"TOKEN", path + ":5"},
		"config": {path, "flag"}, "command": {"true", "arguments"},
	} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if strings.Contains(e.stdout, "from the file") {
		t.Errorf("a secret is shown:\n%s", e.stdout)
	}
}

func TestCheckShowsTimes(t *testing.T) {
	t.Parallel()
	before := time.Now()
	e := runRota(t, []string{"check", "--restart-cron", "TZ=UTC 30 4 * * *", "--", "true"})
	_, text, ok := strings.Cut(e.stdout, "\nThe next times of \"TZ=UTC 30 4 * * *\":\n")
	if e.code != 0 || !ok {
		t.Fatalf("exit code %d:\n%s%s", e.code, e.stdout, e.stderr)
	}
	var times []time.Time
	for line := range strings.Lines(text) {
		at, err := time.Parse("Mon 2006-01-02 15:04 MST (-07:00)", strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, at)
	}
	if len(times) != 5 {
		t.Fatalf("%d times, want 5:\n%s", len(times), text)
	}
	if !times[0].After(before) || times[0].After(time.Now().Add(24*time.Hour)) {
		t.Errorf("the first time is %s", times[0])
	}
	for i, at := range times {
		if at.UTC().Format(time.TimeOnly) != "04:30:00" || i > 0 && at.Sub(times[i-1]) != 24*time.Hour {
			t.Errorf("%s is not 04:30 of the day after", at)
		}
	}
}
