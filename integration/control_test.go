package integration

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// ask runs a command of rota that asks the pool.
func (p *pool) ask(args ...string) ended {
	p.t.Helper()
	t, ok := p.t.(*testing.T)
	if !ok {
		p.t.Fatal("only tests ask")
	}
	return runRota(t, args, withEnv("ROTA_CONTROL="+p.control()))
}

// The control socket is the user's own: by its mode, by who it is said to be for,
// and since no worker gets it.
func TestControlSocket(t *testing.T) {
	t.Parallel()
	curl := server(t, "curl", "curl")
	p := newSite(t).start([]string{"-w", "1"})
	worker := p.awaitKind("worker ready", 1).num("pid")
	path := p.control()
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its folder: %v, %v", info.Mode(), err)
	}
	inode := unixInode(t, path)
	if !holdsSocket(p.cmd.Process.Pid, inode) {
		t.Errorf("rota does not hold socket %s", inode)
	}
	if holdsSocket(worker, inode) {
		t.Errorf("the worker has inherited socket %s", inode)
	}

	needRoot(t)
	// Nothing but who asks is in the way.
	for _, p := range []string{path, filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		cmd := exec.CommandContext(t.Context(), curl, "-s", "-S", "-m", "60", "--unix-socket", path, "-X", "POST", "http://rota/v1/stop")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if text, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(text), "curl:") || strings.Contains(string(text), "Permission denied") {
			t.Errorf("another user got %q, %v", text, err)
		}
	}
	p.awaitText("refused to the user 65534")
	p.awaitText("2 times so far")
	if n := p.count("operator asked") + p.count("pool stopping"); n > 0 {
		t.Errorf("another user was heard %d times", n)
	}
	if status, err := api.NewClient(path).Status(t.Context()); err != nil || status.Ready != 1 || status.PID != p.cmd.Process.Pid {
		t.Errorf("its user: %+v, %v", status, err)
	}
	p.signal(syscall.SIGTERM)
	p.wait()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("%v: the socket is left behind", err)
	}
}

// unixInode finds a listening socket in the kernel's list.
func unixInode(t *testing.T, path string) string {
	t.Helper()
	for _, line := range lines("/proc/net/unix") {
		if fields := strings.Fields(line); len(fields) == 8 && fields[7] == path {
			return fields[6]
		}
	}
	t.Fatalf("nobody listens on %s", path)
	return ""
}

func holdsSocket(pid int, inode string) bool {
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, fd := range fds {
		if target, _ := os.Readlink(fd); target == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}

// A place that was asked for must be had. Else the pool goes on without.
func TestNoControlSocket(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	first := site.start([]string{"-w", "1"})
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "missing", "s"):           "no such file or directory",
		first.control():                              "another rota answers",
		filepath.Join(dir, strings.Repeat("x", 200)): "107 at most",
		"/proc/rota.sock":                            "--control PATH",
	} {
		code := 125
		if len(path) > 107 {
			code = 2
		}
		e := runRota(t, []string{"--admin", "off", "--control", path, "--", "touch", filepath.Join(dir, "started")})
		if e.code != code {
			t.Errorf("%s: code %d, want %d", path, e.code, code)
		}
		e.oneLine(t, want)
	}
	if _, err := os.Lstat(filepath.Join(dir, "started")); err == nil {
		t.Error("the command was run all the same")
	}

	needRoot(t)
	unshare := server(t, "unshare", "util-linux")
	readOnly := newSite(t).start([]string{"-w", "1"}, withEnv("XDG_RUNTIME_DIR=/proc", "TMPDIR=/proc"),
		under(unshare, "--mount", "sh", "-c", `mount -t tmpfs -o ro none /run && exec "$@"`, "sh"))
	readOnly.awaitKind("pool ready", 1)
	if text := readOnly.awaitText("cannot reach this pool").str("@message"); !strings.Contains(text, "--control PATH") || strings.Contains(text, "\n") {
		t.Errorf("the warning is %q", text)
	}
	off := newSite(t).start([]string{"-w", "1", "--control", "off"})
	off.awaitKind("pool ready", 1)
	if n := off.count("control socket"); n > 0 {
		t.Error("there is a control socket with --control off")
	}
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	p := newSite(t, "GATE="+gate).start([]string{"-w", "2", "--shutdown-delay", "1m"})
	is := func(code int, text string, args ...string) {
		t.Helper()
		e := p.ask(append([]string{"healthcheck"}, args...)...)
		if e.code != code || !strings.Contains(e.stdout+e.stderr, text) {
			t.Errorf("%q: code %d, %s%s; want %d, %s", args, e.code, e.stdout, e.stderr, code, text)
		}
	}
	p.awaitKind("worker started", 2)
	is(1, "no worker is ready")
	put(t, gate+"1", "", 0o600)
	p.awaitKind("worker ready", 1)
	is(0, "ok")
	is(1, "1 of 2 workers are ready", "--all")
	put(t, gate+"0", "", 0o600)
	p.awaitKind("pool ready", 1)
	is(0, "ok", "--all", "--timeout", "1m")
	// A rota that does not get to answer is not healthy.
	p.signal(syscall.SIGSTOP)
	is(1, "no answer", "--timeout", "50ms")
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGTERM)
	p.awaitKind("pool stopping", 1)
	is(1, "stopping")
	p.signal(syscall.SIGTERM)
	p.wait()
	is(1, "is it running?")
	if help := runRota(t, []string{"healthcheck", "--help"}); help.code != 0 || !strings.Contains(help.stdout, "rota healthcheck --all") {
		t.Errorf("the help:\n%s", help.stdout)
	}
}

func TestStopCommand(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start([]string{"-w", "1", "--drain-timeout", "1m"})
	p.awaitKind("pool ready", 1)
	held := site.hold(time.Second)
	if e := p.ask("stop", "--wait", "--timeout", "20ms"); e.code != 124 || !strings.Contains(e.stderr, "not over after 20ms") {
		t.Errorf("with too little time: %d %s", e.code, e.stderr)
	}
	by := p.awaitKind("operator asked", 1)
	if by["message"] != "stop" || !strings.Contains(by.str("reason"), "by user") {
		t.Errorf("the log says %v", by)
	}
	if err := <-held; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("rota ended with %d", code)
	}
	if e := p.ask("stop"); e.code != 4 || !strings.Contains(e.stderr, "is it running?") {
		t.Errorf("without a pool: %d %s", e.code, e.stderr)
	}

	p = site.start([]string{"-w", "1"})
	p.awaitKind("pool ready", 1)
	if e := p.ask("stop", "--wait"); e.code != 0 || e.stdout+e.stderr != "" {
		t.Errorf("stop --wait: %d %s%s", e.code, e.stdout, e.stderr)
	}
	// What it served on is free.
	l, err := net.Listen("tcp", site.addr)
	if err != nil {
		t.Errorf("after stop --wait: %v", err)
	} else {
		l.Close()
	}
	if code := p.wait(); code != 0 {
		t.Errorf("rota ended with %d", code)
	}
	if help := runRota(t, []string{"stop", "--help"}); help.code != 0 || !strings.Contains(help.stdout, "rota stop --wait --timeout 1m") {
		t.Errorf("the help:\n%s", help.stdout)
	}
}

// Where several pools run, rota says which, and not what they run.
func TestSeveralPools(t *testing.T) {
	t.Parallel()
	dir := runtimeFolder(t)
	sites, pools := []site{newSite(t), newSite(t)}, []*pool{}
	for _, s := range sites {
		p := start(t, []string{"-w", "1", "--", s.path, "--password=hunter2"}, withEnv(append(s.env, "XDG_RUNTIME_DIR="+dir)...))
		p.awaitKind("pool ready", 1)
		pools = append(pools, p)
	}
	e := runRota(t, []string{"stop"}, withEnv("XDG_RUNTIME_DIR="+dir, "ROTA_CONTROL="))
	if e.code != 4 || strings.Contains(e.stderr, "hunter2") || !strings.Contains(e.stderr, "--control PATH") {
		t.Errorf("%d %s", e.code, e.stderr)
	}
	for i, p := range pools {
		want := fmt.Sprintf("  %s: pid %d, ", p.control(), p.cmd.Process.Pid)
		_, after, ok := strings.Cut(e.stderr, want)
		line, _, _ := strings.Cut(after, "\n")
		if !ok || !strings.Contains(line, "1 of 1 workers ready") {
			t.Errorf("%q, and %s, are missing in\n%s", want, sites[i].addr, e.stderr)
		}
	}
}

// A roll whose configuration cannot be used is refused to whoever asks for it.
func TestRollOfABadConfiguration(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "rota.yaml")
	put(t, config, "workers: 1\n", 0o600)
	p := newSite(t).start([]string{"--config", config})
	p.awaitKind("pool ready", 1)
	put(t, config, "workers: many\n", 0o600)
	_, err := api.NewClient(p.control()).Roll(t.Context())
	if refused, ok := err.(*api.Error); !ok || refused.Code != 422 || !strings.Contains(refused.Message, `"many"`) {
		t.Errorf("%v", err)
	}
	if e := p.awaitKind("operator denied", 1); !strings.Contains(e.str("message"), `"many"`) {
		t.Errorf("%v", e)
	}
	if p.count("roll began") > 0 {
		t.Error("it began all the same")
	}
}

// Nothing that may be a secret is told by anything that rota answers or logs.
func TestSecretsAreNotTold(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-"
	dir := t.TempDir()
	s := newSite(t)
	token := filepath.Join(dir, "token")
	put(t, token, secret+"0123456789abcdef\n", 0o600)
	p := start(t, []string{"-w", "2", "--env", "SET=" + secret + "set", "--admin-token-file", token, "--max-memory", "1MiB", "--min-uptime", "0s",
		"--sample-interval", "20ms", "--capture-dir", dir + "/captures", "--capture", "TOKEN=" + secret + "capture; exit 3",
		"--", s.path, "--password=" + secret + "argument"}, withEnv(append(s.env, "INHERITED="+secret+"inherited")...))
	p.awaitKind("pool ready", 1)
	p.awaitKind("capture began", 1)
	client := api.NewClient(p.control())
	if _, err := client.Roll(t.Context()); err != nil {
		t.Error(err)
	}
	p.awaitKind("roll began", 1)
	var told bytes.Buffer
	for _, path := range []string{"/", "/livez", "/readyz", "/healthz", "/metrics", "/v1/status", "/v1/rolls", "/v1/history", "/v1/history?format=csv",
		"/v1/events?follow=false", "/v1/workers/0/explain", "/v1/workers/1/explain", "/v1/workers/x/explain", "/nothing"} {
		_, text := p.health(path)
		told.WriteString(path + "\n" + text + "\n")
	}
	told.WriteString(p.ask("stop", "--wait").stderr)
	p.wait()
	for _, e := range p.history() {
		fmt.Fprintln(&told, e)
	}
	wrong := runRota(t, []string{"--admin", "off", "--env", "SET=" + secret + "set", "--", "no-such-program", "--password=" + secret + "argument"})
	told.WriteString(wrong.stderr)
	if i := strings.Index(told.String(), secret); i >= 0 {
		t.Errorf("it is told: %.400s", told.String()[max(0, i-300):])
	}
}
