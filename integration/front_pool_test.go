package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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
			if body, err := askTCP("127.0.0.1", other)("/"); err == nil || cause(err) != "connect: refused" {
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

// A worker gets no request before its own path answers that it is well.
func TestReadyOverHTTP(t *testing.T) {
	t.Parallel()
	health := filepath.Join(t.TempDir(), "health")
	site := newSite(t, "HEALTH="+health)
	p := site.start(fronted("-w", "1", "-l", site.addr, "--ready", "http", "--ready-path", "/healthz", "--start-timeout", "5s"))
	p.awaitKind("worker started", 1)
	waiting := make(chan error, 1)
	go func() {
		_, err := get(site.addr, "/")
		waiting <- err
	}()
	p.metric("rota_http_queue_length", 1)
	if n := p.count("worker ready"); n > 0 {
		t.Error("a worker is ready that is not well")
	}
	put(t, health+"0", "", 0o600)
	if err := <-waiting; err != nil {
		t.Errorf("the request that waited was lost: %v", err)
	}
	p.awaitKind("pool ready", 1)

	// A replacement that is never well does not take the old one's place.
	before := site.pid()
	if err := os.Remove(health + "0"); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	failed := p.awaitKind("start failed", 1)
	if want := "/healthz answered 503"; !strings.Contains(failed.str("detail"), want) {
		t.Errorf("%v does not say %q", failed, want)
	}
	if e := p.awaitKind("worker stopping", 1); !strings.Contains(e.str("reason"), "start timeout") || !strings.Contains(e.str("reason"), "/healthz answered 503") {
		t.Errorf("stopped for %q", e.str("reason"))
	}
	p.awaitKind("roll failed", 1)
	if now := site.pid(); now != before {
		t.Errorf("process %d answers, want the old one, %d", now, before)
	}
}

// With --ready notify, requests wait for a program that listens long before it
// says that it is ready.
func TestFrontAndNotify(t *testing.T) {
	t.Parallel()
	port, gate := freePort(t), filepath.Join(t.TempDir(), "gate")
	p := start(t, fronted("-w", "2", "--ready", "notify", "-l", fmt.Sprintf("127.0.0.1:%d", port), "--",
		goServer(t), "-addr", fmt.Sprintf("127.0.0.1:%d", port), "-gate", gate))
	p.awaitKind("worker started", 2)
	waiting := make(chan error, 1)
	go func() {
		_, err := askTCP("127.0.0.1", port)("/")
		waiting <- err
	}()
	p.metric("rota_http_queue_length", 1)
	if n := p.count("worker ready"); n != 0 {
		t.Fatalf("%d workers are ready that did not say so", n)
	}
	put(t, gate, "", 0o600)
	if err := <-waiting; err != nil {
		t.Errorf("the request that waited was lost: %v", err)
	}
	proveRoll(t, p, askTCP("127.0.0.1", port), 2)
}

// A worker that says that it is ready but listens nowhere never is.
func TestFrontAndNotifyWithoutAPort(t *testing.T) {
	t.Parallel()
	p := start(t, fronted("-w", "1", "--ready", "notify", "--start-timeout", "2s", "--",
		server(t, "/usr/bin/python3", "python3"), "-c", `
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
s.send(b"READY=1")
time.sleep(60)`))
	if e := p.awaitKind("start failed", 1); !strings.Contains(e.str("detail"), "said READY=1, but there is no port") {
		t.Errorf("reported as %v", e)
	}
}

// certificate makes a file with a key and a certificate for itself.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cert.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// securePython serves HTTPS on the port of its first argument.
const securePython = `
import http.server, ssl, sys
s = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(sys.argv[2])
s.socket = c.wrap_socket(s.socket, server_side=True)
s.serve_forever()
`

// secureNode does too.
const secureNode = `
const pem = require('fs').readFileSync(process.argv[2])
require('https').createServer({key: pem, cert: pem}, (_, r) => r.end()).listen(process.argv[1], '127.0.0.1')
`

// A worker that speaks TLS fails at once, and says what to do.
func TestWorkerThatSpeaksTLS(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]func(t *testing.T, port, cert string) []string{
		"go": func(t *testing.T, port, cert string) []string {
			return []string{"env", "PROGRAM=server", "PORT=" + port, "CERT=" + cert, os.Args[0]}
		},
		"python": func(t *testing.T, port, cert string) []string {
			return []string{server(t, "/usr/bin/python3", "python3"), "-c", securePython, port, cert}
		},
		"node": func(t *testing.T, port, cert string) []string {
			return []string{server(t, "node", "nodejs"), "-e", secureNode, "--", port, cert}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, append(fronted("-w", "1", "--ready", "http", "--start-timeout", "60s", "--"),
				command(t, strconv.Itoa(freePort(t)), certificate(t))...), quiet(t))
			failed := p.awaitKind("start failed", 1)
			for _, want := range []string{"speaks TLS", "--accept shared"} {
				if !strings.Contains(failed.str("detail"), want) {
					t.Errorf("%q does not say %q", failed.str("detail"), want)
				}
			}
			if e := p.awaitKind("worker stopping", 1); strings.Contains(e.str("reason"), "start timeout") {
				t.Errorf("it took the start timeout to find out: %v", e)
			}
		})
	}
}

// Servers that die of the stop signal finish all the same, since they get it
// only then.
func TestFrontDrains(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(p *pool){
		"rota ends": func(p *pool) { p.signal(syscall.SIGTERM) },
		"a roll":    func(p *pool) { p.signal(syscall.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			p := start(t, fronted("-w", "1", "--", goServer(t), "-addr", fmt.Sprintf("127.0.0.1:%d", port)))
			p.awaitKind("pool ready", 1)
			answers := make(chan error, 3)
			for range cap(answers) {
				go func() {
					_, err := askTCP("127.0.0.1", port)("/?hold=1")
					answers <- err
				}()
			}
			p.metric(`rota_worker_requests_in_flight{slot="0"}`, float64(cap(answers)))
			end(p)
			for range cap(answers) {
				if err := <-answers; err != nil {
					t.Errorf("a request in flight was lost: %v", err)
				}
			}
			e := p.awaitKind("worker exited", 1)
			if e.str("exit") != "drained" || e.num("cut") != 0 {
				t.Errorf("ended as %v, want it drained", e)
			}
			if took, err := time.ParseDuration(e.str("took")); err != nil || took < 100*time.Millisecond {
				t.Errorf("the drain took %v (%v), want all of it", took, err)
			}
			if name == "a roll" {
				p.signal(syscall.SIGTERM)
			}
			if code := p.wait(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
		})
	}
}

// What is not finished at the drain timeout is cut, and counted.
func TestFrontCutsAtTheDrainTimeout(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start(fronted("-w", "1", "--drain-timeout", "300ms", "--stop-timeout", "200ms"))
	p.awaitKind("pool ready", 1)
	request := site.hold(time.Hour)
	p.signal(syscall.SIGHUP)
	e := p.awaitKind("worker exited", 1)
	if e.num("cut") != 1 || e.str("exit") != "killed" {
		t.Errorf("ended as %v, want one request cut", e)
	}
	if err := <-request; err == nil {
		t.Error("a request of an hour was answered")
	}
	p.metric(`rota_requests_cut_total{kind="request",slot="0"}`, 1)
}

// A worker is replaced after so many requests.
func TestMaxRequests(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start(fronted("-w", "1", "--max-requests", "10"))
	p.awaitKind("pool ready", 1)
	first := site.pid()
	for range 9 {
		site.ask("/")
	}
	if e := p.awaitKind("cycle done", 1); e.str("trigger") != "requests" || e.num("pid") != first {
		t.Errorf("cycled as %v", e)
	}
	if e := p.awaitKind("cycle began", 1); !strings.Contains(e.str("reason"), "10 requests") {
		t.Errorf("%q does not have the number", e.str("reason"))
	}
	site.ask("/")
}

// queueing has a server that handles one connection at a time hold a request, and
// others wait for it that it has not accepted.
type queueing struct {
	*pool
	leader        int
	held, waiting chan error
	gate          string // once it is there, the request that is held is answered
}

// queueingApp holds the requests for /hold, and tells once it has one.
const queueingApp = `
import os, time

def app(environ, start):
    if environ["PATH_INFO"] == "/hold":
        open(os.environ["NOTES"] + ".begun", "w").close()
        while not os.path.exists(os.environ["NOTES"] + ".gate"):
            time.sleep(0.01)
    start("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]
`

const queued = 8

func startQueueing(t *testing.T, flags ...string) *queueing {
	t.Helper()
	gunicorn := server(t, "/usr/bin/gunicorn", "gunicorn")
	dir, port := t.TempDir(), freePort(t)
	put(t, filepath.Join(dir, "queueing.py"), queueingApp, 0o600)
	notes := filepath.Join(dir, "notes")
	p := start(t, fronted(slices.Concat([]string{"-w", "1", "--queue-timeout", "60s"}, flags, []string{"--", gunicorn, "--workers", "1", "--timeout", "0",
		"--bind", fmt.Sprintf("127.0.0.1:%d", port), "queueing:app"})...), inDir(dir), quiet(t), withEnv("NOTES="+notes))
	p.awaitKind("pool ready", 1)
	q := &queueing{p, p.workers()[0], make(chan error, 1), make(chan error, queued), notes + ".gate"}
	ask := askTCP("127.0.0.1", port)
	go func() {
		_, err := ask("/hold")
		q.held <- err
	}()
	eventually(t, "the first is in hand", func() bool { _, err := os.Stat(notes + ".begun"); return err == nil })
	for range queued {
		go func() {
			_, err := ask("/")
			q.waiting <- err
		}()
	}
	eventually(t, "the others wait", func() bool { return inQueue(t, q.leader) == queued })
	return q
}

// proveMoved checks that what waited was answered.
func (q *queueing) proveMoved() {
	q.t.Helper()
	for range queued {
		if err := <-q.waiting; err != nil {
			q.t.Errorf("a request that no worker had seen was lost: %v", err)
		}
	}
}

// When a worker is killed, what waits for it unseen is answered by another.
func TestCrashLosesWhatIsInHandAlone(t *testing.T) {
	t.Parallel()
	for name, victims := range map[string]func(leader, child int) []int{
		"all of it":  func(leader, child int) []int { return []int{leader, child} },
		"its child":  func(_, child int) []int { return []int{child} }, // which gunicorn replaces
		"its leader": func(leader, _ int) []int { return []int{leader} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := startQueueing(t, "--stop-timeout", "60s")
			for _, pid := range victims(q.leader, children(q.leader)[0]) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			q.proveMoved()
			put(t, q.gate, "", 0o600)
			if err := <-q.held; err == nil != (name == "its leader") { // gunicorn's child outlives it, and finishes
				t.Errorf("the request in hand: %v", err)
			}
		})
	}
}

// At the drain timeout what a worker has in hand is cut, and what waits for it
// unseen goes to another one.
func TestFrontMovesWhatWaitsAtTheDrainTimeout(t *testing.T) {
	t.Parallel()
	q := startQueueing(t, "--drain-timeout", "1s", "--stop-timeout", "1s")
	q.signal(syscall.SIGHUP)
	q.proveMoved()
	if err := <-q.held; err == nil {
		t.Error("a request that was not finished was answered")
	}
	if e := q.awaitKind("worker exited", 1); e.num("cut") != 1 {
		t.Errorf("ended as %v, want one request cut", e)
	}
}

// inQueue is how many connections wait at a process's sockets.
func inQueue(t *testing.T, pid int) int {
	t.Helper()
	n := 0
	for _, a := range acceptors(t, pid) {
		n += a.queued
	}
	return n
}
