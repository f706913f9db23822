package procstats

import (
	"bufio"
	"bytes"
	"io"
)

// ArenasUnbounded reports whether a process allocates with glibc's malloc and
// lets it have as many arenas as it likes, eight for each CPU: it maps libc.so.6
// and no other allocator, it is no Go program, which has a heap of its own, and
// nothing in the environment that it was started with bounds them. It is not to
// be asked often: for /proc/PID/maps the process's own mmap and munmap wait.
func (k Kernel) ArenasUnbounded(pid int) (bool, error) {
	glibc, err := load(k.of(pid, "maps"), parseMalloc)
	if err != nil || !glibc {
		return false, err
	}
	bounded, err := load(k.of(pid, "environ"), parseArenaBound)
	return err == nil && !bounded, err
}

// goHeap is where Go's heap begins on 64-bit machines, as maps writes it.
var goHeap = []byte("c000000000-")

// allocators are in the names of libraries that take malloc's place.
var allocators = [][]byte{[]byte("jemalloc"), []byte("tcmalloc"), []byte("mimalloc")}

// parseMalloc reads the format of /proc/PID/maps: whether glibc's malloc is what
// the process allocates with.
func parseMalloc(r io.Reader) (bool, error) {
	glibc := false
	for lines := bufio.NewReader(r); ; {
		// What is longer than the buffer goes on as if it were another line, and
		// looks like no library.
		line, err := lines.ReadSlice('\n')
		if bytes.HasPrefix(line, goHeap) {
			return false, nil
		}
		name := line[bytes.LastIndexByte(line, '/')+1:]
		glibc = glibc || bytes.HasPrefix(name, []byte("libc.so.6")) || bytes.HasPrefix(name, []byte("libc-2."))
		for _, other := range allocators {
			if bytes.Contains(name, other) {
				return false, nil
			}
		}
		switch {
		case err == io.EOF:
			return glibc, nil
		case err != nil && err != bufio.ErrBufferFull:
			return false, err
		}
	}
}

// parseArenaBound reads the format of /proc/PID/environ: whether it bounds the
// arenas of glibc's malloc, see mallopt(3).
func parseArenaBound(r io.Reader) (bool, error) {
	bounded := false
	err := slurp(r, func(data []byte) error {
		for setting := range bytes.SplitSeq(data, []byte{0}) {
			name, value, _ := bytes.Cut(setting, []byte{'='})
			switch string(name) {
			case "MALLOC_ARENA_MAX":
				bounded = bounded || len(value) > 0
			case "GLIBC_TUNABLES":
				bounded = bounded || bytes.Contains(value, []byte("glibc.malloc.arena_max="))
			}
		}
		return nil
	})
	return bounded, err
}
