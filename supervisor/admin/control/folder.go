package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// suffix ends the names of control sockets; what precedes it begins with a pid.
const suffix = ".sock"

// Folders are where a control socket is put, the best first: the user's runtime
// folder, the system's, the user's own in the temporary folder.
func Folders() []string {
	var dirs []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		dirs = append(dirs, filepath.Join(dir, "rota"))
	}
	return append(dirs, "/run/rota", temporary(os.TempDir(), os.Geteuid()))
}

func temporary(dir string, uid int) string {
	return filepath.Join(dir, "rota-"+strconv.Itoa(uid))
}

// searched are where the sockets of this user's pools may be. A pool may have
// been started with another environment than that of whoever asks, by systemd for
// one.
func searched() []string {
	uid := os.Geteuid()
	dirs := append(Folders(), filepath.Join("/run/user", strconv.Itoa(uid), "rota"), temporary("/tmp", uid))
	// Two names of one folder would make one pool look like two.
	var once []string
	var seen []fs.FileInfo
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		same := func(other fs.FileInfo) bool { return os.SameFile(info, other) }
		if slices.Contains(once, dir) || err == nil && slices.ContainsFunc(seen, same) {
			continue
		}
		once = append(once, dir)
		if err == nil {
			seen = append(seen, info)
		}
	}
	return once
}

// others are where the sockets of other users' pools may be, for root, by whose
// they are as their names have it.
func others() map[string]int {
	found := map[string]int{}
	temp, _ := filepath.Glob("/tmp/rota-*")
	for _, dir := range temp {
		if uid, err := strconv.Atoi(strings.TrimPrefix(dir, "/tmp/rota-")); err == nil {
			found[dir] = uid
		}
	}
	run, _ := filepath.Glob("/run/user/*/rota")
	for _, dir := range run {
		if uid, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil {
			found[dir] = uid
		}
	}
	return found
}

// own tells why a folder is not one that a user alone can put sockets into,
// making it if create is set.
func own(dir string, uid int, create bool) error {
	// sudo may keep XDG_RUNTIME_DIR: what is root's has no place with another user.
	// In the temporary folder nobody can take away what is not his.
	parent, err := os.Stat(filepath.Dir(dir))
	if err != nil {
		return fmt.Errorf("cannot use %s: %w", dir, err)
	}
	if owner := uidOf(parent); owner != uid && owner != 0 && parent.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("cannot use %s: the folder around it is another user's", dir)
	}
	if create {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("cannot make a folder: %w", err)
		}
	}
	info, err := os.Lstat(dir) // a link would be somebody else's choice
	switch {
	case err != nil:
		return fmt.Errorf("cannot use %s: %w", dir, err)
	case !info.IsDir():
		return fmt.Errorf("cannot use %s: it is no folder", dir)
	case uidOf(info) != uid || info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("cannot use %s: it is another user's, or others can write to it", dir)
	}
	if create {
		if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
			return fmt.Errorf("cannot use %s: %w", dir, err)
		}
	}
	return nil
}

func uidOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}
