package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// kept lists what is in a folder, by name.
func kept(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func write(t *testing.T, path string, bytes int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, bytes), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	oldest = "20260101T000000.000Z-slot0-pid1"
	older  = "20260102T000000.000Z-slot0-pid2"
	newer  = "20260103T000000.000Z-slot1-pid3"
	newest = "20260104T000000.000Z-slot0-pid4"
)

func TestPruneKeepsTheNewest(t *testing.T) {
	for name, c := range map[string]struct {
		keep  int
		size  int64
		there []string // a kilobyte each
		want  []string
	}{
		"number":             {2, 1 << 20, []string{oldest, older, newer, newest}, []string{newer, newest}},
		"size":               {9, 3 << 10, []string{oldest, older, newer, newest}, []string{older, newer, newest}},
		"enough room":        {9, 1 << 20, []string{oldest, newest}, []string{oldest, newest}},
		"failed go first":    {2, 1 << 20, []string{oldest, older, newer + failedMark, newest + failedMark}, []string{oldest, older, newest + failedMark}},
		"failed cost nobody": {2, 2 << 10, []string{oldest, older, newest + failedMark}, []string{oldest, older}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, result := range c.there {
				write(t, filepath.Join(dir, result, "a", "dump"), 1<<10)
			}
			if err := (Capture{Dir: dir, Keep: c.keep, MaxSize: c.size}).prune(); err != nil {
				t.Fatal(err)
			}
			if got := kept(t, dir); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestPruneLeavesAloneWhatIsNotRotas: the folder may be one where others keep things.
func TestPruneLeavesAloneWhatIsNotRotas(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	write(t, filepath.Join(elsewhere, "precious"), 1)
	for _, name := range []string{"backup", oldest + "-mine", "x" + oldest, "20260101-slot0-pid1"} {
		write(t, filepath.Join(dir, name, "precious"), 1)
	}
	write(t, filepath.Join(dir, older), 1) // a file
	if err := os.Symlink(elsewhere, filepath.Join(dir, oldest)); err != nil {
		t.Fatal(err)
	}
	before := kept(t, dir)
	write(t, filepath.Join(dir, newest, "dump"), 1)
	if err := os.Symlink(elsewhere, filepath.Join(dir, newest, "link")); err != nil {
		t.Fatal(err)
	}
	if err := (Capture{Dir: dir, Keep: 0, MaxSize: 0}).prune(); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, dir); !slices.Equal(got, before) {
		t.Errorf("%q, want %q", got, before)
	}
	if got := kept(t, elsewhere); len(got) != 1 {
		t.Errorf("what a link led to was removed")
	}
}

func TestResultUnderWayIsNotRemoved(t *testing.T) {
	c := Capture{Dir: t.TempDir(), Keep: 1, MaxSize: 1 << 20}
	r, err := c.open(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), 0, 7)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(c.Dir, newest, "dump"), 1)
	if err := c.prune(); err != nil { // as another pool does
		t.Fatal(err)
	}
	if got := kept(t, c.Dir); len(got) != 2 {
		t.Errorf("%q, want the one that is written too", got)
	}
	if out := r.finish(false); out.path != filepath.Join(c.Dir, "20250101T000000.000Z-slot0-pid7") || out.err != nil {
		t.Errorf("%+v", out)
	}
	if got := kept(t, c.Dir); !slices.Equal(got, []string{newest}) {
		t.Errorf("%q, want the newest alone", got)
	}
}

func TestFinish(t *testing.T) {
	c := Capture{Dir: filepath.Join(t.TempDir(), "captures"), Keep: 3, MaxSize: 100}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	run := func(slot, bytes int, said string, failed bool) outcome {
		r, err := c.open(at, slot, 7)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.output.WriteString(said); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(r.path, "dump"), bytes)
		os.Remove(filepath.Join(r.path, "output")) // whatever the command does with it
		return r.finish(failed)
	}
	if out := run(0, 40, "", false); out.size != 40 || out.lastLine != "" || filepath.Base(out.path) != "20260101T000000.000Z-slot0-pid7" {
		t.Errorf("%+v", out)
	}
	out := run(1, 40, "first\nno such process\xff\n\n", true)
	if out.size != 40 || out.lastLine != "no such process?" || filepath.Base(out.path) != "20260101T000000.000Z-slot1-pid7-failed" {
		t.Errorf("%+v", out)
	}
	if out := run(2, 101, strings.Repeat("x", 10000), false); out.size != 101 || out.path != "" || len(out.lastLine) != 300 {
		t.Errorf("%+v", out)
	}
	if got := kept(t, c.Dir); len(got) != 2 {
		t.Errorf("%q, want the one that is too large removed and the others kept", got)
	}
	if _, err := c.open(at, 0, 7); err == nil {
		t.Error("a result took the place of another one")
	}
}

func TestFolderForCaptures(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	own := DefaultCaptureDir()
	c := Capture{Dir: own}
	if err := c.Check(false); err != nil {
		t.Errorf("not there yet: %v", err)
	}
	if _, err := os.Lstat(own); err == nil {
		t.Error("it was made by merely looking")
	}
	if err := c.Check(true); err != nil {
		t.Error(err)
	}
	if info, err := os.Lstat(own); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
	if err := c.Check(true); err != nil {
		t.Errorf("there already: %v", err)
	}

	// What another user could have done in a folder that all may write to.
	if err := os.Chmod(own, 0o777); err != nil {
		t.Fatal(err)
	}
	refused(t, c, "other users can write to it", "--capture-dir")
	os.Remove(own)
	if err := os.Symlink(t.TempDir(), own); err != nil {
		t.Fatal(err)
	}
	refused(t, c, "no folder")
	link := Capture{Dir: filepath.Join(t.TempDir(), "link")}
	if err := os.Symlink(t.TempDir(), link.Dir); err != nil {
		t.Fatal(err)
	}
	if err := link.Check(true); err != nil {
		t.Errorf("a link that the operator has named: %v", err)
	}

	file := filepath.Join(t.TempDir(), "file")
	write(t, file, 1)
	refused(t, Capture{Dir: file}, file)
	refused(t, Capture{Dir: filepath.Join(file, "below")}, file)
}

// refused checks that a folder is not taken, whether it is to be made or not.
func refused(t *testing.T, c Capture, want ...string) {
	t.Helper()
	for _, create := range []bool{true, false} {
		err := c.Check(create)
		for _, text := range want {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s (made: %v): %v, want %q", c.Dir, create, err, text)
			}
		}
	}
}
