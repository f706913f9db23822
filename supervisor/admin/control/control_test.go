package control

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// alone gives the test folders of its own: no pool of this machine is found.
func alone(t *testing.T) (runtime string) {
	t.Helper()
	runtime = t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv(Variable, "")
	return runtime
}

func open(t *testing.T, path string) *Listener {
	t.Helper()
	l, err := Listen(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// corpse is what a pool leaves behind that was killed.
func corpse(t *testing.T, path string) {
	t.Helper()
	l := open(t, path)
	l.UnixListener.Close()
}

func TestDefaultPlace(t *testing.T) {
	runtime := alone(t)
	l := open(t, "")
	want := filepath.Join(runtime, "rota", strconv.Itoa(os.Getpid())+".sock")
	if l.Path() != want {
		t.Errorf("%s, want %s", l.Path(), want)
	}
	for path, mode := range map[string]os.FileMode{want: 0o600, filepath.Dir(want): 0o700} {
		if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, mode)
		}
	}
	// The pid of another container's pool, in a folder that they share.
	second := open(t, "")
	if want := strings.TrimSuffix(want, ".sock") + "-2.sock"; second.Path() != want {
		t.Errorf("%s, want %s", second.Path(), want)
	}
	l.Close()
	if _, err := os.Lstat(want); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v: the socket was not removed", err)
	}
	second.Close()
	corpse(t, want)
	if again := open(t, ""); again.Path() != want {
		t.Errorf("%s, want %s, where nobody answers", again.Path(), want)
	}
}

// What stands where the socket should be is only ever replaced if it is a socket
// on which nobody answers.
func TestTaken(t *testing.T) {
	alone(t)
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path, nil); err == nil || !strings.Contains(err.Error(), "--control") {
		t.Errorf("in place of a file: %v", err)
	}
	if data, err := os.ReadFile(path); string(data) != "precious" {
		t.Errorf("the file holds %q, %v", data, err)
	}
	os.Remove(path)
	first := open(t, path)
	if _, err := Listen(path, nil); err == nil || !strings.Contains(err.Error(), "answers") {
		t.Errorf("in place of one that lives: %v", err)
	}
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("the one that lives: %v", err)
	} else {
		conn.Close()
	}
	// One whose file was removed does not take its successor's away.
	os.Remove(path)
	open(t, path)
	first.Close()
	if dead(path) {
		t.Error("the successor is dead")
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the successor has gone: %v", err)
	}
}

func TestLongPath(t *testing.T) {
	dir := t.TempDir()
	for length, fine := range map[int]bool{longestPath: true, longestPath + 1: false} {
		path := filepath.Join(dir, strings.Repeat("x", length-len(dir)-1))
		l, err := Listen(path, nil)
		if fine != (err == nil) || err != nil && !strings.Contains(err.Error(), "108 bytes") {
			t.Errorf("%d bytes: %v", length, err)
		}
		l.Close()
	}
}

// A folder that somebody else could have prepared is not used; there is another.
func TestFolders(t *testing.T) {
	for name, prepare := range map[string]func(dir string) error{
		"others can write to it": func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777))
		},
		"a link":            func(dir string) error { return os.Symlink(filepath.Dir(dir), dir) },
		"a file":            func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
		"its parent is not": func(dir string) error { return os.Remove(filepath.Dir(dir)) },
	} {
		runtime := alone(t)
		if err := prepare(filepath.Join(runtime, "rota")); err != nil {
			t.Fatal(err)
		}
		l := open(t, "")
		if strings.HasPrefix(l.Path(), runtime) {
			t.Errorf("%s: it is used all the same: %s", name, l.Path())
		}
		l.Close()
	}
	if os.Geteuid() != 0 {
		return
	}
	theirs := t.TempDir()
	if err := os.Chown(theirs, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := own(theirs, 0, true); err == nil {
		t.Error("another user's folder is used")
	}
	if err := own(filepath.Join(theirs, "rota"), 0, true); err == nil {
		t.Error("a folder in another user's is used, as with sudo -E")
	}
}

func TestFind(t *testing.T) {
	runtime := alone(t)
	dirs := []string{filepath.Join(runtime, "rota")} // and not where other pools of this machine are
	var none *None
	if _, err := findIn(dirs); !errors.As(err, &none) || !strings.Contains(err.Error(), runtime) {
		t.Errorf("without a pool: %v", err)
	}
	first := open(t, "")
	left := filepath.Join(filepath.Dir(first.Path()), "1.sock")
	corpse(t, left)
	if c, err := findIn(dirs); err != nil || c.Socket() != first.Path() {
		t.Errorf("%v, %v; want %s", c, err, first.Path())
	}
	if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v: the dead socket is still there", err)
	}
	t.Setenv(Variable, "/a")
	if c, err := Find(""); err != nil || c.Socket() != "/a" {
		t.Errorf("%v, %v; want what the variable says", c, err)
	}
	if c, err := Find("/b"); err != nil || c.Socket() != "/b" {
		t.Errorf("%v, %v; want what was said", c, err)
	}
	if _, err := Find(strings.Repeat("x", 200)); err == nil {
		t.Error("a path that is too long is fine")
	}
	t.Setenv(Variable, Off)
	if _, err := Find(""); err == nil {
		t.Error("off is fine")
	}
}

// root removes nothing in a folder whose owner can make another file of it meanwhile.
func TestOthersAreLeftAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		return // who is not root does not look into the folders of others
	}
	theirs := t.TempDir()
	left := filepath.Join(theirs, "1.sock")
	corpse(t, left)
	if err := os.Chown(theirs, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if live := look(theirs, 65534); len(live) != 0 {
		t.Errorf("%q live", live)
	}
	if _, err := os.Lstat(left); err != nil {
		t.Error(err)
	}
}

// The socket is not passed on to workers, and asks who is there.
func TestPeer(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "s"))
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		if flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%x, %v: it is inherited", flags, err)
		}
	})
	conn, err := net.Dial("unix", l.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if peer := accepted.(*Conn).Peer; peer.PID != os.Getpid() || peer.UID != os.Geteuid() {
		t.Errorf("%+v", peer)
	}
}
