package integration

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rota/integration/load"
)

// fronted are the flags of a pool whose connections rota itself accepts.
func fronted(flags ...string) []string { return append([]string{"--accept", "front"}, flags...) }

// accepting is a listening socket of a process.
type accepting struct {
	at     netip.AddrPort
	queued int // connections that wait to be accepted
}

// acceptors are the TCP sockets that a process listens on, as the kernel tells.
func acceptors(t *testing.T, pid int) []accepting {
	t.Helper()
	held := map[string]bool{}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			held[target] = true
		}
	}
	var all []accepting
	for _, line := range slices.Concat(lines(fmt.Sprintf("/proc/%d/net/tcp", pid)), lines(fmt.Sprintf("/proc/%d/net/tcp6", pid))) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != "0A" || !held["socket:["+f[9]+"]"] {
			continue
		}
		host, port, _ := strings.Cut(f[1], ":")
		raw, err := hex.DecodeString(host)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(raw); i += 4 { // each word is little-endian here
			slices.Reverse(raw[i : i+4])
		}
		ip, _ := netip.AddrFromSlice(raw)
		n, _ := strconv.ParseUint(port, 16, 16)
		_, queued, _ := strings.Cut(f[4], ":")
		waiting, _ := strconv.ParseUint(queued, 16, 32)
		all = append(all, accepting{netip.AddrPortFrom(ip.Unmap(), uint16(n)), int(waiting)})
	}
	return all
}

// proveInside checks that no worker can be reached from outside.
func proveInside(t *testing.T, p *pool) {
	t.Helper()
	for _, pid := range p.processes() {
		if pid == p.cmd.Process.Pid {
			continue
		}
		for _, a := range acceptors(t, pid) {
			if !a.at.Addr().IsLoopback() {
				t.Errorf("process %d (%s) can be reached from outside at %s", pid, commandLine(pid), a.at)
			}
		}
	}
}

// Each way in which a worker may get its private socket.
func TestPrivateSockets(t *testing.T) {
	t.Parallel()
	gunicorn := func(bind ...string) func(*testing.T, string) []string {
		return func(t *testing.T, _ string) []string {
			python(t, "flask", "python3-flask")
			return slices.Concat([]string{server(t, "/usr/bin/gunicorn", "gunicorn"), "--workers", "1",
				"--chdir", serversDir(t, "python")}, bind, []string{"app:app"})
		}
	}
	told := func(t *testing.T, _ string) []string {
		return []string{"sh", "-c", `exec "$0" -addr 127.0.0.1:$PORT`, goServer(t)}
	}
	goAt := func(addr string) func(*testing.T, string) []string {
		return func(t *testing.T, other string) []string {
			return []string{goServer(t), "-addr", strings.ReplaceAll(addr, "OTHER", other)}
		}
	}
	tests := []struct {
		name    string
		flags   []string
		command func(t *testing.T, other string) []string // other is a port where nobody may answer
		warns   string
	}{
		{"a port other than that of --listen", nil, goAt("0.0.0.0:OTHER"), ""},
		{"both families of it", nil, goAt(":OTHER"), ""},
		{"inherited, gunicorn", nil, gunicorn(), ""},
		{"inherited alone, gunicorn", []string{"--handoff", "inherit"}, gunicorn(), ""},
		{"fd in the arguments, gunicorn", nil, gunicorn("--bind", "fd://{fd}"), ""},
		{"a port in the environment", []string{"--handoff", "port"}, told, ""},
		{"a port in the environment, adopted", []string{"--handoff", "adopt,port"}, told, ""},
		{"a port in the arguments", []string{"--handoff", "port"}, goAt("127.0.0.1:{port}"), ""},
		{"a port in the arguments, adopted", []string{"--handoff", "adopt,inherit,port"}, goAt("0.0.0.0:{port}"), ""},
		{"a port that can be reached from outside", []string{"--handoff", "port"}, goAt("0.0.0.0:{port}"), "have it bind 127.0.0.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			port, other := freePort(t), freePort(t)
			command := test.command(t, strconv.Itoa(other))
			p := start(t, slices.Concat(fronted("-w", "2", "-l", fmt.Sprintf("127.0.0.1:%d", port)), test.flags, []string{"--"}, command), quiet(t))
			p.awaitKind("pool ready", 1)
			if test.warns != "" {
				p.awaitText(test.warns)
			} else {
				proveInside(t, p)
			}
			if body, err := askTCP("127.0.0.1", other)("/"); err == nil || load.Cause(err) != "connect: refused" {
				t.Errorf("the program's own port answered %q, error %v", body, err)
			}
			proveRoll(t, p, askTCP("127.0.0.1", port), 2)
		})
	}
}

// A unix socket is forwarded to a worker that knows TCP alone.
func TestFrontOnUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.sock")
	p := start(t, fronted("-w", "2", "-l", "unix:"+path, "--", goServer(t), "-addr", fmt.Sprintf("127.0.0.1:%d", freePort(t))))
	proveRoll(t, p, askUnix(path), 2)
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket's file was left behind")
	}
}

// A second port, for metrics, is shared by the workers, also if the program
// binds it first.
func TestFrontAndSecondPort(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]func(t *testing.T, port, metrics string) []string{
		"bound last": func(t *testing.T, port, metrics string) []string {
			return []string{server(t, "node", "nodejs"), serversDir(t, "node/server.js"), port, metrics}
		},
		"bound first": func(t *testing.T, port, metrics string) []string {
			return []string{goServer(t), "-addr", "127.0.0.1:" + port, "-metrics", "127.0.0.1:" + metrics}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port, metrics := freePort(t), freePort(t)
			p := start(t, append(fronted("-w", "2", "-l", fmt.Sprintf("127.0.0.1:%d", port), "--"),
				command(t, strconv.Itoa(port), strconv.Itoa(metrics))...), quiet(t))
			p.awaitKind("pool ready", 1)
			proveMetrics := func() {
				t.Helper()
				for range 10 {
					if body, err := askTCP("127.0.0.1", metrics)("/metrics"); err != nil || !strings.HasPrefix(body, "metrics of ") {
						t.Fatalf("the second port answered %q, %v", body, err)
					}
				}
			}
			proveMetrics()
			everyone(t, askTCP("127.0.0.1", port), 2)
			p.signal(syscall.SIGHUP)
			p.awaitKind("roll done", 1)
			proveMetrics()
			everyone(t, askTCP("127.0.0.1", port), 2)
			proveEnd(t, p, 2)
		})
	}
}

// Without --listen the first port is the one to serve, which rota says as soon
// as there is a second.
func TestFrontGuessesTheFirstPort(t *testing.T) {
	t.Parallel()
	port, metrics := freePort(t), freePort(t)
	p := start(t, fronted("-w", "2", "--", goServer(t), "-addr", fmt.Sprintf("127.0.0.1:%d", port), "-metrics", fmt.Sprintf("127.0.0.1:%d", metrics)))
	p.awaitText(fmt.Sprintf("binds 127.0.0.1:%d beside 127.0.0.1:%d", port, metrics))
	proveRoll(t, p, askTCP("127.0.0.1", port), 2)
}

// Where the kernel refuses the filter, as it does for rota under rota, a worker
// that is told its port has a private socket all the same.
func TestPortWithoutTheFilter(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	p := start(t, []string{"--accept", "shared", "-w", "1", "--", binary, "--admin", "off", "-w", "2", "-l", fmt.Sprintf("127.0.0.1:%d", port),
		"--accept", "front", "--handoff", "adopt,port", "--", "sh", "-c", `exec "$0" -addr 127.0.0.1:$PORT`, goServer(t)})
	p.awaitKind("pool ready", 1)
	everyone(t, askTCP("127.0.0.1", port), 2)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if want := "workers have to bind the port in $PORT and {port}"; !strings.Contains(p.output.String(), want) {
		t.Errorf("the inner rota does not say %q", want)
	}
}
