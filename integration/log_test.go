package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Nobody reads the log, and its pipe is full: the pool goes on, and rota ends.
func TestLogThatNobodyReads(t *testing.T) {
	t.Parallel()
	dir := runtimeFolder(t)
	log, control := filepath.Join(dir, "log"), filepath.Join(dir, "control")
	if err := unix.Mkfifo(log, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(log, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	size, err := unix.FcntlInt(pipe.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipe.Write(bytes.Repeat([]byte("."), size)); err != nil {
		t.Fatal(err)
	}
	p := start(t, []string{"--log-file", log, "--control", control, "-w", "2", "--", leaky}, withEnv(fmt.Sprintf("PORT=%d", freePort(t))))
	ask := func(args ...string) ended { return runRota(t, args, withEnv("ROTA_CONTROL="+control)) }
	for deadline := time.Now().Add(patience); ask("status").code != 0; {
		if time.Now().After(deadline) {
			t.Fatal("the pool never was ready")
		}
	}
	if e := ask("roll", "--wait", "--timeout", patience.String()); e.code != 0 {
		t.Errorf("a roll ended with %d: %s", e.code, e.stderr)
	}
	if e := ask("stop", "--wait", "--timeout", patience.String()); e.code != 0 {
		t.Errorf("a stop ended with %d: %s", e.code, e.stderr)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("rota ended with %d", code)
	}
}
