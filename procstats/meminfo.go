package procstats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
)

// meminfo is what /proc/meminfo tells of the machine, in bytes. What it does not
// tell is 0.
type meminfo struct {
	Total     int64
	Free      int64
	Available int64 // free, and what the kernel thinks could be freed without swapping

	InactiveFile        int64
	SwapTotal, SwapFree int64

	// Memory of the kernel's own that it cannot take back.
	SUnreclaim, KernelStack, PageTables, SecPageTables, Percpu, VmallocUsed int64
}

// meminfo reads /proc/meminfo. Where there is none, nothing is known.
func (k Kernel) meminfo() (meminfo, error) {
	m, err := load(k.Proc+"/meminfo", parseMeminfo)
	if errors.Is(err, fs.ErrNotExist) {
		return meminfo{}, nil
	}
	return m, err
}

// parseMeminfo reads the format of /proc/meminfo. MemTotal and MemFree have to
// be there. Before Linux 3.14 there is no MemAvailable; free memory and the cache
// stand in for it.
func parseMeminfo(r io.Reader) (meminfo, error) {
	var m meminfo
	var total, free, available bool
	var cache int64
	err := slurp(r, func(data []byte) error {
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			key, value, ok := bytes.Cut(line, []byte{':'})
			if !ok {
				continue
			}
			field := m.field(string(key))
			if string(key) == "Cached" {
				field = &cache
			}
			if field == nil {
				continue
			}
			n, err := kilobytes(bytes.Trim(value, " \t"))
			if err != nil {
				return fmt.Errorf("field %s: %w", key, err)
			}
			*field = n
			total = total || field == &m.Total
			free = free || field == &m.Free
			available = available || field == &m.Available
		}
		return nil
	})
	switch {
	case err != nil:
		return meminfo{}, err
	case !total || m.Total == 0:
		return meminfo{}, errors.New("field MemTotal: missing")
	case !free:
		return meminfo{}, errors.New("field MemFree: missing")
	}
	if !available {
		m.Available = m.Free + cache
	}
	return m, nil
}

// field is where the value of a key goes, or nil if it is of no interest.
func (m *meminfo) field(key string) *int64 {
	switch key {
	case "MemTotal":
		return &m.Total
	case "MemFree":
		return &m.Free
	case "MemAvailable":
		return &m.Available
	case "Inactive(file)":
		return &m.InactiveFile
	case "SwapTotal":
		return &m.SwapTotal
	case "SwapFree":
		return &m.SwapFree
	case "SUnreclaim":
		return &m.SUnreclaim
	case "KernelStack":
		return &m.KernelStack
	case "PageTables":
		return &m.PageTables
	case "SecPageTables":
		return &m.SecPageTables
	case "Percpu":
		return &m.Percpu
	case "VmallocUsed":
		return &m.VmallocUsed
	}
	return nil
}

// container is the machine taken for a container.
func (m meminfo) container(k Kernel) Container {
	c := Container{Machine: true}
	if m.Total == 0 {
		return c
	}
	c.Limit = Limit{Bytes: m.Total, Source: k.Proc + "/meminfo"}
	c.Usage = max(0, m.Total-m.Free)
	c.WorkingSet = max(0, c.Usage-m.InactiveFile)
	c.Unreclaimable = max(0, m.Total-m.Available)
	c.Swap = max(0, m.SwapTotal-m.SwapFree)
	return c
}

// limits reports whether a limit is one, and less than the machine has.
func (m meminfo) limits(l Limit) bool {
	return l.Bytes > 0 && (m.Total == 0 || l.Bytes < m.Total)
}

// kernelThatStays is an upper bound of what cannot be taken back of any group's
// kernel memory: all that cannot be of the machine's. What stands for meminfo in
// some containers (lxcfs) leaves the slab out; then there is no bound.
func (m meminfo) kernelThatStays() int64 {
	if m.SUnreclaim == 0 {
		return math.MaxInt64
	}
	return m.SUnreclaim + m.KernelStack + m.PageTables + m.SecPageTables + m.Percpu + m.VmallocUsed
}
