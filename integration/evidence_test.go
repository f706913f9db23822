package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rota/integration/load"
)

// evidence is how each runtime shows what it keeps in memory, as the README says.
// What leaks in each server must be seen in it.
var evidence = []struct {
	name    string
	limit   string // that is above what a fresh worker needs
	path    string
	capture string // {signal} stands for the script of the examples
	file    string // pattern of the result
	command func(t *testing.T, port, tmp string) []string
	check   func(t *testing.T, data []byte)
}{
	{"go", "40MiB", "/?hold=0.02", `curl -sf $ROTA_WORKER_URL/debug/pprof/heap > $ROTA_CAPTURE_DIR/heap.pprof`, "heap.pprof",
		func(t *testing.T, _, _ string) []string {
			server(t, "curl", "curl")
			return []string{leaky}
		}, checkPprof},
	{"node", "120MiB", "/?hold=0.02", `{signal} USR2 "$TMPDIR/Heap.*.PID.*.heapsnapshot"`, "Heap.*.heapsnapshot",
		func(t *testing.T, _, tmp string) []string {
			return []string{server(t, "node", "nodejs"), "--heapsnapshot-signal=SIGUSR2", "--diagnostic-dir=" + tmp, "../examples/node/server.js"}
		}, checkSnapshot},
	{"python", "80MiB", "/?hold=0.02", `{signal} PROF "$TMPDIR/memory.PID.txt"`, "memory.*.txt",
		func(t *testing.T, _, _ string) []string {
			return []string{python(t, "flask", "python3-flask"), "../examples/flask/app.py"}
		}, checkTypes},
	{"gunicorn with two processes", "250MiB", "/?hold=0.02", `{signal} PROF "$TMPDIR/memory.PID.txt"`, "memory.*.txt",
		func(t *testing.T, port, _ string) []string {
			python(t, "flask", "python3-flask")
			return []string{server(t, "gunicorn", "gunicorn"), "--workers", "2", "--preload", "--chdir", "../examples/flask", "--bind", "127.0.0.1:" + port, "app:app"}
		}, checkTypes},
	{"java", "160MiB", "/?leak=512&hold=0.02", `jcmd $ROTA_SERVER_PID GC.heap_dump $ROTA_CAPTURE_DIR/heap.hprof`, "heap.hprof",
		func(t *testing.T, port, _ string) []string {
			server(t, "jcmd", "default-jdk-headless")
			return java(t, port)
		}, checkHprof},
	{"ruby", "80MiB", "/?hold=0.02", `{signal} PROF "$TMPDIR/heap.PID.json"`, "heap.*.json",
		func(t *testing.T, _, _ string) []string {
			return []string{server(t, "puma", "puma"), "-C", "../examples/ruby/puma.rb", "../examples/ruby/config.ru"}
		}, checkObjects},
	{"ruby with two processes", "250MiB", "/?hold=0.02", `{signal} PROF "$TMPDIR/heap.PID.json"`, "heap.*.json",
		func(t *testing.T, port, _ string) []string {
			return []string{server(t, "puma", "puma"), "--workers", "2", "--bind", "tcp://127.0.0.1:" + port, "../examples/ruby/config.ru"}
		}, checkObjects},
}

// java is the command of servers/java, compiled.
func java(t *testing.T, port string) []string {
	t.Helper()
	dir := t.TempDir()
	compiler := exec.Command(server(t, "javac", "default-jdk-headless"), "-d", dir, serversDir(t, "java/Server.java"))
	if text, err := compiler.CombinedOutput(); err != nil {
		t.Fatalf("cannot compile: %v\n%s", err, text)
	}
	return []string{server(t, "java", "default-jre-headless"), "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-cp", dir, "Server", port}
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs("../examples/capture/signal.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range evidence {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			port, tmp := freePort(t), t.TempDir()
			c := &captured{dir: filepath.Join(tmp, "captures"), addr: fmt.Sprintf("127.0.0.1:%d", port)}
			command := r.command(t, strconv.Itoa(port), tmp)
			c.pool = start(t, append([]string{"-w", "2", "--max-memory", r.limit, "--sample-interval", "100ms", "--min-uptime", "0s",
				"--capture", strings.ReplaceAll(r.capture, "{signal}", script), "--capture-timeout", "60s", "--capture-dir", c.dir, "--"}, command...),
				quiet(t), withEnv(fmt.Sprintf("PORT=%d", port), "LEAK_KIB=512", "TMPDIR="+tmp))
			c.awaitKind("pool ready", 1)
			var pid int
			c.leak(r.path, func() {
				began, next := c.begins(1)
				pid = began.num("pid")
				next("cycle done")
			})
			c.oneAtATime()
			done := c.await("capture done", 1, func(e event) bool { return e.is("capture done") && e.num("pid") == pid })
			files, _ := filepath.Glob(filepath.Join(done.str("path"), r.file))
			if len(files) != 1 {
				t.Fatalf("there are %q in %s, want one %s", files, done.str("path"), r.file)
			}
			data, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d bytes after %v seconds", filepath.Base(files[0]), len(data), done["seconds"])
			r.check(t, data)
			proveEnd(t, c.pool, 2)
		})
	}
}

// TestEvidenceIsNotForClients: the front does not pass the path of a profile on
// to clients that the example answers only itself.
func TestEvidenceIsNotForClients(t *testing.T) {
	t.Parallel()
	c := capturing(t, "true")
	if _, err := load.Get(c.addr, "/debug/pprof/heap"); err == nil || err.Error() != "status: 404" {
		t.Errorf("a client gets a profile: %v", err)
	}
}

// checkPprof finds the function that leaks in a profile, see
// https://github.com/google/pprof/tree/main/proto: its names are plain text.
func checkPprof(t *testing.T, data []byte) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("not gzip: %v", err)
	}
	profile, err := io.ReadAll(r)
	if err != nil || !bytes.Contains(profile, []byte("inuse_space")) || !bytes.Contains(profile, []byte("main.leak")) {
		t.Errorf("no profile of the heap with main.leak (%v): %q", err, profile[:min(len(profile), 300)])
	}
}

func checkSnapshot(t *testing.T, data []byte) {
	var snapshot struct {
		Snapshot struct {
			NodeCount int `json:"node_count"`
		}
		Strings []string
	}
	if err := json.Unmarshal(data, &snapshot); err != nil {
		t.Fatalf("no JSON: %v", err)
	}
	if snapshot.Snapshot.NodeCount < 1000 || len(snapshot.Strings) < 1000 || !bytes.Contains(data, []byte("ArrayBuffer")) {
		t.Errorf("%d nodes, %d strings", snapshot.Snapshot.NodeCount, len(snapshot.Strings))
	}
}

func checkTypes(t *testing.T, data []byte) {
	var mib float64
	var count int
	var name string
	if _, err := fmt.Sscanf(string(data), "%f MiB %d %s\n", &mib, &count, &name); err != nil || name != "builtins.bytes" || mib < 20 {
		t.Errorf("the first line is of %v MiB of %s (%v), want what leaks: %.300s", mib, name, err, data)
	}
}

func checkHprof(t *testing.T, data []byte) {
	if !bytes.HasPrefix(data, []byte("JAVA PROFILE 1.0.")) || len(data) < 20*mib {
		t.Errorf("%d bytes that begin with %q", len(data), data[:min(len(data), 20)])
	}
}

// checkObjects adds up the strings of ObjectSpace.dump_all, an object a line.
func checkObjects(t *testing.T, data []byte) {
	objects, size := 0, 0
	for line := range bytes.Lines(data) {
		var object struct {
			Type    string
			Memsize int
		}
		if err := json.Unmarshal(line, &object); err != nil {
			t.Fatalf("no JSON: %v: %.300q", err, line)
		}
		objects++
		if object.Type == "STRING" {
			size += object.Memsize
		}
	}
	if objects < 10000 || size < 20*mib {
		t.Errorf("%d objects, %d bytes of strings, want those that leak", objects, size)
	}
}
