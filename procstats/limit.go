package procstats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
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
// No control group, or none with a limit below the machine's memory, is the zero
// Limit.
func (k Kernel) MemoryLimit() (Limit, error) {
	at, err := k.memoryGroup()
	if errors.Is(err, errNoGroup) {
		return Limit{}, nil
	}
	if err != nil {
		return Limit{}, err
	}
	var least Limit
	for _, dir := range at.upwards() {
		limit, err := at.limit(dir)
		if err != nil {
			return Limit{}, err
		}
		least.lower(limit)
	}
	hidden, err := at.hiddenLimit()
	if err != nil {
		return Limit{}, err
	}
	least.lower(hidden)
	machine, err := k.meminfo()
	if err != nil || !machine.limits(least) {
		return Limit{}, err
	}
	return least, nil
}

// lower takes over another limit, if that is smaller.
func (l *Limit) lower(other Limit) {
	if other.Bytes > 0 && (l.Bytes == 0 || other.Bytes < l.Bytes) {
		*l = other
	}
}

// readLimit reads a file that holds one limit. A file that does not exist sets
// none: the root of version 2 has no such files.
func readLimit(file string) (Limit, error) {
	n, err := load(file, parseLimit)
	if errors.Is(err, fs.ErrNotExist) || err == nil && n == 0 {
		return Limit{}, nil
	}
	return Limit{Bytes: n, Source: file}, err
}

// readSize reads a file that holds one number. What does not exist is 0.
func readSize(file string) (int64, error) {
	n, err := load(file, parseBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return n, err
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
		n, err = sizeOf(bytes.TrimSpace(data))
		return err
	})
	return n, err
}

// maxSize keeps sums of some sizes below what an int64 holds; no machine comes
// near it.
const maxSize = math.MaxInt64 >> 5

func sizeOf(value []byte) (int64, error) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err == nil && (n < 0 || n > maxSize) {
		err = fmt.Errorf("%d is out of range", n)
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}
