package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// DefaultCaptureDir is the user's own in the temporary folder, which others may
// write to as well.
func DefaultCaptureDir() string {
	return filepath.Join(os.TempDir(), "rota-captures-"+strconv.Itoa(os.Geteuid()))
}

const captureDirRemedy = "name another with --capture-dir"

// Check tells whether results can be written, making the folder if create is set.
func (c Capture) Check(create bool) error {
	if create {
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return fmt.Errorf("cannot make the folder for captures: %w (%s)", err, captureDirRemedy)
		}
	}
	// In a folder that all may write to, another user may have made it first, or a
	// link of its name: what is written there would be theirs to read or to lead astray.
	look := os.Stat
	guarded := c.Dir == DefaultCaptureDir()
	if guarded {
		look = os.Lstat
	}
	info, err := look(c.Dir)
	switch {
	case !create && errors.Is(err, fs.ErrNotExist):
		return creatable(c.Dir)
	case err != nil:
		return fmt.Errorf("cannot use the folder for captures: %w (%s)", err, captureDirRemedy)
	case !info.IsDir():
		return fmt.Errorf("cannot write captures to %s: it is no folder (%s)", c.Dir, captureDirRemedy)
	case guarded && (!mine(info) || info.Mode().Perm()&0o022 != 0):
		return fmt.Errorf("cannot write captures to %s: other users can write to it (remove it, or %s)", c.Dir, captureDirRemedy)
	}
	if err := unix.Access(c.Dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("cannot write captures to %s: %w (%s)", c.Dir, err, captureDirRemedy)
	}
	return nil
}

// Exposed tells why results that are written to a folder of the operator's choice
// are not safe from other users; empty if they are, or nothing is known. A volume
// of a container is often writable by all who can reach it, so that is no error.
func (c Capture) Exposed() string {
	info, err := os.Stat(c.Dir)
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return ""
	case stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
		return fmt.Sprintf("results in %s can be replaced by user %d, whom it belongs to: chown it to user %d", c.Dir, stat.Uid, os.Geteuid())
	case info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Sprintf("results in %s can be replaced by any user, since all may write to it: chmod o-w or +t it", c.Dir)
	}
	return ""
}

// creatable tells whether a folder that is not there could be made.
func creatable(dir string) error {
	parent := filepath.Dir(dir)
	info, err := os.Stat(parent)
	switch {
	case errors.Is(err, fs.ErrNotExist) && parent != dir:
		return creatable(parent)
	case err == nil && !info.IsDir():
		err = syscall.ENOTDIR
	case err == nil:
		err = unix.Access(parent, unix.W_OK|unix.X_OK)
	}
	if err != nil {
		return fmt.Errorf("cannot make the folder for captures in %s: %w (%s)", parent, err, captureDirRemedy)
	}
	return nil
}

func mine(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
