package cli

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// A change takes no longer than this to be reported, on the slowest machine.
const generous = 30 * time.Second

// watching runs a watcher over files in a folder of the test's own.
type watching struct {
	t       *testing.T
	dir     string
	reports chan string
}

// newWatching starts to watch; every test can also write the file "marker".
func newWatching(t *testing.T, dir string, settle time.Duration, files ...string) *watching {
	t.Helper()
	w := &watching{t: t, dir: dir, reports: make(chan string, 100)}
	paths := []string{w.path("marker")}
	for _, file := range files {
		paths = append(paths, w.path(file))
	}
	inner, err := newWatcher(paths, settle)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- inner.run(ctx, func(path string) { w.reports <- path }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watching) path(file string) string { return filepath.Join(w.dir, file) }

func (w *watching) write(file, text string) { writeFile(w.t, w.path(file), text) }

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *watching) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// want waits for the next report.
func (w *watching) want(file string) {
	w.t.Helper()
	select {
	case got := <-w.reports:
		if got != w.path(file) {
			w.t.Fatalf("%s is reported; want %s", got, file)
		}
	case <-time.After(generous):
		w.t.Fatalf("%s is not reported", file)
	}
}

// nothing proves that no more reports come: a change that is made now is
// reported after all that were made before.
func (w *watching) nothing() {
	w.t.Helper()
	w.write("marker", time.Now().String())
	w.want("marker")
}

const settle = 50 * time.Millisecond

func TestWatchInPlace(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app"), "one")
	w := newWatching(t, dir, settle, "app")
	w.write("app", "three")
	w.want("app")
	w.write("app", "seventeen")
	w.want("app")
	w.nothing()
}

func TestWatchRenamedOver(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app"), "one")
	w := newWatching(t, dir, settle, "app")
	for _, text := range []string{"two", "thr"} {
		w.write("app.new", text)
		w.must(os.Rename(w.path("app.new"), w.path("app")))
		w.want("app")
	}
	w.nothing()
}

func TestWatchDeletedAndCreated(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app"), "one")
	w := newWatching(t, dir, settle, "app")
	w.must(os.Remove(w.path("app")))
	w.nothing()
	w.write("app", "two")
	w.want("app")
	w.nothing()
}

// A ConfigMap's files are links to ..data/FILE, and ..data is a link to a
// folder with the current release, which is exchanged by a rename.
func TestWatchConfigMap(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "..1/app"), "one")
	for link, target := range map[string]string{"..data": "..1", "app": "..data/app"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	w := newWatching(t, dir, settle, "app")
	for i := 2; i < 4; i++ {
		release := ".." + strconv.Itoa(i)
		w.write(release+"/app", "one")
		w.must(os.Symlink(release, w.path("..data_tmp")))
		w.must(os.Rename(w.path("..data_tmp"), w.path("..data")))
		w.must(os.RemoveAll(w.path(".." + strconv.Itoa(i-1))))
		w.want("app")
	}
	w.nothing()
}

// A release is a folder, and the link to the current one lies above the file.
func TestWatchLinkAbove(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "releases/1/app"), "one")
	writeFile(t, filepath.Join(dir, "releases/2/app"), "two")
	if err := os.Symlink("releases/1", filepath.Join(dir, "current")); err != nil {
		t.Fatal(err)
	}
	w := newWatching(t, dir, settle, "current/app")
	w.must(os.Symlink("releases/2", w.path("next")))
	w.must(os.Rename(w.path("next"), w.path("current")))
	w.want("current/app")
	w.write("releases/1/app", "old") // nobody's any more
	w.nothing()
	w.write("releases/2/app", "three")
	w.want("current/app")
}

func TestWatchManyWrites(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app"), "")
	w := newWatching(t, dir, time.Second, "app")
	for i := range 200 {
		w.write("app", strconv.Itoa(i))
	}
	w.want("app")
	w.nothing()
}

// Neither other files of the folder, nor being read, nor modes are a change,
// and a file that is put back was not changed.
func TestWatchUnrelated(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app"), "one")
	w := newWatching(t, dir, settle, "app")
	w.write("app.log", "line")
	w.must(os.Chmod(w.path("app"), 0o644))
	w.must(os.Rename(w.path("app"), w.path("away")))
	w.must(os.Rename(w.path("away"), w.path("app")))
	w.nothing()
}

func TestWatchNotThereYet(t *testing.T) {
	dir := t.TempDir()
	w := newWatching(t, dir, settle, "deep/er/app")
	w.must(os.Mkdir(w.path("deep"), 0o755))
	w.nothing()
	w.write("deep/er/app", "one")
	w.want("deep/er/app")
	w.must(os.RemoveAll(w.path("deep")))
	w.nothing()
	w.write("deep/er/app", "two")
	w.want("deep/er/app")
}

func TestWatchErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("src", 0o755); err != nil {
		t.Fatal(err)
	}
	err := Watch(context.Background(), []string{"src"}, settle, nil)
	if want := `cannot watch: "src" is a directory: name a file in it`; err == nil || err.Error() != want {
		t.Errorf("got %v; want %s", err, want)
	}
}

func TestWatchCircle(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Symlink("loop", "loop"); err != nil {
		t.Fatal(err)
	}
	if got := steps("loop/app"); len(got) == 0 || len(got) > maxLinks+1 {
		t.Errorf("%d steps", len(got))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Watch(ctx, []string{"loop"}, settle, nil); err != nil {
		t.Error(err)
	}
}
