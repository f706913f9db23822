package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"rota/integration/load"
)

// drainsOnce finishes its requests on the first TERM and dies of the second, as
// many servers do.
const drainsOnce = `
import http.server, os, signal, threading, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open(os.environ['NOTES'], 'a').write('begun\n')
        time.sleep(float(self.path[1:] or 0))
        self.send_response(200)
        self.send_header('Content-Length', '3')
        self.end_headers()
        self.wfile.write(b'ok\n')

server = http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler)
server.daemon_threads = False

def drain(*_):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=server.shutdown).start()

signal.signal(signal.SIGTERM, drain)
server.serve_forever()
server.server_close()
`

// An entrypoint script that passes the signal on and ends leaves a server that
// is draining. Signalled again, it would drop what it has in hand.
func TestEntrypointThatPassesTheSignalOn(t *testing.T) {
	t.Parallel()
	python := server(t, "/usr/bin/python3", "python3")
	dir, port := t.TempDir(), freePort(t)
	put(t, filepath.Join(dir, "app.py"), drainsOnce, 0o600)
	notes := filepath.Join(dir, "notes")
	script := python + ` app.py & trap 'kill -TERM $!; exit 0' TERM; wait $!`
	p := start(t, []string{"-w", "1", "--", "sh", "-c", script}, inDir(dir), withEnv(fmt.Sprintf("PORT=%d", port), "NOTES="+notes))
	p.awaitKind("pool ready", 1)
	answer := make(chan error, 1)
	go func() {
		_, err := load.Get(fmt.Sprintf("127.0.0.1:%d", port), "/3")
		answer <- err
	}()
	eventually(t, "the request has begun", func() bool { return len(lines(notes)) == 1 })
	p.signal(syscall.SIGTERM)
	if err := <-answer; err != nil {
		t.Errorf("the request in hand was lost: %v", err)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// A process that has left the worker's group ends with the worker all the same,
// also when the worker crashes and nobody told it to go.
func TestProcessesOutsideTheGroupEndWithACrash(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	p := start(t, []string{"-w", "1", "--sample-interval", "50ms", "--stop-timeout", "1s", "--", "sh", "-c", "setsid " + leaky + " & wait"},
		withEnv(fmt.Sprintf("PORT=%d", port)))
	leader := p.awaitKind("worker ready", 1).num("pid")
	var stray int
	eventually(t, "the server outside the group was sampled", func() bool {
		for _, pid := range p.processes() {
			if pid != leader && pid != p.cmd.Process.Pid && groupOf(t, pid) != leader {
				stray = pid
			}
		}
		values, _ := p.scrape()
		return stray != 0 && values[`rota_worker_memory_rss_bytes{slot="0"}`] > 4<<20
	})
	if err := syscall.Kill(leader, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.awaitKind("worker crashed", 1)
	if slices.Contains(p.processes(), stray) {
		t.Errorf("process %d has outlived its worker", stray)
	}
	p.awaitKind("worker ready", 2)
}

func groupOf(t *testing.T, pid int) int {
	t.Helper()
	group, err := syscall.Getpgid(pid)
	if err != nil {
		return 0
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err != nil {
		return 0
	}
	return group
}
