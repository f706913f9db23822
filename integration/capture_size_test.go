package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// TestCaptureThatGrows: a result that gets larger than all may be is not waited
// for, whoever writes it.
func TestCaptureThatGrows(t *testing.T) {
	t.Parallel()
	c := capturing(t, `while :; do n=$((${n:-0}+1)); head -c 20K /dev/zero > $ROTA_CAPTURE_DIR/$n; done`,
		"--capture-max-size", "500K", "--capture-timeout", "10m")
	c.leak("/?hold=0.05", func() {
		_, next := c.begins(1)
		next("cycle done")
	})
	failed := c.awaitKind("capture failed", 1)
	var size string
	if _, err := fmt.Sscanf(failed.str("message"), "it was ended with a result of %s so far: want 500KiB at most, raise --capture-max-size or take less", &size); err != nil {
		t.Errorf("it failed with %q (%v)", failed.str("message"), err)
	}
	if failed.str("path") != "" {
		t.Errorf("it left %q, want what is over 500KiB removed", failed.str("path"))
	}
	if n := scrape(t, c.pool)[`rota_captures_total{result="failed"}`]; n < 1 {
		t.Errorf("%v failures are counted", n)
	}
	proveEnd(t, c.pool, 2)
	if results := c.results(); len(results) > 0 {
		t.Errorf("%q is left", results)
	}
}

func TestCapturesAreBounded(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		flags []string
		want  int
	}{
		"number": {[]string{"--capture-keep", "2"}, 2},
		"size":   {[]string{"--capture-keep", "9", "--capture-max-size", "100K"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := capturing(t, `head -c 30K /dev/zero > $ROTA_CAPTURE_DIR/dump`, f.flags...)
			precious := filepath.Join(c.dir, "precious")
			put(t, precious, "", 0o600)
			c.leak("/?hold=0.02", func() { c.awaitKind("capture done", 5) })
			proveEnd(t, c.pool, 2)
			c.oneAtATime()
			var newest []string
			for _, e := range c.history() {
				if e.is("capture done") {
					newest = append(newest, e.str("path"))
				}
			}
			newest = append(newest[len(newest)-f.want:], precious)
			if results := c.results(); !slices.Equal(results, newest) {
				t.Errorf("%q is left, want %q", results, newest)
			}
		})
	}
}

// TestCaptureThatGrowsAfterItsEnd: a server goes on writing what it was told to
// for as long as it lives. What has become too large by then is removed.
func TestCaptureThatGrowsAfterItsEnd(t *testing.T) {
	t.Parallel()
	dir := runtimeFolder(t)
	gate := filepath.Join(dir, "gate")
	c := capturing(t, "echo $ROTA_CAPTURE_DIR > "+dir+"/$ROTA_WORKER_PID.new; mv "+dir+"/$ROTA_WORKER_PID.new "+dir+"/$ROTA_WORKER_PID",
		"-w", "1", "--capture-max-size", "100K", "--stop-timeout", "1m", "--", "/bin/sh", "-c", `(
			trap '' TERM
			until [ -e `+dir+`/$$ ] && [ -e `+gate+` ]; do sleep 0.01; done
			head -c 200K /dev/zero > $(cat `+dir+`/$$)/dump
		) & exec `+leaky)
	c.leak("/", func() { c.begins(1) })
	done := c.awaitKind("capture done", 1)
	if results := c.results(); !slices.Equal(results, []string{done.str("path")}) {
		t.Errorf("%q is left, want %q while the server lives", results, done.str("path"))
	}
	put(t, gate, "", 0o600)
	c.awaitKind("cycle done", 1)
	eventually(t, "what is too large is removed", func() bool { return len(c.results()) == 0 })
	for _, pid := range c.workers() { // whose writer waits for a capture of its own
		put(t, filepath.Join(dir, fmt.Sprint(pid)), dir, 0o600)
	}
	proveEnd(t, c.pool, 1)
}
