// Package integration runs the built rota with real servers and real clients.
package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rota/listener"
)

// patience is how long a test waits for what must happen. It is no measure of
// speed: a slow machine must not fail a test.
const patience = 90 * time.Second

// binary is rota, and helper the Go server of the examples; both built once.
var binary, leaky string

func TestMain(m *testing.M) {
	// Before the flags are parsed, so that -parallel has the last word.
	if err := flag.Set("test.parallel", strconv.Itoa(beside*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	os.Exit(build(m))
}

// beside is how many tests run at once for each processor. Most wait most of the time,
// for servers that start and for what takes a second by the clock.
const beside = 2

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rota-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary, leaky = filepath.Join(dir, "rota"), filepath.Join(dir, "leaky")
	for out, pkg := range map[string]string{binary: "rota", leaky: "rota/examples/go"} {
		cmd := exec.Command("go", "build", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if os.Getenv("TEST_RACE") != "" && pkg == "rota" {
			// The detector in rota itself; it reports on standard error.
			cmd.Args = slices.Insert(cmd.Args, 2, "-race")
			cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build %s: %v\n%s", pkg, err, text)
			return 1
		}
	}
	return m.Run()
}

// event is a line of rota's log.
type event map[string]any

func (e event) is(kind string) bool { return e["@message"] == kind }

func (e event) num(field string) int {
	n, _ := e[field].(float64)
	return int(n)
}

func (e event) str(field string) string {
	s, _ := e[field].(string)
	return s
}

// pool is a running rota.
type pool struct {
	t      testing.TB
	cmd    *exec.Cmd
	marker string // in the environment of every process of it
	output *lockedBuffer

	mu     sync.Mutex
	events []event
	news   chan struct{} // closed and replaced at each event
	done   chan struct{} // closed when rota has ended
	code   int
}

// option changes how a pool is started.
type option func(*exec.Cmd)

func withEnv(kv ...string) option {
	return func(c *exec.Cmd) { c.Env = append(c.Env, kv...) }
}

func inDir(dir string) option { return func(c *exec.Cmd) { c.Dir = dir } }

// under runs rota through another program, like unshare.
func under(argv ...string) option {
	return func(c *exec.Cmd) {
		path, err := exec.LookPath(argv[0])
		if err != nil {
			panic(err)
		}
		c.Args = append(append(append([]string{}, argv...), c.Path), c.Args[1:]...)
		c.Path = path
	}
}

// start runs rota with flags and a command, and ends it and all its processes
// with the test, which fails if any was left behind.
func start(t testing.TB, args []string, options ...option) *pool {
	t.Helper()
	p := &pool{
		t: t, marker: fmt.Sprintf("POOL_TEST_MARK=%d-%d", os.Getpid(), time.Now().UnixNano()),
		output: &lockedBuffer{}, news: make(chan struct{}), done: make(chan struct{}),
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(binary, append([]string{"--log-format", "json", "--log-file", "/dev/fd/3", "--admin", "127.0.0.1:0"}, args...)...)
	p.cmd.Env = append(os.Environ(), p.marker, "XDG_RUNTIME_DIR="+runtimeFolder(t))
	p.cmd.ExtraFiles = []*os.File{write}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Workers hold the output too; waiting for it must end all the same.
	p.cmd.WaitDelay = time.Second
	for _, o := range options {
		o(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		p.read(read)
	}()
	go func() {
		_ = p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		if ws := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
			p.code = 128 + int(ws.Signal())
		}
		// What it logged last is a part of its end, unless somebody still holds the pipe.
		select {
		case <-logged:
		case <-time.After(10 * time.Second):
		}
		close(p.done)
	}()
	t.Cleanup(p.end)
	return p
}

func (p *pool) read(r *os.File) {
	defer r.Close()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e = event{"@message": "not JSON: " + lines.Text()}
		}
		p.mu.Lock()
		p.events = append(p.events, e)
		close(p.news)
		p.news = make(chan struct{})
		p.mu.Unlock()
	}
}

// end stops rota and checks that nothing of it is left.
func (p *pool) end() {
	select {
	case <-p.done:
	default:
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(patience):
			p.t.Errorf("rota did not end on SIGTERM")
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
			<-p.done
		}
	}
	for _, pid := range p.processes() {
		p.t.Errorf("process %d (%s) was left behind", pid, commandLine(pid))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if strings.Contains(p.output.String(), "DATA RACE") {
		p.t.Errorf("rota has a data race")
	}
	if p.t.Failed() {
		p.tell()
	}
}

// processes are all that carry the pool's marker in their environment, but for
// zombies.
func (p *pool) processes() []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err == nil && bytes.Contains(env, []byte(p.marker)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func commandLine(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.ReplaceAll(strings.TrimRight(string(data), "\x00"), "\x00", " ")
}

// history is every event so far.
func (p *pool) history() []event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]event(nil), p.events...)
}

// await waits until n events so far satisfy want, and returns the n-th.
func (p *pool) await(what string, n int, want func(event) bool) event {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		news := p.news
		found := 0
		for _, e := range p.events {
			if want(e) {
				if found++; found == n {
					p.mu.Unlock()
					return e
				}
			}
		}
		p.mu.Unlock()
		select {
		case <-news:
		case <-p.done:
			// What it wrote last may still be on its way.
			select {
			case <-news:
			case <-time.After(time.Second):
				p.t.Fatalf("rota ended (code %d) before %s", p.code, what)
			}
		case <-deadline:
			p.t.Fatalf("waited in vain for %s (%d of %d)", what, found, n)
		}
	}
}

// awaitKind waits for the n-th event of a kind.
func (p *pool) awaitKind(kind string, n int) event {
	p.t.Helper()
	return p.await(kind, n, func(e event) bool { return e.is(kind) })
}

// count tells how many events so far are of a kind.
func (p *pool) count(kind string) int {
	n := 0
	for _, e := range p.history() {
		if e.is(kind) {
			n++
		}
	}
	return n
}

// signal sends a signal to rota itself.
func (p *pool) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits for rota's end and returns its exit code.
func (p *pool) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.code
	case <-time.After(patience):
		p.t.Fatal("rota did not end")
		return -1
	}
}

// neverBelow checks that the number of ready workers, once it was reached,
// never fell below want before the pool was told to stop.
func (p *pool) neverBelow(want int) {
	p.t.Helper()
	reached := false
	for _, e := range p.history() {
		if e.is("pool stopping") {
			return
		}
		if _, ok := e["ready"]; !ok {
			continue
		}
		if reached = reached || e.is("pool ready"); reached && e.num("ready") < want {
			p.t.Errorf("%d workers ready, want at least %d, at %v", e.num("ready"), want, e)
		}
	}
}

// adminURL is where the pool serves its metrics.
func (p *pool) adminURL() string {
	p.t.Helper()
	return p.awaitKind("metrics and health", 1).str("url")
}

// control is where the pool's control socket is.
func (p *pool) control() string {
	p.t.Helper()
	return p.awaitKind("control socket", 1).str("path")
}

// runtimeFolder is a folder for the control sockets of a test, so that its pools are
// not found by others. It has a short name: the path of a socket holds 107 bytes.
func runtimeFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rota-run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// ports are those that tests were given. The kernel does not give them to
// clients, as it may with one that was free a moment ago.
var ports struct {
	sync.Mutex
	given map[uint16]bool
}

// freePort finds a TCP port that nobody listens on.
func freePort(t testing.TB) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	port, err := listener.FreePort(func(port uint16) bool { return ports.given[port] })
	if err != nil {
		t.Fatal(err)
	}
	if ports.given == nil {
		ports.given = map[uint16]bool{}
	}
	ports.given[port] = true
	return int(port)
}

// server makes sure that a program which a test needs is there. CI must have
// it; elsewhere the test says what to install.
func server(t testing.TB, path, install string) string {
	t.Helper()
	found, err := exec.LookPath(path)
	if err == nil {
		return found
	}
	if os.Getenv("ROTA_REQUIRE_SERVERS") != "" {
		t.Fatalf("%s is missing: apt-get install %s", path, install)
	}
	t.Skipf("%s is missing: apt-get install %s", path, install)
	return ""
}

// lockedBuffer is a buffer that several writers may fill.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
