package front_test

import (
	"net/netip"
	"strings"
	"testing"

	"rota/listener/front"
)

const claiming = "GET / HTTP/1.1\r\nHost: front.test\r\nX-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 7.7.7.7\r\n" +
	"X-Forwarded-Proto: https\r\nX-Forwarded-Host: claimed.test\r\nForwarded: for=6.6.6.6;proto=https\r\n"

// trust makes a list of trusted proxies.
func trust(prefixes ...string) func(*front.Config) {
	return func(c *front.Config) {
		c.TrustedProxies = nil
		for _, p := range prefixes {
			c.TrustedProxies = append(c.TrustedProxies, netip.MustParsePrefix(p))
		}
	}
}

func expectForwarded(t *testing.T, got message, fore, proto, host string) {
	t.Helper()
	expect(t, "X-Forwarded-For", got.value("X-Forwarded-For"), fore)
	expect(t, "X-Forwarded-Proto", strings.Join(got.values("X-Forwarded-Proto"), "|"), proto)
	expect(t, "X-Forwarded-Host", strings.Join(got.values("X-Forwarded-Host"), "|"), host)
}

func TestForwarded(t *testing.T) {
	for name, one := range map[string]struct {
		trusted           []string
		claim             string
		fore, proto, host string
		kept              bool
	}{
		"nobody trusted":    {nil, claiming, "127.0.0.1", "http", "front.test", false},
		"another trusted":   {[]string{"10.0.0.0/8", "::1/128", "127.0.0.2/32"}, claiming, "127.0.0.1", "http", "front.test", false},
		"trusted":           {[]string{"10.0.0.0/8", "127.0.0.0/8"}, claiming, "6.6.6.6, 7.7.7.7, 127.0.0.1", "https", "claimed.test", true},
		"trusted, no claim": {[]string{"127.0.0.1/32"}, "GET / HTTP/1.1\r\nHost: front.test\r\n", "127.0.0.1", "http", "front.test", false},
		"no claim":          {nil, "GET / HTTP/1.1\r\nHost: front.test\r\n", "127.0.0.1", "http", "front.test", false},
		"said to be hop-by-hop": {nil, claiming + "Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host\r\n",
			"127.0.0.1", "http", "front.test", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, trust(one.trusted...))
			r.add(1, 0, echoing(t).addr)
			c := r.dial()
			for range 2 {
				c.send(one.claim + "\r\n")
				got := echoed(c.answer("GET"))
				expectForwarded(t, got, one.fore, one.proto, one.host)
				expect(t, "Host", got.value("Host"), "front.test")
				if kept := strings.Contains(got.value("Forwarded"), "6.6.6.6"); kept != one.kept {
					t.Errorf("Forwarded: %q", got.value("Forwarded"))
				}
			}
			expect(t, "client told", hostOf(r.answer().Client), "127.0.0.1")
		})
	}
}

// hostOf is an address without the port that it may have.
func hostOf(addr string) string {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return ap.Addr().String()
	}
	return addr
}

// On a socket of both families an IPv4 client still has an IPv4 address.
func TestForwardedOnDualStack(t *testing.T) {
	r := startOn(t, "tcp", "[::]:0", trust("127.0.0.0/8"))
	r.addr = strings.Replace(r.addr, "[::]", "127.0.0.1", 1)
	r.add(1, 0, echoing(t).addr)
	c := r.dial()
	c.send(claiming + "\r\n")
	expectForwarded(t, echoed(c.answer("GET")), "6.6.6.6, 7.7.7.7, 127.0.0.1", "https", "claimed.test")
}

func TestForwardedFromUnix(t *testing.T) {
	r := startUnix(t)
	r.add(1, 0, echoing(t).addr)
	c := r.dial()
	c.send(claiming + "\r\n")
	got := echoed(c.answer("GET"))
	if f := got.value("X-Forwarded-For"); strings.Contains(f, "6.6.6.6") || strings.Contains(f, "7.7.7.7") {
		t.Errorf("X-Forwarded-For: %q", f)
	}
	expect(t, "X-Forwarded-Proto", got.value("X-Forwarded-Proto"), "http")
	expect(t, "X-Forwarded-Host", got.value("X-Forwarded-Host"), "front.test")
	expect(t, "Forwarded", strings.Contains(got.value("Forwarded"), "6.6.6.6"), false)
	expect(t, "client told", r.answer().Client, "")
}

func TestForwardedFromTrustedUnix(t *testing.T) {
	r := startUnix(t, func(c *front.Config) { c.TrustUnix = true })
	r.add(1, 0, echoing(t).addr)
	c := r.dial()
	c.send(claiming + "\r\n")
	expectForwarded(t, echoed(c.answer("GET")), "6.6.6.6, 7.7.7.7", "https", "claimed.test") // it has no address to add
}

// Whom to trust may change under a kept connection.
func TestForwardedConfigured(t *testing.T) {
	r := start(t)
	r.add(1, 0, echoing(t).addr)
	c := r.dial()
	c.send(claiming + "\r\n")
	expectForwarded(t, echoed(c.answer("GET")), "127.0.0.1", "http", "front.test")
	changed := defaults()
	trust("127.0.0.1/32")(&changed)
	r.front.Configure(changed)
	c.send(claiming + "\r\n")
	expectForwarded(t, echoed(c.answer("GET")), "6.6.6.6, 7.7.7.7, 127.0.0.1", "https", "claimed.test")
}
