package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// glance is how often the files are looked at without being told to. It finds
// what the kernel does not tell: changes on network file systems, and folders
// that were moved away together with their watch.
const glance = 10 * time.Second

// Watch calls changed with each of the paths whose file has changed and then
// stayed as it is for settle. It blocks until ctx ends, and returns nil then; an
// error means that the paths cannot be watched. A file that is gone is no
// change before it is back; one that is not there yet is waited for.
func Watch(ctx context.Context, paths []string, settle time.Duration, changed func(path string)) error {
	w, err := newWatcher(paths, settle)
	if err != nil {
		return err
	}
	return w.run(ctx, changed)
}

// checkWatched tells why paths cannot be watched.
func checkWatched(paths []string) error {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return fmt.Errorf("%q is a directory: name a file in it", path)
		}
	}
	return nil
}

// watched is one file.
type watched struct {
	path     string
	reported identity // as it was when it was last reported, or at the start
	seen     identity // as it was at the last look
	since    time.Time
}

// identity tells one state of a file from another. What is in the file would
// tell as well, but not that somebody touched it to have the pool rolled.
type identity struct {
	device, inode uint64
	size          int64
	modified      time.Time
	target        string // behind all symbolic links
}

// identify looks at a file; the zero identity means that there is none.
func identify(path string) identity {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return identity{}
	}
	info, err := os.Stat(target)
	if err != nil {
		return identity{}
	}
	id := identity{size: info.Size(), modified: info.ModTime(), target: target}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		id.device, id.inode = uint64(stat.Dev), stat.Ino
	}
	return id
}

// watcher looks at files whenever something happens in a folder on the way to
// one of them.
type watcher struct {
	events *fsnotify.Watcher
	files  []*watched
	steps  []string // whose change can matter, see steps
	settle time.Duration
}

// newWatcher begins to watch: a change after it has returned is seen.
func newWatcher(paths []string, settle time.Duration) (*watcher, error) {
	if err := checkWatched(paths); err != nil {
		return nil, fmt.Errorf("cannot watch: %w", err)
	}
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("cannot watch files: %w (see fs.inotify.max_user_instances)", err)
	}
	w := &watcher{events: events, settle: settle}
	for _, path := range paths {
		w.files = append(w.files, &watched{path: path})
	}
	if err := w.follow(); err != nil {
		events.Close()
		return nil, fmt.Errorf("cannot watch files: %w", err)
	}
	// After the watches are set: a change between both is seen twice at most.
	for _, f := range w.files {
		f.reported = identify(f.path)
		f.seen = f.reported
	}
	return w, nil
}

// run reports until ctx ends.
func (w *watcher) run(ctx context.Context, changed func(path string)) error {
	defer w.events.Close()
	timer := time.NewTimer(glance)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-w.events.Events:
			if !w.concerns(event.Name) {
				continue
			}
		case <-w.events.Errors: // the queue ran over: look at everything
		case <-timer.C:
		}
		// A folder may be gone for a moment; the next glance finds it.
		_ = w.follow()
		timer.Reset(w.look(time.Now(), changed))
	}
}

// look reports what has settled, and says when to look again.
func (w *watcher) look(now time.Time, changed func(path string)) time.Duration {
	again := glance
	for _, f := range w.files {
		if id := identify(f.path); id != f.seen {
			f.seen, f.since = id, now
		}
		if f.seen == f.reported || f.seen == (identity{}) {
			continue
		}
		if left := w.settle - now.Sub(f.since); left > 0 {
			again = min(again, left)
			continue
		}
		f.reported = f.seen
		changed(f.path)
	}
	return again
}

// follow sets the watches on the folders that matter now. What is watched is
// never the file itself: an editor that renames a new one over it, or a
// ConfigMap whose ..data link is exchanged, would take the watch away with it.
func (w *watcher) follow() error {
	var wanted []string
	w.steps = w.steps[:0]
	for _, f := range w.files {
		w.steps = append(w.steps, steps(f.path)...)
	}
	for _, step := range w.steps {
		wanted = append(wanted, filepath.Dir(step))
	}
	for _, old := range w.events.WatchList() {
		if !slices.Contains(wanted, old) {
			_ = w.events.Remove(old) // it may be gone already
		}
	}
	for _, folder := range wanted {
		if err := w.events.Add(folder); err != nil {
			return err
		}
	}
	return nil
}

// concerns tells whether an event is about a step on the way to a file, or about
// a watched folder itself. A log that grows beside the file is neither.
func (w *watcher) concerns(name string) bool {
	return slices.ContainsFunc(w.steps, func(step string) bool {
		return step == name || filepath.Dir(step) == name
	})
}

// maxLinks ends a walk in circles, as the kernel's own limit does.
const maxLinks = 40

// steps lists what must stay as it is for path to be the same file: the file
// itself and each symbolic link on the way, all free of links in front of their
// last part. Where the way ends early, the last step is what is missing.
func steps(path string) []string {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	var found []string
	dir, rest, links := "/", path, 0
	for {
		name, tail, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		here := filepath.Join(dir, name)
		info, err := os.Lstat(here)
		isLink := err == nil && info.Mode()&os.ModeSymlink != 0
		if err != nil || isLink || tail == "" {
			found = append(found, here)
		}
		switch {
		case !isLink && (err != nil || tail == ""):
			return found
		case !isLink:
			dir, rest = here, tail
			continue
		}
		target, err := os.Readlink(here)
		if links++; err != nil || links > maxLinks {
			return found
		}
		if filepath.IsAbs(target) {
			dir = "/"
		}
		if rest = target; tail != "" {
			rest += "/" + tail
		}
	}
}
