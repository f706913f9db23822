package procstats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"syscall"
)

// MemoryEvents are counters since their group was made. What a kernel does not
// count is 0. High, Max and OOM are counted where a limit is met, and so are those
// of the group that Container's Limit is of (our own, where it is the machine's),
// with all groups in it. A counter falls when another group comes to be the nearest.
//
// OOMKill is counted where a process that was killed had been, whoever's limit
// it was: it is our own group's with all groups in it. Version 2 adds those up
// itself in memory.events (memory.events.local would miss a worker that has moved to a
// group of its own, as would memory.events on a system mounted with
// memory_localevents); version 1 counts each group alone in memory.oom_control. Without a group that counts, it is
// the machine's, out of /proc/vmstat.
type MemoryEvents struct {
	High    uint64 // throttled over memory.high; version 2 alone
	Max     uint64 // met the limit (version 1: memory.failcnt + memory.memsw.failcnt)
	OOM     uint64 // the limit could not be met; version 2 alone
	OOMKill uint64 // processes that the kernel killed for want of memory
}

// events reads High, Max and OOM of one group.
func (at memoryGroup) events(dir string) (MemoryEvents, error) {
	if at.v1 {
		n, err := readSize(path.Join(dir, "memory.failcnt"))
		if err != nil {
			return MemoryEvents{}, err
		}
		// Where no swap is allowed both limits are the same, and the second is met
		// first; but from Linux 6.13 on it is not counted.
		swapped, err := readSize(path.Join(dir, "memory.memsw.failcnt"))
		return MemoryEvents{Max: uint64(n + swapped)}, err
	}
	e, err := load(path.Join(dir, "memory.events"), parseEvents)
	if errors.Is(err, fs.ErrNotExist) {
		return MemoryEvents{}, nil // the root of version 2
	}
	return e, err
}

// oomKills reads OOMKill of a group, or of the machine if it is none or does not count.
func (k Kernel) oomKills(at memoryGroup) (uint64, error) {
	if at.dir != "" {
		n, err := at.kills()
		if !errors.Is(err, fs.ErrNotExist) {
			return n, err
		}
	}
	e, err := load(k.Proc+"/vmstat", parseEvents)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return e.OOMKill, err
}

func (at memoryGroup) kills() (uint64, error) {
	if at.v1 {
		return killsBelow(at.dir)
	}
	e, err := load(path.Join(at.dir, "memory.events"), parseEvents)
	return e.OOMKill, err
}

// killsBelow adds up oom_kill of a group of version 1 and of all in it.
func killsBelow(dir string) (uint64, error) {
	e, err := load(path.Join(dir, "memory.oom_control"), parseEvents)
	if err != nil {
		return 0, err
	}
	// A folder has a link for each folder in it, and two more.
	var folder syscall.Stat_t
	if err := syscall.Stat(dir, &folder); err == nil && folder.Nlink == 2 {
		return e.OOMKill, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("cannot read %s: %w", dir, err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		n, err := killsBelow(path.Join(dir, entry.Name()))
		if err != nil && !Gone(err) && !errors.Is(err, syscall.ENODEV) { // removed meanwhile
			return 0, err
		}
		e.OOMKill += n
	}
	return e.OOMKill, nil
}

// parseEvents reads the format of memory.events, which memory.oom_control of
// version 1 and /proc/vmstat share: a name and a number in each line.
func parseEvents(r io.Reader) (MemoryEvents, error) {
	var e MemoryEvents
	err := eachPair(r, func(key string, value []byte) (err error) {
		switch key {
		case "high":
			e.High, err = strconv.ParseUint(string(value), 10, 64)
		case "max":
			e.Max, err = strconv.ParseUint(string(value), 10, 64)
		case "oom":
			e.OOM, err = strconv.ParseUint(string(value), 10, 64)
		case "oom_kill":
			e.OOMKill, err = strconv.ParseUint(string(value), 10, 64)
		}
		return err
	})
	if err != nil {
		return MemoryEvents{}, err
	}
	return e, nil
}

// eachPair calls use for each line, which is a name, a space and a value. An
// error names the field.
func eachPair(r io.Reader, use func(key string, value []byte) error) error {
	return slurp(r, func(data []byte) error {
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			key, value, ok := bytes.Cut(line, []byte{' '})
			if !ok {
				continue
			}
			if err := use(string(key), bytes.TrimSpace(value)); err != nil {
				return fmt.Errorf("field %s: %w", key, err)
			}
		}
		return nil
	})
}
