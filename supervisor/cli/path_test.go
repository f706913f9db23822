package cli

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	for text, want := range map[string]string{"/": "/", "/healthz": "/healthz", "/a/b.c~;d=1": "/a/b.c~;d=1", "/a%20b": "/a b", "//a": "//a", "/a+b": "/a+b"} {
		if got, err := parsePath(text); err != nil || got != want {
			t.Errorf("parsePath(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestPathErrors(t *testing.T) {
	const begin = " is not a path (want one that begins with /, like /healthz)"
	const ascii = " is not a path (a space, # and what is no visible ASCII is written like %20)"
	for text, want := range map[string]string{
		"":            `""` + begin,
		"healthz":     `"healthz"` + begin,
		"?a":          `"?a"` + begin,
		"http://a/b":  `"http://a/b"` + begin,
		"/a b":        `"/a b"` + ascii,
		"/a\r\nb: c":  `"/a\r\nb: c"` + ascii,
		"/a\x00":      `"/a\x00"` + ascii,
		"/a\x7f":      `"/a\x7f"` + ascii,
		"/\xff":       `"/\xff"` + ascii,
		"/größe":      `"/größe"` + ascii,
		"/a#b":        `"/a#b"` + ascii,
		"/a%2":        `"/a%2" is not a path (% must have two hexadecimal digits behind it)`,
		"/a?b=1":      `"/a?b=1" has a query, which is not looked at: want /a`,
		"/a%3f?b=%zz": `"/a%3f?b=%zz" has a query, which is not looked at: want /a%3f`,
	} {
		if got, err := parsePath(text); err == nil || err.Error() != want {
			t.Errorf("parsePath(%q) = %q, %v\nwant %s", text, got, err, want)
		}
	}
	if err := checkPath("/a?b=1&c=/d"); err != nil {
		t.Error(err)
	}
}

// Whatever passes is, in a line of HTTP, that path and nothing else.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a?b", "/a%20b", "//a", "/ HTTP/1.1\r\nA: b", "/%", "/\xff", "/a#b", "*", "/?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path, pathErr := parsePath(s)
		if err := checkPath(s); err != nil {
			if pathErr == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: %q, and as a path without a query %q, %v", s, err, path, pathErr)
			}
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + s + " HTTP/1.1\r\nHost: a\r\n\r\n")))
		if err != nil || r.RequestURI != s {
			t.Fatalf("%q is no path to ask for: %v", s, err)
		}
		if pathErr == nil && r.URL.Path != path {
			t.Errorf("parsePath(%q) = %q; a request for it has %q", s, path, r.URL.Path)
		}
		if (pathErr == nil) == strings.Contains(s, "?") {
			t.Errorf("parsePath(%q) = %q, %v", s, path, pathErr)
		}
	})
}
