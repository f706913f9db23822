// Package procstats reads what the Linux kernel tells about processes and the
// memory that they cost: status, stat and smaps_rollup of a process, who
// descends from whom, and the limits of the control group. A Sampler puts
// these together into the cost of whole process trees, within a budget of its
// own; a Group tells what the container that holds them all has and needs. The
// package knows nothing of what the processes are for.
//
// Each kernel file has a parser that takes an io.Reader, apart from the method
// of Kernel that opens the file. What a kernel does not tell is a zero value,
// not an error.
package procstats

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Kernel is where the kernel's files are mounted. Host is the real one; a
// folder of fixtures does as well.
type Kernel struct {
	Proc string // the mount point of procfs
	Sys  string // the mount point of sysfs
}

// Host is the kernel that this process runs on.
var Host = Kernel{Proc: "/proc", Sys: "/sys"}

// Gone reports whether err, from a method of Kernel, says that the process
// does not exist (any more). The kernel says so in two ways: ENOENT when its
// folder is opened, ESRCH when it ends between open and read.
func Gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// of is the path of a file of process pid.
func (k Kernel) of(pid int, file string) string {
	return k.Proc + "/" + strconv.Itoa(pid) + "/" + file
}

// pids appends the ids of all processes to dst, in ascending order.
func (k Kernel) pids(dst []int) ([]int, error) {
	return numericNames(dst, k.Proc)
}

// load opens path and parses it. The error names the file, and with it the pid.
func load[T any](path string, parse func(io.Reader) (T, error)) (T, error) {
	var zero T
	fd, err := open(path, unix.O_RDONLY)
	if err != nil {
		return zero, fmt.Errorf("cannot read %s: %w", path, err)
	}
	defer unix.Close(int(fd))
	v, err := parse(fd)
	if err != nil {
		return zero, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return v, nil
}

// rawFile is a file descriptor read without package os: procfs cannot be
// polled, and os.Open would try to on each of some hundred opens a second.
type rawFile int

func open(path string, flags int) (rawFile, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return rawFile(fd), err
		}
	}
}

// Read implements io.Reader.
func (f rawFile) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(f), p)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

var buffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, 8<<10)) }}

// slurp calls use with all that r holds. The bytes are not use's to keep.
//
// The whole file in one large read is also what makes it consistent: the
// kernel formats these files at the first read, from one look at the process.
func slurp(r io.Reader, use func([]byte) error) error {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	return use(b.Bytes())
}

var direntBuffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// numericNames appends the entries of dir that are numbers to dst, ascending.
// It decodes linux_dirent64 itself, since os.ReadDir allocates for each entry
// and a host may have thousands of processes.
func numericNames(dst []int, dir string) ([]int, error) {
	from := len(dst)
	fd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return dst, fmt.Errorf("cannot read %s: %w", dir, err)
	}
	defer unix.Close(int(fd))
	buf := direntBuffers.Get().(*[]byte)
	defer direntBuffers.Put(buf)
	for {
		n, err := unix.Getdents(int(fd), *buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return dst, fmt.Errorf("cannot read %s: %w", dir, err)
		}
		if n <= 0 {
			break
		}
		dst = appendNumbers(dst, (*buf)[:n])
	}
	slices.Sort(dst[from:])
	return dst, nil
}

// appendNumbers appends the numeric names of a block of linux_dirent64: eight
// bytes of inode, eight of offset, two of record length, one of type, the name.
func appendNumbers(dst []int, block []byte) []int {
	const nameAt = 19
	for len(block) > nameAt {
		size := int(binary.NativeEndian.Uint16(block[16:]))
		if size <= nameAt || size > len(block) {
			return dst
		}
		name, _, _ := bytes.Cut(block[nameAt:size], []byte{0})
		if n, ok := number(name); ok {
			dst = append(dst, n)
		}
		block = block[size:]
	}
	return dst
}

// number reads a name that consists of digits alone.
func number(name []byte) (int, bool) {
	if len(name) == 0 || len(name) > 10 {
		return 0, false
	}
	n := 0
	for _, c := range name {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
