package procstats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"

	"github.com/shirou/gopsutil/v3/mem"
)

// Limit is a limit of memory.
type Limit struct {
	Bytes  int64  // 0: none
	Source string // the file that says so
}

// noLimit and above is what version 1 shows for none: the largest number of
// whole pages, which depends on the size of a page.
const noLimit = 1 << 62

// MemoryLimit is the smallest limit of memory of our own control group and of
// those around it, as far up as they can be seen: memory.max and memory.high of
// version 2, memory.limit_in_bytes of version 1. There, memory.stat tells
// hierarchical_memory_limit too, which includes groups outside of a container.
// No control group, or none with a limit, is the zero Limit.
func (k Kernel) MemoryLimit() (Limit, error) {
	group, err := k.memoryGroup()
	if errors.Is(err, errNoGroup) {
		return Limit{}, nil
	}
	if err != nil {
		return Limit{}, err
	}
	files := []string{"memory.max", "memory.high"}
	if group.v1 {
		files = []string{"memory.limit_in_bytes"}
	}
	var least Limit
	for dir := group.dir; ; dir = path.Dir(dir) {
		for _, file := range files {
			if err := least.lower(path.Join(dir, file), parseLimit); err != nil {
				return Limit{}, err
			}
		}
		if dir == group.mount || len(dir) < len(group.mount) {
			break
		}
	}
	if group.v1 {
		if err := least.lower(path.Join(group.dir, "memory.stat"), parseHierarchicalLimit); err != nil {
			return Limit{}, err
		}
	}
	return least, nil
}

// MemoryUsage is what our own control group is charged with, page cache
// included, in bytes: memory.current, or memory.usage_in_bytes of version 1. It
// is 0 where there is no such group, or only the root of version 2, which does
// not count.
func (k Kernel) MemoryUsage() (int64, error) {
	group, err := k.memoryGroup()
	if errors.Is(err, errNoGroup) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	file := "memory.current"
	if group.v1 {
		file = "memory.usage_in_bytes"
	}
	n, err := load(path.Join(group.dir, file), parseBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return n, err
}

// HostMemory is the size of the machine's memory in bytes, whatever the limit
// of a control group is.
func HostMemory() (int64, error) {
	m, err := mem.VirtualMemory()
	if err != nil {
		return 0, fmt.Errorf("cannot read the machine's memory: %w", err)
	}
	return int64(m.Total), nil
}

// lower takes over the limit that a file sets, if it is the smallest so far. A
// file that does not exist sets none: the root of version 2 has no such files.
func (l *Limit) lower(file string, parse func(io.Reader) (int64, error)) error {
	n, err := load(file, parse)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if n > 0 && (l.Bytes == 0 || n < l.Bytes) {
		*l = Limit{Bytes: n, Source: file}
	}
	return nil
}

// parseLimit reads the format of a file that holds one limit: "max", or bytes.
// None is 0. A limit that really is 0 (memory.high, to squeeze a group out) is
// read as one byte, not to be taken for none.
func parseLimit(r io.Reader) (int64, error) {
	var n int64
	err := slurp(r, func(data []byte) (err error) {
		n, err = limitOf(bytes.TrimSpace(data))
		return err
	})
	return n, err
}

func limitOf(value []byte) (int64, error) {
	if string(value) == "max" {
		return 0, nil
	}
	n, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil {
		return 0, err
	}
	if n >= noLimit {
		return 0, nil
	}
	return max(1, int64(n)), nil
}

// parseBytes reads the format of a file that holds one size.
func parseBytes(r io.Reader) (int64, error) {
	var n int64
	err := slurp(r, func(data []byte) (err error) {
		if n, err = strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64); err == nil && n < 0 {
			err = fmt.Errorf("%d is out of range", n)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// parseHierarchicalLimit reads hierarchical_memory_limit out of the format of
// version 1's memory.stat. A kernel that does not tell it sets none.
func parseHierarchicalLimit(r io.Reader) (int64, error) {
	const key = "hierarchical_memory_limit"
	var n int64
	err := slurp(r, func(data []byte) error {
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			name, value, _ := bytes.Cut(line, []byte{' '})
			if string(name) != key {
				continue
			}
			var err error
			if n, err = limitOf(bytes.TrimSpace(value)); err != nil {
				return fmt.Errorf("field %s: %w", key, err)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
