package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"rota/supervisor/launch"
)

// commandAfterDash is the part of the arguments behind --. Anything in front
// of it is an error, and so nobody's flags are taken for rota's.
func commandAfterDash(cmd *cobra.Command, args []string) ([]string, error) {
	dash := cmd.ArgsLenAtDash()
	if dash < 0 && len(args) > 0 || dash > 0 {
		return nil, usage(fmt.Errorf("unexpected argument %q: put -- before the command", args[0]))
	}
	return args, nil
}

// LookCommand finds the program of a command as a worker with the environment
// env would, PATH included, and returns its path. Its errors are ExitErrors
// with the codes that shells use: 127 for what is not there, 126 for what
// cannot be run.
func LookCommand(command, env []string) (string, error) {
	if len(command) == 0 || command[0] == "" {
		return "", usage(errNoCommand)
	}
	name := command[0]
	if strings.Contains(name, "/") {
		return name, commandError(name, executable(name), "no such file")
	}
	path, _ := lookup(env, "PATH")
	var denied error
	for _, dir := range filepath.SplitList(path) {
		candidate := filepath.Join(dir, name)
		if dir == "" || dir == "." {
			candidate = "./" + name // an empty entry is the working directory
		}
		err := executable(candidate)
		if err == nil {
			return candidate, nil
		}
		if denied == nil && !errors.Is(err, syscall.EISDIR) && !missing(err) {
			denied = commandError(candidate, err, "")
		}
	}
	if denied != nil {
		return "", denied
	}
	where := "not in PATH; give its full path, or add its folder with --env PATH=..."
	switch {
	case path == "":
		where = "PATH is empty; give its full path, or --env PATH=..."
	case executable("./"+name) == nil:
		where = fmt.Sprintf("not in PATH; did you mean %q?", "./"+name)
	}
	return "", commandError(name, fs.ErrNotExist, where)
}

// executable tells why a file cannot be run, or nil.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return syscall.EISDIR
	}
	// The effective user counts, as it does for exec. Old kernels and some
	// sandboxes cannot tell; then the bits must do.
	err = unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
	if err == unix.ENOSYS || err == unix.EPERM {
		err = nil
	}
	if err == nil && info.Mode()&0o111 == 0 {
		err = syscall.EACCES
	}
	return err
}

// missing tells whether the file is not there at all.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// commandError says why a program cannot be run, with its exit code.
func commandError(path string, err error, where string) error {
	switch {
	case err == nil:
		return nil
	case missing(err):
		return &ExitError{launch.ExitNotFound, fmt.Errorf("command not found: %q (%s)", path, where)}
	case errors.Is(err, syscall.EISDIR):
		return &ExitError{launch.ExitCannotRun, fmt.Errorf("cannot run %q: it is a directory (name a program in it)", path)}
	case errors.Is(err, fs.ErrPermission) && readable(path):
		return &ExitError{launch.ExitCannotRun, fmt.Errorf("cannot run %q: not executable (chmod +x %s, or name its interpreter)", path, path)}
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return &ExitError{launch.ExitCannotRun, fmt.Errorf("cannot run %q: %w", path, err)}
}

// readable tells whether the file itself can be reached, so that it is its own
// mode that is in the way and not a folder's.
func readable(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
