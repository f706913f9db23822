package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// get asks a dashboard of a status for a path.
func get(t *testing.T, s *api.Status, path string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	New(func() *api.Status { return s }).Mount(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

// hostile is a status whose every text tries to be a part of the page.
func hostile() *api.Status {
	const bad = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	at, n, cores, left := time.Unix(1_700_000_000, 0), int64(300<<20), 0.5, 12.0
	return &api.Status{
		Time: at, Version: bad, Phase: api.Phase(bad), Why: bad, Accept: bad, Listeners: []api.Listener{{Address: bad}},
		Verdict: api.Verdict{Kind: bad, Why: bad, Causes: []string{bad}, SecondsToLimit: &left},
		Paused:  map[string]string{bad: bad}, Cycles: map[string]int{bad: 1}, Next: &api.Next{Trigger: bad, At: at},
		Roll:      &api.Roll{Reason: bad, Total: 2},
		Memory:    api.PoolMemory{LimitBytes: &n, TotalBytes: &n, BudgetBytes: &n, Metric: bad},
		Container: api.Container{LimitBytes: &n, UsageBytes: &n, OOMKills: &n},
		Workers: []api.Worker{{
			State: bad, StartedAt: at.Add(-time.Hour), Memory: api.Memory{PrivateBytes: &n, LimitAt: &at}, CPU: api.CPU{Cores: &cores},
			LastCycle: &api.LastCycle{Trigger: bad, Reason: bad, At: at}, Capture: &api.Capture{BeganAt: at.Add(-3 * time.Second), TimeoutSeconds: 30},
		}},
		LastCapture: &api.LastCapture{Result: bad, Why: bad, Path: new(bad), At: at.Add(-time.Minute)},
	}
}

func TestPage(t *testing.T) {
	none := (*api.Status)(nil)
	tests := map[string]struct {
		status *api.Status
		says   []string
	}{
		"before there is a status": {none, []string{"Starting", "http-equiv=\"refresh\""}},
		"without any number":       {&api.Status{Phase: api.PhaseReady, Time: time.Unix(1, 0), Workers: make([]api.Worker, 1)}, []string{"0 of 0 workers ready", unknown}},
		"full of markup":           {hostile(), []string{"300 MiB of 300 MiB", "&lt;script&gt;", "12 s", "1 h 0 min", "50 %", ", evidence</span>", "being taken for 3 s, 30 s at most", "slot 0, 1 min 0 s ago: "}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := get(t, test.status, "/")
			body := w.Body.String()
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
				t.Fatalf("%d %v: %s", w.Code, w.Header(), body)
			}
			for _, want := range test.says {
				if !strings.Contains(body, want) {
					t.Errorf("%q is missing in %s", want, body)
				}
			}
			for _, no := range []string{"<script>", "<img", "style=", "ZgotmplZ", "%!"} {
				if strings.Contains(body, no) {
					t.Errorf("%q in %s", no, body)
				}
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	h := get(t, nil, "/").Header()
	csp := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%q is missing in %q", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

var (
	referred = regexp.MustCompile(`(?:href|src)="([^"]+)"`)
	imported = regexp.MustCompile(`from "\./([^"]+)"`)
	outside  = regexp.MustCompile(`https?://[\w.]+`)
)

// TestAssets finds all that the page refers to, and what that imports.
func TestAssets(t *testing.T) {
	seen := map[string]bool{}
	var visit func(url string)
	visit = func(url string) {
		if seen[url] {
			return
		}
		seen[url] = true
		w := get(t, nil, url)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != types[path.Ext(url)] || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", url, w.Code, w.Header())
		}
		for _, m := range imported.FindAllStringSubmatch(w.Body.String(), -1) {
			visit(path.Dir(url) + "/" + m[1])
		}
	}
	for _, m := range referred.FindAllStringSubmatch(get(t, nil, "/").Body.String(), -1) {
		visit(m[1])
	}
	served := len(New(func() *api.Status { return nil }).shown().files) - 1 // but the licence
	if len(seen) != served {
		t.Errorf("the page needs %d files, and %d are there", len(seen), served)
	}
	for _, url := range []string{"/assets/", "/assets/main.js", "/assets/0000000000000000/main.js", "/assets/../web/page.html", "/x"} {
		if w := get(t, nil, url); w.Code == http.StatusOK {
			t.Errorf("%s: %d", url, w.Code)
		}
	}
}

func TestNothingFromOutside(t *testing.T) {
	err := fs.WalkDir(web, "web", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(name, "web/uplot/") {
			return err
		}
		text, err := fs.ReadFile(web, name)
		for _, url := range outside.FindAllString(string(text), -1) {
			if url != "http://www.w3.org" { // the names of formats
				t.Errorf("%s refers to %s", name, url)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestUPlotUnmodified compares with uplot@1.6.32 as it was released.
func TestUPlotUnmodified(t *testing.T) {
	for name, want := range map[string]string{
		"uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
		"uPlot.min.css":     "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
		"LICENSE":           "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
	} {
		text, err := fs.ReadFile(web, "web/uplot/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not as it was released: %x", name, sum)
		}
	}
}

func TestWords(t *testing.T) {
	for n, want := range map[float64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10.5 * 1024: "11 KiB", 1023.6 * 1024: "1.0 MiB", 300 << 20: "300 MiB", 1 << 30: "1.0 GiB", 17.26 * (1 << 30): "17.3 GiB", -5 << 20: "−5.0 MiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%v) = %q, want %q", n, got, want)
		}
	}
	for s, want := range map[float64]string{-3: "0 s", 59.4: "59 s", 59.5: "1 min 0 s", 605: "10 min", 3600: "1 h 0 min", 90000: "1 d 1 h"} {
		if got := span(s); got != want {
			t.Errorf("span(%v) = %q, want %q", s, got, want)
		}
	}
	for n, want := range map[int64]string{7: "7", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}
