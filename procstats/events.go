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

// MemoryEvents are counters. What a kernel does not count is 0. High, Max and OOM
// are counted where a limit is met, and so are those of the group that Container's
// Limit is of (our own, where it is the machine's), with all groups in it.
//
// OOMKill is counted where a process that was killed had been, whoever's limit it
// was.
//
// The group that was looked at first counts since it was made; another one that
// came to be the nearest, or that we were moved to, since then. See tally.
type MemoryEvents struct {
	High    uint64 // throttled over memory.high; version 2 alone
	Max     uint64 // met the limit (version 1: memory.failcnt + memory.memsw.failcnt)
	OOM     uint64 // the limit could not be met; version 2 alone
	OOMKill OOMKills
}

// OOMKills are the processes that the kernel killed for want of memory. Those in
// groups within ours are of a worker that has moved to a group of its own
// (Nests), or of somebody else: containers within ours, or whatever runs below a
// group that rota was started in by hand.
//
// Version 1 counts each group alone in memory.oom_control. Version 2 counts a
// group with all groups in it in memory.events, and alone in memory.events.local
// from Linux 5.2 on; before that, or where our own group cannot be told from one
// around it, all are counted as our own. Without a group that counts, they are the
// machine's, out of /proc/vmstat.
type OOMKills struct {
	Own    uint64 // in our own group
	Nested uint64 // in the groups within it
}

// Total is both.
func (n OOMKills) Total() uint64 { return n.Own + n.Nested }

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

// oomKills reads OOMKill of a group, or of the nearest around it that counts, or
// else of the machine.
func (k Kernel) oomKills(at memoryGroup) (OOMKills, error) {
	for _, dir := range at.upwards() {
		n, err := killsOf(dir, at.v1)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if at.around || dir != at.dir {
			n = OOMKills{Own: n.Total()}
		}
		return n, err
	}
	n, err := loadKills(k.Proc + "/vmstat")
	if errors.Is(err, fs.ErrNotExist) {
		return OOMKills{}, nil
	}
	return OOMKills{Own: n}, err
}

// countsApart tells whether kills in the group itself are told from those within it.
func (at memoryGroup) countsApart() bool {
	if at.dir == "" || at.around {
		return false
	}
	_, err := os.Stat(path.Join(at.dir, "memory.events.local"))
	return at.v1 || err == nil
}

func killsOf(dir string, v1 bool) (OOMKills, error) {
	if v1 {
		own, err := loadKills(path.Join(dir, "memory.oom_control"))
		if err != nil {
			return OOMKills{}, err
		}
		nested, err := killsWithin(dir)
		return OOMKills{own, nested}, err
	}
	for {
		before, err := loadKills(path.Join(dir, "memory.events.local"))
		alone := !errors.Is(err, fs.ErrNotExist)
		if alone && err != nil {
			return OOMKills{}, err
		}
		all, err := loadKills(path.Join(dir, "memory.events"))
		if err != nil || !alone {
			return OOMKills{Own: all}, err
		}
		own, err := loadKills(path.Join(dir, "memory.events.local"))
		if err != nil || own == before { // else one was killed between the files
			return OOMKills{own, all - min(all, own)}, err
		}
	}
}

// loadKills reads oom_kill out of a file in the format of memory.events.
func loadKills(file string) (uint64, error) {
	e, err := load(file, parseEvents)
	return e.OOMKill.Own, err
}

// killsWithin adds up oom_kill of all groups within one of version 1.
func killsWithin(dir string) (sum uint64, err error) {
	// A folder has a link for each folder in it, and two more.
	var folder syscall.Stat_t
	if err := syscall.Stat(dir, &folder); err == nil && folder.Nlink == 2 {
		return 0, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("cannot read %s: %w", dir, err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		group := path.Join(dir, entry.Name())
		n, err := loadKills(path.Join(group, "memory.oom_control"))
		if err == nil {
			sum += n
			n, err = killsWithin(group)
		}
		if err != nil && !Gone(err) && !errors.Is(err, syscall.ENODEV) { // removed meanwhile
			return 0, err
		}
		sum += n
	}
	return sum, nil
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
			e.OOMKill.Own, err = strconv.ParseUint(string(value), 10, 64)
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
