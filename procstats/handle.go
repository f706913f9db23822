package procstats

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// maxHandles bounds the files of procfs that a Sampler keeps open, two for each
// process: to read one again takes half the time of opening it. The files of
// further processes are opened each time.
const maxHandles = 512

// spareHandles is maxHandles, or less where we may have few files open.
func spareHandles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(maxHandles, limit.Cur/8))
}

// handle is a file of one process that may be kept open. It belongs to that
// process for good: once that has ended, reading fails with ESRCH, whoever has its pid.
type handle struct {
	fd   rawFile
	open bool
	at   int64
	done bool
}

// Read implements io.Reader. The kernel writes the file anew at the beginning,
// and gives all of it to who asks for more than there is.
func (h *handle) Read(p []byte) (int, error) {
	for !h.done {
		n, err := unix.Pread(int(h.fd), p, h.at)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		h.at += int64(n)
		h.done = n < len(p)
		if n > 0 {
			return n, nil
		}
	}
	return 0, io.EOF
}

// close gives the file back. spare counts those that may still be opened.
func (h *handle) close(spare *int) {
	if h.open {
		unix.Close(int(h.fd))
		*spare++
	}
	*h = handle{}
}

// reread parses a file of pid, and keeps it open if spare allows.
func reread[T any](k Kernel, h *handle, spare *int, pid int, file string, parse func(io.Reader) (T, error)) (T, error) {
	var zero T
	if !h.open {
		fd, err := open(k.of(pid, file), unix.O_RDONLY)
		if err != nil {
			return zero, fmt.Errorf("cannot read %s: %w", k.of(pid, file), err)
		}
		h.fd = fd
		if *spare > 0 && ofProcfs(fd) {
			h.open = true
			*spare--
		} else {
			defer unix.Close(int(fd))
		}
	}
	h.at, h.done = 0, false
	v, err := parse(h)
	if err != nil {
		return zero, fmt.Errorf("cannot read %s: %w", k.of(pid, file), err)
	}
	return v, nil
}

// ofProcfs: no other file says when its process has ended.
func ofProcfs(fd rawFile) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(int(fd), &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
}
