package integration

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// TestCaptureIsSeen: whoever wonders what a worker waits for is told, and later
// where the evidence is.
func TestCaptureIsSeen(t *testing.T) {
	t.Parallel()
	dir := runtimeFolder(t)
	o := &operated{socket: filepath.Join(dir, "control")}
	gate := filepath.Join(dir, "gate")
	// A second worker must not come to its limit while the first is looked at.
	c := capturing(t, `until [ -e `+gate+` ]; do sleep 0.01; done; echo seen; exit $(cat `+gate+`)`,
		"-w", "1", "--control", o.socket, "--capture-timeout", "5m", "--max-requests", "1000000")
	o.pool = c.pool
	client := api.NewClient(o.socket)
	status := func() *api.Status {
		st, err := client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := status(); st.LastCapture != nil || st.Workers[0].Capture != nil {
		t.Errorf("evidence before any was taken: %+v, %+v", st.LastCapture, st.Workers[0].Capture)
	}

	var began event
	c.leak("/", func() { began, _ = c.begins(1) })
	seen := false
	for _, w := range status().Workers {
		if w.PID != began.num("pid") {
			if w.Capture != nil {
				t.Errorf("evidence is taken of worker %d, which serves", w.PID)
			}
			continue
		}
		seen = true
		if w.State != "draining" || w.Capture == nil || w.Capture.TimeoutSeconds != 300 || w.Capture.BeganAt.After(time.Now()) {
			t.Errorf("worker %d is %s, with evidence %+v", w.PID, w.State, w.Capture)
		}
		if w.Requests == nil || *w.Requests == 0 {
			t.Error("the worker that served until now has had no request")
		}
	}
	if !seen {
		t.Error("the worker is not told of")
	}
	o.must(0, `\nevidence +of slot 0, pid \d+, is being taken for \d+s, 5m`, "status")
	o.must(0, `evidence of it is being taken for [\d.]+m?s, 5m0s at most`, "explain", "0")

	put(t, gate, "3", 0o600)
	failed := c.awaitKind("capture failed", 1)
	eventually(t, "the status has what became of it", func() bool { return status().LastCapture != nil })
	last := status().LastCapture
	if last.Slot != 0 || last.PID != began.num("pid") || last.Trigger != "memory" || last.Result != "failed" || last.Why != "seen" || last.Bytes != 5 ||
		last.Path == nil || *last.Path != failed.str("path") || !strings.HasPrefix(*last.Path, c.dir) {
		t.Errorf("%+v", last)
	}
	o.must(0, `\nevidence +of slot 0, pid \d+, \d+s ago: failed: seen; what there is:`, "status")
	c.awaitKind("cycle done", 1)
	proveEnd(t, c.pool, 1)
}
