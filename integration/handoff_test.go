package integration

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

// TestListen says where to serve, in each way that a program may then take it.
func TestListen(t *testing.T) {
	t.Parallel()
	flask := func(t *testing.T, port string) []string {
		return []string{python(t, "flask", "python3-flask"), serversDir(t, "python/app.py"), port}
	}
	node := func(t *testing.T, port string) []string {
		return []string{server(t, "node", "nodejs"), serversDir(t, "node/server.js"), port}
	}
	gunicorn := func(bind ...string) func(*testing.T, string) []string {
		return func(t *testing.T, _ string) []string {
			python(t, "flask", "python3-flask")
			return slices.Concat([]string{server(t, "/usr/bin/gunicorn", "gunicorn"), "--workers", "1",
				"--chdir", serversDir(t, "python")}, bind, []string{"app:app"})
		}
	}
	uvicorn := func(t *testing.T, _ string) []string {
		return []string{python(t, "uvicorn", "python3-uvicorn"), "-m", "uvicorn", "--fd", "{fd}", "--log-level", "warning",
			"--app-dir", serversDir(t, "python"), "asgi:app"}
	}
	inheriting := func(t *testing.T, _ string) []string { return []string{goServer(t), "-inherit"} }
	onIPv6 := func(t *testing.T, port string) []string { return []string{goServer(t), "-addr", "[::1]:" + port} }

	tests := []struct {
		name    string
		host    string // before the port, as --listen has it; or "unix" for a socket file
		handoff string
		command func(t *testing.T, port string) []string
		client  string // how the server must see its client; garbage if it got a socket of another family
		refused string // a host where nobody may answer
	}{
		{name: "any address, with a program of IPv4", command: flask, client: "127.0.0.1"},
		{name: "an IPv4 address, with a program of both families", host: "127.0.0.1", command: node, client: "127.0.0.1", refused: "::1"},
		{name: "an IPv6 address", host: "[::1]", command: onIPv6, client: "::1", refused: "127.0.0.1"},
		{name: "a unix socket", host: "unix", command: inheriting},
		// It removes the file of a unix socket that it takes for its own.
		{name: "a unix socket, gunicorn", host: "unix", command: gunicorn()},
		{name: "inherit alone", host: "127.0.0.1", handoff: "inherit", command: inheriting},
		// It forks, and waits for connections in the child alone.
		{name: "inherit alone, gunicorn", host: "127.0.0.1", handoff: "inherit", command: gunicorn()},
		{name: "inherit alone, uvicorn", host: "127.0.0.1", handoff: "inherit", command: uvicorn},
		{name: "fd in the arguments, gunicorn", host: "127.0.0.1", command: gunicorn("--bind", "fd://{fd}")},
		{name: "fd in the arguments, uvicorn", host: "127.0.0.1", command: uvicorn},
	}
	for _, accept := range []string{"shared", "front"} {
		for _, test := range tests {
			t.Run(accept+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				port, path := freePort(t), filepath.Join(t.TempDir(), "app.sock")
				listen, ask := fmt.Sprintf("%s:%d", test.host, port), askTCP(cmp.Or(strings.Trim(test.host, "[]"), "127.0.0.1"), port)
				if test.host == "unix" {
					listen, ask = "unix:"+path, askUnix(path)
				}
				args := []string{"--accept", accept, "-w", "3", "-l", listen}
				if test.handoff != "" {
					args = append(args, "--handoff", test.handoff)
				}
				p := start(t, slices.Concat(args, []string{"--"}, test.command(t, strconv.Itoa(port))), quiet(t))
				p.awaitKind("pool ready", 1)
				if test.client != "" && accept == "shared" { // else its client is the front
					proveClient(t, ask, test.client)
				}
				if test.refused != "" {
					if body, err := askTCP(test.refused, port)("/"); err == nil || load.Cause(err) != "connect: refused" {
						t.Errorf("%s was not asked for: answered %q, error %v", test.refused, body, err)
					}
				}
				proveRoll(t, p, ask, 3)
				if _, err := os.Stat(path); err == nil {
					t.Error("the socket's file was left behind")
				}
			})
		}
	}
}

// proveClient checks the address that a server sees its client at.
func proveClient(t *testing.T, ask asker, want string) {
	t.Helper()
	body, err := ask("/")
	if err != nil {
		t.Fatal(err)
	}
	if a, err := parseAnswer(body); err != nil || a.client != want {
		t.Errorf("the server saw its client at %q, want %q", a.client, want)
	}
}

// activated starts rota as systemd would, with a listening socket as its first
// descriptor; the log goes to the next.
func activated(t *testing.T, l *net.TCPListener) option {
	t.Helper()
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return func(c *exec.Cmd) {
		c.ExtraFiles = append([]*os.File{file}, c.ExtraFiles...)
		c.Args[slices.Index(c.Args, "/dev/fd/3")] = "/dev/fd/4"
		// LISTEN_PID must be the pid that rota gets.
		under("sh", "-c", `LISTEN_FDS=1 LISTEN_FDNAMES=http LISTEN_PID=$$ exec "$0" "$@"`)(c)
	}
}

func TestSocketActivation(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		command func(t *testing.T, addr *net.TCPAddr) []string
	}{
		{"the workers inherit", func(t *testing.T, _ *net.TCPAddr) []string { return []string{goServer(t), "-inherit"} }},
		{"the workers bind", func(t *testing.T, a *net.TCPAddr) []string { return []string{goServer(t), "-addr", a.String()} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			addr := l.Addr().(*net.TCPAddr)
			p := start(t, append([]string{"-w", "3", "--"}, test.command(t, addr)...), activated(t, l.(*net.TCPListener)))
			l.Close()
			proveRoll(t, p, askTCP("127.0.0.1", addr.Port), 3)
		})
	}
}

// TestNested runs rota under rota. The kernel allows one filter of the kind
// that adopt needs in a chain of processes, so the inner one has to do without.
func TestNested(t *testing.T) {
	t.Parallel()
	const refusal = "cannot adopt sockets here"

	t.Run("with an address", func(t *testing.T) {
		t.Parallel()
		port := freePort(t)
		p := start(t, []string{"-w", "2", "--",
			binary, "--admin", "off", "-w", "2", "-l", fmt.Sprintf("127.0.0.1:%d", port), "--", goServer(t), "-inherit"})
		p.awaitKind("pool ready", 1)
		ask := askTCP("127.0.0.1", port)
		before := everyone(t, ask, 4)
		p.signal(syscall.SIGHUP)
		p.awaitKind("roll done", 1)
		for pid, a := range everyone(t, ask, 4) {
			if _, old := before[pid]; old {
				t.Errorf("answered after the roll: %v", a)
			}
		}
		proveEnd(t, p, 2)
		// Two before the roll and two after it.
		if n := strings.Count(p.output.String(), refusal); n != 4 {
			t.Errorf("%d times %q, want once from each of 4", n, refusal)
		}
	})

	// There is no socket to go on with. The command may have begun to serve by
	// then, through the outer rota, which is no reason to go on either.
	for name, command := range map[string][]string{
		"without one, a server":       {goServer(t), "-addr", fmt.Sprintf("127.0.0.1:%d", freePort(t))},
		"without one, nothing serves": {"sleep", "600"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, slices.Concat([]string{"-w", "1", "--", binary, "--admin", "off", "-w", "1", "--"}, command))
			p.await("the inner rota's end", 1, func(e event) bool { return e.str("status") == "exit code 125" })
			if command[0] != "sleep" {
				_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have given up just now
				p.wait()
			} else if code := p.wait(); code != 125 {
				t.Errorf("exit code %d, want the inner rota's 125", code)
			}
			for _, want := range []string{refusal, "--listen"} {
				if !strings.Contains(p.output.String(), want) {
					t.Errorf("the inner rota does not say %q", want)
				}
			}
		})
	}
}

// TestNotify has a program that listens long before it says that it is ready.
func TestNotify(t *testing.T) {
	t.Parallel()
	port, gate := freePort(t), filepath.Join(t.TempDir(), "gate")
	p := start(t, []string{"--accept", "shared", "-w", "3", "--ready", "notify", "--", goServer(t), "-addr", fmt.Sprintf("127.0.0.1:%d", port), "-gate", gate})
	p.awaitKind("worker started", 3)
	ask := askTCP("127.0.0.1", port)
	for deadline := time.Now().Add(patience); ; {
		if _, err := ask("/"); err == nil {
			break
		} else if load.Cause(err) != "connect: refused" || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	everyone(t, ask, 3)
	if n := p.count("worker ready"); n != 0 {
		t.Fatalf("%d workers are ready that did not say so", n)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	proveRoll(t, p, ask, 3)
}
