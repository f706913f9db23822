package front_test

import (
	"strings"
	"testing"
	"time"

	"rota/listener/front"
)

// A request that cannot be read reaches no handler; that it was refused is told all
// the same, once, with the status that the client got.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		send string
		code int
	}{
		"no HTTP":            {"hello\r\n\r\n", 400},
		"no host":            {"GET / HTTP/1.1\r\n\r\n", 400},
		"a bare line feed":   {"GET / HTTP/1.1\nHost: a\n\n", 400},
		"a header too large": {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n", 431},
		"the second of two":  {request("GET", "/", "") + "GET / HTTP/1.1\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(c *front.Config) { c.MaxHeader = 4 << 10 })
			r.add(1, 0, named(t, "hello").addr)
			client := r.dial()
			go func() { _ = client.trySend(c.send) }() // the front need not read it all
			if name == "the second of two" {
				expect(t, "code of the first", client.answer("GET").code(), 200)
			}
			expect(t, "code", client.answer("GET").code(), c.code)
			select {
			case a := <-r.refused:
				expect(t, "code that is told", a.Code, c.code)
				expect(t, "client", a.Client, "127.0.0.1")
				expect(t, "slot", a.Slot, front.NoSlot)
			case <-time.After(patience):
				t.Fatal("nothing is told")
			}
			expect(t, "more of it", len(r.refused), 0)
		})
	}
}
