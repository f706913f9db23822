package integration

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What rota answers without any worker is in its metrics and in its access log.
func TestRefusedIsCounted(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start([]string{"-w", "1", "--access-log", "json", "--max-header", "4KiB"})
	p.awaitKind("pool ready", 1)
	for text, code := range map[string]int{
		"nonsense\r\n\r\n": 400,
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n": 431,
	} {
		c, err := net.Dial("tcp", site.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		go func() { _, _ = c.Write([]byte(text)) }() // it need not be read to the end
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		c.Close()
		if err != nil || response.StatusCode != code {
			t.Fatalf("the answer is %v (%v), want %d", response, err, code)
		}
		p.metric(fmt.Sprintf(`rota_http_requests_total{code="%d"}`, code), 1)
		eventually(t, fmt.Sprintf("the access log has the %d", code), func() bool {
			return strings.Contains(p.output.String(), fmt.Sprintf(`"code":%d`, code))
		})
	}
}

// A rota that has no descriptors left says so, once, and serves on when it has.
func TestTooFewDescriptors(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := site.start([]string{"-w", "1"}, under("sh", "-c", `ulimit -n 100; exec "$@"`, "sh"))
	p.awaitKind("pool ready", 1)
	var clients []net.Conn
	for range 120 {
		c, err := net.Dial("tcp", site.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients = append(clients, c)
	}
	p.awaitText("cannot accept clients: ")
	for _, c := range clients {
		c.Close()
	}
	site.ask("/")
	said := 0
	for _, e := range p.history() {
		if strings.Contains(e.str("@message"), "cannot accept clients") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("it is said %d times", said)
	}
}
