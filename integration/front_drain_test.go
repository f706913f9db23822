package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
			if took, _ := e["seconds"].(float64); took < 0.1 {
				t.Errorf("the drain took %v seconds, want all of it", took)
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
