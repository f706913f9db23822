package integration

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"rota/integration/load"
)

// answer is what every server under servers/ says of itself.
type answer struct {
	pid, slot, generation int
	client                string
}

func parseAnswer(body string) (answer, error) {
	var a answer
	if _, err := fmt.Sscanf(body, "pid=%d slot=%d generation=%d client=%s", &a.pid, &a.slot, &a.generation, &a.client); err != nil {
		return a, fmt.Errorf("not an answer: %q", body)
	}
	return a, nil
}

// asker asks a pool for a path once, on a connection of its own.
type asker func(path string) (string, error)

func askTCP(host string, port int) asker {
	addr := net.JoinHostPort(host, strconv.Itoa(port))
	return func(path string) (string, error) { return load.Get(addr, path) }
}

func askUnix(socket string) asker {
	return func(path string) (string, error) {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return "", fmt.Errorf("connect: %w", err)
		}
		defer conn.Close()
		return load.Exchange(conn, "localhost", path)
	}
}

// everyone asks until so many processes have answered, and returns what each
// said. Several requests at once, each held for a while, keep the first from
// being the only one: the kernel wakes the last waiter first.
func everyone(t *testing.T, ask asker, want int) map[int]answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var mu sync.Mutex
	seen := map[int]answer{}
	var clients sync.WaitGroup
	for range 4 * want {
		clients.Go(func() {
			for ctx.Err() == nil {
				body, err := ask("/?hold=0.05")
				if err != nil {
					t.Errorf("not answered: %v", err)
					cancel()
					return
				}
				a, err := parseAnswer(body)
				if err != nil {
					t.Error(err)
					cancel()
					return
				}
				mu.Lock()
				if seen[a.pid] = a; len(seen) >= want {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	if len(seen) != want {
		t.Fatalf("%d processes answered, want %d: %v", len(seen), want, seen)
	}
	return seen
}

// proveRoll checks a pool of so many workers, each with one process that
// answers: all of them answer, SIGHUP replaces all of them without a gap, and
// SIGTERM ends it.
func proveRoll(t *testing.T, p *pool, ask asker, workers int) {
	t.Helper()
	p.awaitKind("pool ready", 1)
	before := everyone(t, ask, workers)
	slots := map[int]bool{}
	for _, a := range before {
		slots[a.slot] = true
		if a.generation != 1 {
			t.Errorf("generation %d before the roll: %v", a.generation, a)
		}
	}
	if len(slots) != workers {
		t.Errorf("%d slots answered, want %d: %v", len(slots), workers, before)
	}
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll done", 1)
	for pid, a := range everyone(t, ask, workers) {
		if _, old := before[pid]; old || a.generation != 2 {
			t.Errorf("answered after the roll: %v", a)
		}
	}
	proveEnd(t, p, workers)
}

// proveEnd checks what was there from the pool's readiness to its end.
func proveEnd(t *testing.T, p *pool, workers int) {
	t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	p.neverBelow(workers)
	for _, kind := range []string{"worker crashed", "start failed", "roll failed", "worker killed"} {
		if n := p.count(kind); n > 0 {
			t.Errorf("%d times %q", n, kind)
		}
	}
}

// quiet keeps the runtimes from writing beside what they run, and from asking
// the network. They are not killed either because a busy machine ends them slowly.
func quiet(t testing.TB) option {
	return withEnv(fmt.Sprintf("ROTA_STOP_TIMEOUT=%s", patience), "PYTHONDONTWRITEBYTECODE=1", "npm_config_update_notifier=false", "npm_config_offline=true",
		"npm_config_cache="+filepath.Join(t.TempDir(), "npm"), "npm_config_loglevel=error")
}

// serversDir is where the programs are that the tests run.
func serversDir(t testing.TB, elem ...string) string {
	t.Helper()
	dir, err := filepath.Abs("servers")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{dir}, elem...)...)
}

var buildGo = sync.OnceValues(func() (string, error) {
	out := filepath.Join(filepath.Dir(binary), "goserver")
	cmd := exec.Command("go", "build", "-o", out, "rota/integration/servers/go")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build servers/go: %w\n%s", err, text)
	}
	return out, nil
})

// goServer is servers/go, a static binary.
func goServer(t *testing.T) string {
	t.Helper()
	path, err := buildGo()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// python is the system's, which has Debian's packages; another one may come
// first in PATH.
func python(t testing.TB, module, install string) string {
	t.Helper()
	path := server(t, "/usr/bin/python3", "python3")
	if err := exec.Command(path, "-c", "import "+module).Run(); err != nil {
		return server(t, path+" with "+module, install)
	}
	return path
}

// gunicorn serves the application of servers/python with one process.
func gunicorn(flags ...string) func(*testing.T, string) []string {
	return func(t *testing.T, port string) []string {
		python(t, "flask", "python3-flask")
		return slices.Concat([]string{server(t, "/usr/bin/gunicorn", "gunicorn"), "--workers", "1", "--bind", "127.0.0.1:" + port,
			"--chdir", serversDir(t, "python")}, flags, []string{"app:app"})
	}
}

// unmodified are programs with the address where they serve in their own
// arguments. None of them knows anything of rota.
var unmodified = []struct {
	name    string
	command func(t *testing.T, port string) []string
}{
	{"flask", func(t *testing.T, port string) []string {
		return []string{python(t, "flask", "python3-flask"), serversDir(t, "python/app.py"), port}
	}},
	{"gunicorn", gunicorn()},
	{"uvicorn", func(t *testing.T, port string) []string {
		return []string{python(t, "uvicorn", "python3-uvicorn"), "-m", "uvicorn", "--port", port, "--log-level", "warning",
			"--app-dir", serversDir(t, "python"), "asgi:app"}
	}},
	{"node", func(t *testing.T, port string) []string {
		return []string{server(t, "node", "nodejs"), serversDir(t, "node/server.js"), port}
	}},
	{"puma", func(t *testing.T, port string) []string {
		return []string{server(t, "/usr/bin/puma", "puma"), "--quiet", "--bind", "tcp://127.0.0.1:" + port, "--threads", "1:2",
			serversDir(t, "ruby/config.ru")}
	}},
	{"static go", func(t *testing.T, port string) []string {
		return []string{goServer(t), "-addr", "127.0.0.1:" + port}
	}},
	{"behind a shell", func(t *testing.T, port string) []string {
		return []string{"sh", "-c", fmt.Sprintf("%s %s %s; true", server(t, "node", "nodejs"), serversDir(t, "node/server.js"), port)}
	}},
	{"npm start", func(t *testing.T, port string) []string {
		return []string{"env", "PORT=" + port, server(t, "npm", "npm"), "--prefix", serversDir(t, "node"), "start"}
	}},
	{"java", java},
}

// TestUnmodifiedServers runs three copies of each on one port that every one of
// them binds by itself.
func TestUnmodifiedServers(t *testing.T) {
	t.Parallel()
	for _, s := range unmodified {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			command := s.command(t, strconv.Itoa(port))
			p := start(t, append([]string{"-w", "3", "--"}, command...), quiet(t))
			proveRoll(t, p, askTCP("127.0.0.1", port), 3)
		})
	}
}

// TestSecondPort runs programs of which each copy binds another port too, as
// for metrics. Go binds it first here, which makes it the port that tells of
// readiness; that must do no harm either.
func TestSecondPort(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		command func(t *testing.T, port, metrics string) []string
	}{
		{"node", func(t *testing.T, port, metrics string) []string {
			return []string{server(t, "node", "nodejs"), serversDir(t, "node/server.js"), port, metrics}
		}},
		{"go", func(t *testing.T, port, metrics string) []string {
			return []string{goServer(t), "-addr", "127.0.0.1:" + port, "-metrics", "127.0.0.1:" + metrics}
		}},
		{"python", func(t *testing.T, port, metrics string) []string {
			return []string{python(t, "flask", "python3-flask"), serversDir(t, "python/app.py"), port, metrics}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			port, metrics := freePort(t), freePort(t)
			command := test.command(t, strconv.Itoa(port), strconv.Itoa(metrics))
			p := start(t, append([]string{"-w", "3", "--"}, command...), quiet(t))
			p.awaitKind("pool ready", 1)
			workers := everyone(t, askTCP("127.0.0.1", port), 3)
			askMetrics := askTCP("127.0.0.1", metrics)
			for range 20 {
				body, err := askMetrics("/metrics")
				if err != nil {
					t.Fatalf("the second port: %v", err)
				}
				pid, _ := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(body, "metrics of ")))
				if _, ok := workers[pid]; !ok {
					t.Errorf("the second port answered %q, which is no worker of %v", body, workers)
				}
			}
			proveRoll(t, p, askTCP("127.0.0.1", port), 3)
		})
	}
}

// buildServer compiles one of the servers beside the tests.
func buildServer(tb testing.TB, name string) string {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", out, "rota/integration/servers/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("cannot build %s: %v\n%s", name, err, text)
	}
	return out
}
