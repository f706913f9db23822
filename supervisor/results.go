package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Capture says how evidence is taken of workers that leave for their memory, and
// how much of it is kept.
type Capture struct {
	Command string // for /bin/sh -c; empty for none
	Dir     string // absolute; each result is a folder in it
	Keep    int    // results that are kept, the newest
	MaxSize int64  // bytes of all results together, and of a file that the command writes
}

// resultName is what the folder of a result is called. Nothing else in Capture.Dir
// is ever removed.
var resultName = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-slot\d+-pid\d+(-failed)?$`)

// failedMark ends the name of the result of a command that failed.
const failedMark = "-failed"

// result is the folder of one capture while it is written. None of its methods is
// for the loop: they wait for the disk.
type result struct {
	Capture
	path     string
	output   *os.File      // what the command writes to its output and error
	lock     *os.File      // the folder: other pools that share Dir do not remove it meanwhile
	complete chan struct{} // closed when the command has ended
}

// open makes the folder of a result.
func (c Capture) open(at time.Time, slot, pid int) (*result, error) {
	name := fmt.Sprintf("%s-slot%d-pid%d", at.UTC().Format("20060102T150405.000Z"), slot, pid)
	r := &result{Capture: c, path: filepath.Join(c.Dir, name), complete: make(chan struct{})}
	// Not MkdirAll: what is there already is none of rota's.
	err := os.Mkdir(r.path, 0o700)
	if errors.Is(err, fs.ErrNotExist) { // somebody tidied up
		if err = c.Check(true); err == nil {
			err = os.Mkdir(r.path, 0o700)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for a capture: %w", err)
	}
	if r.lock, err = os.OpenFile(r.path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0); err == nil {
		if err = unix.Flock(int(r.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			r.output, err = os.OpenFile(filepath.Join(r.path, "output"), os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
		}
	}
	if err != nil {
		r.discard()
		return nil, fmt.Errorf("cannot prepare the folder of a capture: %w", err)
	}
	return r, nil
}

// sizeCheck is from one look at the size of a result to the next. Where a look
// takes long, since there are many files, it is rarer: a twentieth of the time.
const (
	sizeCheck     = 100 * time.Millisecond
	sizeCheckCost = 20
)

// watch looks at a result until it is complete, or larger than it may be, which
// it tells. What the command writes itself the kernel bounds, file by file; what
// it has the server write nobody does.
func (r *result) watch(outgrown func(size int64)) {
	next := time.NewTimer(sizeCheck)
	defer next.Stop()
	for {
		select {
		case <-r.complete:
			return
		case <-next.C:
		}
		began := time.Now()
		if size := sizeOf(r.path); size > r.MaxSize {
			outgrown(size)
			return
		}
		next.Reset(max(sizeCheck, sizeCheckCost*time.Since(began)))
	}
}

// discard removes the result.
func (r *result) discard() {
	r.close()
	os.RemoveAll(r.path)
}

func (r *result) close() {
	for _, f := range []*os.File{r.output, r.lock} {
		if f != nil {
			f.Close()
		}
	}
}

// outcome is what became of a result.
type outcome struct {
	path     string // empty if it was removed
	size     int64  // bytes
	lastLine string // of what the command wrote
	err      error  // why older ones could not be removed
}

// finish measures a result that is complete, and makes room for it. One that is
// larger than all may be together is removed itself.
func (r *result) finish(failed bool) outcome {
	out := outcome{path: r.path, size: sizeOf(r.path), lastLine: r.lastLine()}
	tooLarge := out.size > r.MaxSize
	// A server that still writes to it finds no folder for further files.
	if (failed || tooLarge) && os.Rename(r.path, r.path+failedMark) == nil {
		out.path += failedMark
	}
	r.close()
	if tooLarge {
		os.RemoveAll(out.path)
		out.path = ""
	}
	out.err = r.prune()
	return out
}

// lastLine is the end of what the command wrote, for a message. It is read from
// the file that rota opened, whatever stands under its name now.
func (r *result) lastLine() string {
	const most = 300
	info, err := r.output.Stat()
	if err != nil {
		return ""
	}
	buf := make([]byte, 4096)
	n, _ := r.output.ReadAt(buf, max(0, info.Size()-int64(len(buf))))
	text := strings.TrimSpace(strings.ToValidUTF8(string(buf[:n]), "?"))
	text = text[strings.LastIndexByte(text, '\n')+1:]
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

// sizeOf adds up the sizes of the files in a folder. What cannot be read counts
// nothing.
func sizeOf(path string) (bytes int64) {
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// prune removes the results that are too many or, with all that are newer, too
// large. Of those that failed the last is kept, and none at the cost of another.
func (c Capture) prune() error {
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return err
	}
	var good, failed []string
	for _, e := range entries {
		info, err := e.Info()
		path := filepath.Join(c.Dir, e.Name())
		switch {
		case err != nil || !e.IsDir() || !mine(info) || !resultName.MatchString(e.Name()) || inUse(path):
		case strings.HasSuffix(path, failedMark):
			failed = append(failed, path)
		default:
			good = append(good, path)
		}
	}
	newestFirst := func(a, b string) int { return cmp.Compare(b, a) } // names begin with their time
	slices.SortFunc(good, newestFirst)
	slices.SortFunc(failed, newestFirst)
	keep, keepFailed := min(c.Keep, len(good)), min(1, len(failed))
	remove := append(slices.Clone(good[keep:]), failed[keepFailed:]...)
	sum := int64(0)
	for _, path := range append(good[:keep:keep], failed[:keepFailed]...) {
		if sum += sizeOf(path); sum > c.MaxSize {
			remove = append(remove, path)
		}
	}
	var errs []error
	for _, path := range remove {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// inUse tells whether a result is still being written, by this pool or by another
// one. It is also what is said of one that cannot be looked at.
func inUse(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return true
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}
