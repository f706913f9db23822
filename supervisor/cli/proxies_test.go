package cli

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseProxies(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "192.0.2.1": "192.0.2.1/32", "192.0.2.1/32": "192.0.2.1/32", "0.0.0.0/0": "0.0.0.0/0",
		"fd00::/8": "fd00::/8", "::1": "::1/128", "FD00:0::1": "fd00::1/128", "::/0": "::/0",
		"::ffff:10.0.0.0/104": "10.0.0.0/8", "::ffff:192.0.2.1": "192.0.2.1/32", "::ffff:0:0/96": "0.0.0.0/0",
	} {
		if got, err := ParseProxies(text); err != nil || got.String() != want {
			t.Errorf("ParseProxies(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestParseProxiesErrors(t *testing.T) {
	const not = " is not a network (want a network like 10.0.0.0/8 or fd00::/8, an address, or unix)"
	for text, want := range map[string]string{
		"":                   `""` + not,
		"10":                 `"10"` + not,
		"10.0.0.0/33":        `"10.0.0.0/33"` + not,
		"10.0.0.0/":          `"10.0.0.0/"` + not,
		"10.0.0.0/-8":        `"10.0.0.0/-8"` + not,
		"10.0.0.0/08":        `"10.0.0.0/08"` + not,
		"010.0.0.0/8":        `"010.0.0.0/8"` + not,
		"10.0.0.0:80":        `"10.0.0.0:80"` + not,
		"[::1]":              `"[::1]"` + not,
		"fe80::1%eth0":       `"fe80::1%eth0"` + not,
		"fe80::%eth0/10":     `"fe80::%eth0/10"` + not,
		"::ffff:0:0/90":      `"::ffff:0:0/90"` + not,
		"localhost":          `"localhost"` + not,
		"10.1.2.3/8":         `"10.1.2.3/8" is an address in a network: want 10.0.0.0/8 for all of it, or 10.1.2.3 alone`,
		"::ffff:10.1.2.3/97": `"::ffff:10.1.2.3/97" is an address in a network: want 0.0.0.0/1 for all of it, or 10.1.2.3 alone`,
		"fd00::1/8":          `"fd00::1/8" is an address in a network: want fd00::/8 for all of it, or fd00::1 alone`,
	} {
		if got, err := ParseProxies(text); err == nil || err.Error() != want || got.IsValid() {
			t.Errorf("ParseProxies(%q) = %s, %v\nwant %s", text, got, err, want)
		}
	}
}

func FuzzParseProxies(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8", "::1", "::ffff:10.0.0.0/104", "::ffff:0:0/90", "fe80::1%eth0", "1.2.3.4/0", "/", "unix"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseProxies(s)
		if err != nil {
			if got.IsValid() || strings.Contains(err.Error(), "\n") {
				t.Errorf("ParseProxies(%q) = %s, %q", s, got, err)
			}
			return
		}
		// It holds the very address that was named, as the front compares it, and reads as it is written.
		text, _, _ := strings.Cut(s, "/")
		if address := netip.MustParseAddr(text).Unmap(); !got.Contains(address) || got != got.Masked() {
			t.Errorf("ParseProxies(%q) = %s, without %s", s, got, address)
		}
		if again, err := ParseProxies(got.String()); err != nil || again != got {
			t.Errorf("ParseProxies(%q) = %s, which reads as %s, %v", s, got, again, err)
		}
	})
}
