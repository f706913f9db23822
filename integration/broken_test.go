package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// gunicorn listens before it loads the application, and ends when that fails.
// Such a release never served, whatever it did to its socket.
func TestReleaseThatListensAndThenFails(t *testing.T) {
	t.Parallel()
	gunicorn := server(t, "/usr/bin/gunicorn", "gunicorn")
	dir := t.TempDir()
	write := func(app string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "shop.py"), []byte(app), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const good = "def app(environ, start):\n    start('200 OK', [('Content-Length', '3')])\n    return [b'ok\\n']\n"
	const broken = "import no_such_module\n"
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	command := []string{"-w", "2", "--", gunicorn, "--bind", addr, "shop:app"}
	noCache := withEnv("PYTHONDONTWRITEBYTECODE=1")

	write(broken)
	first := start(t, command, inDir(dir), noCache)
	if code := first.wait(); code != 3 { // gunicorn's own for a worker that fails to boot
		t.Errorf("a broken application ends with code %d, want gunicorn's 3", code)
	}
	if n := first.count("worker ready"); n > 0 {
		t.Errorf("%d workers of a broken application counted as ready", n)
	}

	write(good)
	p := start(t, command, inDir(dir), noCache)
	p.awaitKind("pool ready", 1)
	write(broken)
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll failed", 1)
	if body, err := get(addr, "/"); err != nil || !strings.HasPrefix(body, "ok") {
		t.Errorf("after the failed roll: %q, %v", body, err)
	}
	write(good)
	p.signal(syscall.SIGHUP)
	p.awaitKind("roll done", 1)
	p.neverBelow(2)
}
