package integration

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// scan is an address that is sent bad requests.
type scan struct {
	t             *testing.T
	network, addr string
	host          string // that it has
	control       bool   // who can connect may change the pool
}

// bad are requests that nobody means well with.
func (s scan) bad() []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	changes := []string{"/v1/roll", "/v1/roll/pause", "/v1/roll/resume", "/v1/roll/abort", "/v1/scale", "/v1/stop", "/v1/workers/0/cycle"}
	reads := []string{"/livez", "/metrics", "/v1/status", "/v1/events", "/v1/rolls", "/v1/history", "/v1/workers/0/explain"}
	nowhere := []string{"//v1/stop", "/v1/stop/", "/x/../v1/stop", "/./v1/stop", "/v1/%2e%2e/v1/stop", "/v1/stop%00", "/v1/workers//cycle", "/v2/stop",
		"/debug/pprof/", "/.git/config", "/" + strings.Repeat("a", 8<<10), "/v1/stop;x", "/v1"}
	strangers := []string{"Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\nOrigin: http://" + s.host + "\r\n",
		"Authorization: Bearer 0123456789abcdeX\r\nOrigin: http://evil.example\r\n"}
	for _, path := range changes {
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post"} {
			add("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, s.host)
		}
		for _, header := range strangers {
			add("POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, s.host, header)
		}
		if !s.control { // nobody has the token
			for _, header := range []string{"", "Authorization: Bearer \r\n", "Authorization: Basic cm90YTpyb3Rh\r\n", "Authorization: Bearer 0123456789abcdeX\r\n",
				"Cookie: token=0123456789abcdef\r\n", "Expect: 100-continue\r\nContent-Length: 4\r\n", "X-HTTP-Method-Override: GET\r\n"} {
				add("POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, s.host, header)
			}
			add("POST %s?token=0123456789abcdef HTTP/1.1\r\nHost: %s\r\n\r\n", path, s.host)
			add("POST %s HTTP/1.0\r\n\r\n", path)
		}
		for _, host := range []string{"evil.example", "evil.example:80", "localhost.evil.example", "10.1.2.3"} {
			if !s.control {
				add("POST %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host)
				add("GET http://%s%s HTTP/1.1\r\nHost: %s\r\n\r\n", host, path, s.host)
			}
		}
	}
	for _, path := range reads {
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE"} {
			add("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, s.host)
		}
		if !s.control {
			add("GET %s HTTP/1.1\r\nHost: evil.example\r\n\r\n", path)
		}
		add("GET %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 10\r\n\r\n0123456789", path, s.host)
		add("GET %s HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", path, s.host)
	}
	for _, path := range nowhere {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			add("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, s.host)
		}
	}
	for _, slot := range []string{"-1", "99", "x", "0x0", "%30%30x", "9999999999999999999", "0%0a"} {
		add("GET /v1/workers/%s/explain?x HTTP/1.1\r\nHost: %s\r\n\r\n", slot, s.host)
		add("POST /v1/workers/%s/cycle HTTP/1.1\r\nHost: %s\r\n\r\n", slot, s.host)
	}
	for _, body := range []string{"", "{}", "[]", "null", "3", `{"workers":0}`, `{"workers":-1}`, `{"workers":1e3}`, `{"workers":"3"}`, `{"workers":3,"x":1}`,
		`{"workers":3} {}`, `{"workers":1000000000}`, `{"workers":99999999999999999999}`, strings.Repeat("[", 4000), strings.Repeat(" ", 5000), "\x00\xff"} {
		add("POST /v1/scale HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", s.host, len(body), body)
	}
	add("POST /v1/scale HTTP/1.1\r\nHost: %s\r\nContent-Length: 13\r\n\r\n{\"workers\":3}", s.host)
	add("POST /v1/scale HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n{\"workers\":3}", s.host)
	add("POST /v1/stop HTTP/1.1\r\nHost: %s\r\nContent-Length: 99999999999\r\n\r\n", s.host)
	add("POST /v1/stop HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n%s", s.host, strings.Repeat("x", 8<<10))
	return all
}

// malformed is what is no request at all.
func (s scan) malformed() []string {
	return []string{
		"\r\n\r\n\r\nx\r\n\r\n", "\x00\x00\x00\x00\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "GET\r\n\r\n", "GET /v1/status\r\n\r\n",
		"GET /v1/status HTTP/9.9\r\nHost: " + s.host + "\r\n\r\n", "POST /v1/stop HTTP/1.1\r\n\r\n", "POST  /v1/stop HTTP/1.1\r\nHost: a\r\n\r\n",
		"PO ST /v1/stop HTTP/1.1\r\nHost: a\r\n\r\n", "POST v1/stop HTTP/1.1\r\nHost: a\r\n\r\n", "POST /v1/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v1/stop HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "POST /v1/stop HTTP/1.1\r\nHost: a b\r\n\r\n", "POST /v1/stop HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n",
		"POST /v1/stop HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "POST /v1/stop HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"POST /v1/stop HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
		"GET /v1/status HTTP/1.1\r\nHost: " + s.host + "\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n",
		"GET /v1/status HTTP/1.1\r\nHost: " + s.host + "\r\n" + strings.Repeat("A: b\r\n", 8<<10) + "\r\n",
		"GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: " + s.host + "\r\n\r\n",
	}
}

// send sends a text as it is and gives the status of the answer; 0 if the
// connection ends without one.
func (s scan) send(text string) (int, error) {
	conn, err := net.Dial(s.network, s.addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	// What is too much is not read to its end: an error here is none.
	_, _ = io.WriteString(conn, text)
	method, _, _ := strings.Cut(text, " ")
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, fmt.Errorf("no answer: %w", err)
		}
		return 0, nil
	}
	answer.Body.Close()
	return answer.StatusCode, nil
}

// run sends everything, some of it at once.
func (s scan) run() {
	s.t.Helper()
	check := func(text string, well func(code int) bool) {
		if code, err := s.send(text); err != nil || !well(code) {
			s.t.Errorf("%s: %.120q is answered with %d, %v", s.network, text, code, err)
		}
	}
	var lanes sync.WaitGroup
	work := make(chan func())
	for range 8 {
		lanes.Go(func() {
			for do := range work {
				do()
			}
		})
	}
	for _, text := range s.bad() {
		work <- func() { check(text, func(code int) bool { return code/100 == 4 }) }
	}
	for _, text := range s.malformed() {
		// net/http knows the versions of HTTP and their encodings better than 4xx.
		work <- func() { check(text, func(code int) bool { return code == 0 || code/100 == 4 || code == 505 }) }
	}
	close(work)
	lanes.Wait()
}

// slow sends bodies and headers that never come to their end.
func (s scan) slow() {
	var all sync.WaitGroup
	json := "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"workers\":"
	for _, text := range []string{
		"POST /v1/scale HTTP/1.1\r\nHost: " + s.host + "\r\n" + json,
		"POST /v1/stop HTTP/1.1\r\nHost: " + s.host + "\r\n" + json,
		"POST /v1/stop HTTP/1.1\r\nHost: " + s.host + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
		"GET /v1/status HTTP/1.1\r\nHost: " + s.host + "\r\n" + json,
		"POST /v1/stop HTTP/1.1\r\nHost: " + s.host + "\r\nX-",
		"",
	} {
		all.Go(func() {
			if code, err := s.send(text); err != nil || code != 0 && code/100 != 4 {
				s.t.Errorf("%s: %.100q is answered with %d, %v", s.network, text, code, err)
			}
		})
	}
	all.Wait()
}

// lasting is what of a pool no bad request may change.
func lasting(t *testing.T, p *pool) string {
	t.Helper()
	status, err := api.NewClient(p.control()).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("generation %d, %d wanted, %d alive, cycles %v, roll %v", status.Generation, status.Desired, status.Alive, status.Cycles, status.Roll)
	for _, w := range status.Workers {
		text += fmt.Sprintf(", worker %d in slot %d is process %d, %s", w.ID, w.Slot, w.PID, w.State)
	}
	return text
}

func openFiles(pid int) int {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries)
}

// A port scan of bad requests changes nothing, gets 4xx, and costs nothing that
// stays.
func TestPortScan(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	put(t, token, "0123456789abcdef", 0o600)
	for name, flags := range map[string][]string{"read-only": nil, "token": {"--admin-token-file", token}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newSite(t).start(append([]string{"-w", "2"}, flags...))
			p.awaitKind("pool ready", 1)
			addr := strings.TrimPrefix(p.adminURL(), "http://")
			tcp := scan{t, "tcp", addr, addr, false}
			scans := []scan{tcp}
			if flags == nil {
				scans = append(scans, scan{t, "unix", p.control(), "rota", true})
			}
			p.isHealth("/healthz", 200, "ok") // what is told may lag behind the log
			before := lasting(t, p)
			for _, s := range scans {
				s.run() // so that all is there that is made once
			}
			crowd(t, addr, func() {})
			files, memory := openFiles(p.cmd.Process.Pid), residentBytes(t, p.cmd.Process.Pid)
			for _, s := range scans {
				s.run()
				s.run()
			}
			var slow sync.WaitGroup
			for _, s := range scans {
				slow.Go(s.slow)
			}
			crowd(t, addr, func() {
				for _, path := range []string{"/livez", "/readyz", "/healthz", "/metrics", "/v1/status"} {
					if code, text := p.health(path); code != 200 {
						t.Errorf("%s in a crowd: %d %s", path, code, text)
					}
				}
			})
			slow.Wait()
			eventually(t, "no more files are open than before", func() bool { return openFiles(p.cmd.Process.Pid) <= files })
			// The collector may leave as much lying as is in use: some 32 KiB for each of 512
			// connections. What a request left behind would be there thousands of times.
			// The race detector keeps a history of its own, several times as large.
			if grown := residentBytes(t, p.cmd.Process.Pid) - memory; grown > 16<<20 && os.Getenv("TEST_RACE") == "" {
				t.Errorf("rota has grown by %d KiB", grown>>10)
			}
			if after := lasting(t, p); after != before {
				t.Errorf("the pool has changed from\n%s to\n%s", before, after)
			}
			for _, e := range p.of("operator asked", "roll began", "cycle began", "pool scaled", "pool stopping") {
				// Of what has no flaw but a slot or a number that there is not, the pool is asked.
				if !e.is("operator asked") || !slices.Contains([]string{"cycle slot 99", "scale to 1000000000 workers",
					"pause the roll", "resume the roll", "abort the roll"}, e.str("message")) {
					t.Errorf("it has come to %v", e)
				}
			}
		})
	}
}

// crowd opens more connections than rota takes, each with a part of a request, and
// calls do while they are there.
func crowd(t *testing.T, addr string, do func()) {
	t.Helper()
	const many = 600
	for range many {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /v1/status HTTP/1.1\r\nHost: a\r\nX-"); err != nil {
			t.Fatal(err)
		}
	}
	do()
}

// residentBytes is the memory that a process has now.
func residentBytes(t *testing.T, pid int) int {
	t.Helper()
	for _, line := range lines(fmt.Sprintf("/proc/%d/status", pid)) {
		var kib int
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatalf("process %d says nothing of its memory", pid)
	return 0
}
