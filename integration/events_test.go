package integration

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// follow reads the stream of a pool's events until rota ends it.
func follow(t *testing.T, conn net.Conn) (events []api.Event, statuses int) {
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%v %v", answer, err)
		return nil, 0
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for name := ""; lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case field == "event":
			name = value
		case field == "data" && name == api.StreamStatus:
			statuses++
		case field == "data":
			var e api.Event
			if err := json.Unmarshal([]byte(value), &e); err != nil || name != api.StreamEvent {
				t.Errorf("%s %q: %v", name, value, err)
			}
			events = append(events, e)
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
	return events, statuses
}

// 200 clients follow a pool that is being rolled, a fifth of them without reading:
// each that reads is told what the log is told, to the last event.
func TestEventsForMany(t *testing.T) {
	const clients, stuck, watching, rolls = 200, 40, 20, 3
	port := freePort(t)
	p := start(t, []string{"-w", "2", "--", leaky}, withEnv(fmt.Sprintf("PORT=%d", port), "LEAK_KIB=1"))
	p.awaitKind("pool ready", 1)
	url := p.adminURL()
	var all sync.WaitGroup
	var mu sync.Mutex
	told := map[string]int{} // what clients were told, and how many were told that
	for i := range clients {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		query := ""
		if i%(clients/watching) == 0 || i < stuck {
			query = "?status"
		}
		fmt.Fprintf(conn, "GET /v1/events%s HTTP/1.1\r\nHost: localhost\r\n\r\n", query)
		if i < stuck {
			continue
		}
		all.Go(func() {
			events, statuses := follow(t, conn)
			if (statuses > 0) != (query != "") {
				t.Errorf("a client that asked for %q was told the status %d times", query, statuses)
			}
			var kinds []string
			for i, e := range events {
				if e.ID != events[0].ID+uint64(i) {
					t.Errorf("event %d has id %d, after %d", i, e.ID, events[0].ID)
				}
				if e.Kind != "warning" && e.Kind != "note" { // in the log those are what they say
					kinds = append(kinds, fmt.Sprint(e.Kind, " ", e.PID, " ", e.Ready))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			told[strings.Join(kinds, "\n")]++
		})
	}
	for n := range rolls {
		p.signal(syscall.SIGHUP)
		p.awaitKind("roll done", n+1)
	}
	history(t, p, url, 2*rolls)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	all.Wait()
	var kinds []string
	for _, e := range p.history() {
		if _, ok := e["ready"]; ok {
			kinds = append(kinds, fmt.Sprint(e.str("@message"), " ", e.num("pid"), " ", e.num("ready")))
		}
	}
	if n := told[strings.Join(kinds, "\n")]; n != clients-stuck {
		t.Errorf("%d of %d clients were told what the log was told", n, clients-stuck)
		for text, n := range told {
			t.Logf("%d clients were told:\n%s", n, text)
		}
	}
}

// history checks that the cycles of a pool, as many as are given, are in its history.
func history(t *testing.T, p *pool, url string, cycles int) {
	t.Helper()
	p.awaitKind("cycle done", cycles)
	deadline := time.Now().Add(patience)
	for {
		answer, err := http.Get(url + "/v1/history?since=1h")
		if err != nil {
			t.Fatal(err)
		}
		var h api.History
		err = json.NewDecoder(answer.Body).Decode(&h)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(h.Marks) == cycles && len(h.Points) > 0 {
			if point := h.Points[len(h.Points)-1]; len(point.Workers) == 0 || point.Workers[0].PrivateBytes == 0 || point.Requests == nil || h.Marks[0].Trigger != "generation" {
				t.Errorf("%+v, %+v", point, h.Marks[0])
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d cycles are in the history, and %d points", len(h.Marks), cycles, len(h.Points))
		}
		<-time.After(50 * time.Millisecond)
	}
	answer, err := http.Get(url + "/v1/history?format=csv")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines, err := csv.NewReader(answer.Body).ReadAll()
	if err != nil || len(lines) < 2 || !slices.Contains(lines[0], "slot1_private_bytes") {
		t.Errorf("%v: %v", err, lines)
	}
}
