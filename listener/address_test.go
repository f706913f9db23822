package listener

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	v6 := netip.IPv6Unspecified()
	for text, want := range map[string]Address{
		":8080":            {Family: Dual, IP: v6, Port: 8080},
		"[::]:8080":        {Family: Dual, IP: v6, Port: 8080},
		"tcp6:[::]:8080":   {Family: IPv6, IP: v6, Port: 8080},
		"tcp6::8080":       {Family: IPv6, IP: v6, Port: 8080},
		"0.0.0.0:80":       {Family: IPv4, IP: netip.IPv4Unspecified(), Port: 80},
		"127.0.0.1:65535":  {Family: IPv4, IP: netip.MustParseAddr("127.0.0.1"), Port: 65535},
		"[::1]:1":          {Family: IPv6, IP: netip.IPv6Loopback(), Port: 1},
		"unix:/run/a.sock": {Family: Unix, Path: "/run/a.sock"},
	} {
		got, err := ParseAddress(text)
		if err != nil || got != want {
			t.Errorf("ParseAddress(%q) = %+v, %v; want %+v", text, got, err, want)
		}
		again, err := ParseAddress(got.String())
		if got.Family != IPv6 && (err != nil || again != got) {
			t.Errorf("%q is written as %q, which is read as %+v, %v", text, got, again, err)
		}
	}
	if got, err := ParseAddress("localhost:80"); err != nil || !got.IP.IsLoopback() {
		t.Errorf("localhost is %+v, %v", got, err)
	}
}

func TestParseAddressErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "want :PORT",
		"8080":                             "want :PORT",
		"localhost":                        "want :PORT",
		":0":                               "from 1 to 65535",
		":65536":                           "from 1 to 65535",
		":http":                            "from 1 to 65535",
		"::1:80":                           "want :PORT",
		"unix:":                            "needs a path",
		"unix:" + strings.Repeat("x", 108): "needs a path",
		"tcp6:127.0.0.1:80":                "not an IPv6 address",
		"no.such.host.invalid:80":          "not known",
	} {
		_, err := ParseAddress(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), text) {
			t.Errorf("ParseAddress(%q): %v; want the text and %q", text, err, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{":8080", "[::1]:80", "unix:/x", "tcp6:[::]:1", "1.2.3.4:5", "[fe80::1%eth0]:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, _, _ := strings.Cut(s, ":")
		if strings.ContainsAny(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") && !strings.HasPrefix(s, "unix:") && !strings.HasPrefix(s, "tcp6:") {
			return // a host name would be looked up
		}
		a, err := ParseAddress(s)
		if err == nil && a.Family != Unix && (a.Port == 0 || !a.IP.IsValid()) {
			t.Errorf("ParseAddress(%q) = %+v", s, a)
		}
	})
}
