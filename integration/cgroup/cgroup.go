// Package cgroup makes control groups with a limit of memory, of version 1 or 2,
// for tests and benchmarks: what a container has. What it says is the kernel's own
// account and none of rota's.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Group is a control group that was made here.
type Group struct {
	dir string
	v1  bool
}

// prefix begins the names of all groups that are made; the pid of who made it follows.
const prefix = "rota-test-"

const mib = 1 << 20

// New makes a group of so many bytes below the one that this process is in,
// without swap. It needs to be root. Remove it when it is done with.
func New(limit int64) (*Group, error) {
	parent, v1, err := own()
	if err == nil && !v1 {
		parent, err = delegated(parent)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make a control group of memory: %w", err)
	}
	sweep(parent)
	g := &Group{filepath.Join(parent, fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), time.Now().UnixNano())), v1}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make a control group of memory: %w", err)
	}
	if err := g.Limit(limit); err != nil {
		return nil, errors.Join(err, g.Remove())
	}
	return g, nil
}

// Limit changes the limit of the group to so many bytes.
func (g *Group) Limit(bytes int64) error {
	if !g.v1 {
		err := g.set("memory.max", bytes)
		if err == nil && g.has("memory.swap.max") {
			err = g.set("memory.swap.max", 0)
		}
		return err
	}
	// Of memory and swap together; it is never below the one of memory alone. What
	// meets this one first is not counted as having met the other.
	both, swapped := "memory.memsw.limit_in_bytes", false
	if g.has(both) && g.number(both, "") < bytes+mib {
		swapped = true
		if err := g.set(both, bytes+mib); err != nil {
			return err
		}
	}
	err := g.set("memory.limit_in_bytes", bytes)
	if err == nil && !swapped && g.has(both) {
		err = g.set(both, bytes+mib)
	}
	return err
}

// own is the folder of the group that this process's memory is charged to.
func own() (dir string, v1 bool, err error) {
	name := ""
	for _, line := range lines("/proc/self/cgroup") {
		fields := strings.SplitN(line, ":", 3)
		if slices.Contains(strings.Split(fields[1], ","), "memory") {
			name, v1 = fields[2], true
			break
		}
		if fields[1] == "" {
			name = fields[2]
		}
	}
	for _, line := range lines("/proc/self/mountinfo") {
		mount, kind, _ := strings.Cut(line, " - ")
		fields, super := strings.Fields(mount), strings.Fields(kind)
		if super[0] != "cgroup2" && !(super[0] == "cgroup" && slices.Contains(strings.Split(super[2], ","), "memory")) || v1 != (super[0] == "cgroup") {
			continue
		}
		root, point := fields[3], fields[4]
		dir = filepath.Join(point, strings.TrimPrefix(name, root))
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
			dir = point // a container without a name space of its own sees its group as the root
		}
		return dir, v1, nil
	}
	return "", v1, errors.New("no file system of control groups is mounted")
}

// delegated is the nearest group of version 2, from our own upwards, whose
// children have their memory counted. Our own can have none while processes are
// in it, as this one is, so mostly it is the one above; only as the root of all
// groups it can.
func delegated(dir string) (string, error) {
	for at := dir; ; at = path.Dir(at) {
		control := filepath.Join(at, "cgroup.subtree_control")
		data, err := os.ReadFile(control)
		if err != nil {
			return "", fmt.Errorf("neither %s nor a group above lets its children have the memory controller", dir)
		}
		if slices.Contains(strings.Fields(string(data)), "memory") || os.WriteFile(control, []byte("+memory"), 0) == nil {
			return at, nil
		}
	}
}

// sweep removes groups of processes that were killed.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, dir := range left {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		if pid, err := strconv.Atoi(number); err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = os.Remove(dir) // fails while somebody is in it
		}
	}
}

// Inside are the first arguments of a command that is to run in the group from
// its first page on.
func (g *Group) Inside() []string {
	return []string{"sh", "-c", fmt.Sprintf(`echo $$ >%s/cgroup.procs && exec "$@"`, g.dir), "sh"}
}

// Dir is the folder of the group.
func (g *Group) Dir() string { return g.dir }

// Remove kills what is left in the group and removes it.
func (g *Group) Remove() error {
	for deadline := time.Now().Add(30 * time.Second); ; {
		for _, pid := range g.Processes() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		err := os.Remove(g.dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cannot remove the control group: %w", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Processes are those in the group.
func (g *Group) Processes() (pids []int) {
	for _, line := range lines(filepath.Join(g.dir, "cgroup.procs")) {
		if pid, err := strconv.Atoi(line); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (g *Group) has(file string) bool {
	_, err := os.Stat(filepath.Join(g.dir, file))
	return err == nil
}

func (g *Group) set(file string, bytes int64) error {
	return os.WriteFile(filepath.Join(g.dir, file), []byte(strconv.FormatInt(bytes, 10)), 0)
}

// number reads a file that holds one; 0 if it cannot be read.
func (g *Group) number(v1, v2 string) int64 {
	file := v2
	if g.v1 {
		file = v1
	}
	data, _ := os.ReadFile(filepath.Join(g.dir, file))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n
}

// table reads a file of names and numbers.
func (g *Group) table(v1, v2 string) map[string]int64 {
	file := v2
	if g.v1 {
		file = v1
	}
	values := map[string]int64{}
	for _, line := range lines(filepath.Join(g.dir, file)) {
		name, value, _ := strings.Cut(line, " ")
		values[name], _ = strconv.ParseInt(value, 10, 64)
	}
	return values
}

// Usage is what is charged to the group, in bytes.
func (g *Group) Usage() int64 { return g.number("memory.usage_in_bytes", "memory.current") }

// Peak is the most that ever was charged to the group, in bytes.
func (g *Group) Peak() int64 { return g.number("memory.max_usage_in_bytes", "memory.peak") }

// OOMKills is how many processes of the group the kernel has killed.
func (g *Group) OOMKills() int64 { return g.table("memory.oom_control", "memory.events")["oom_kill"] }

// Met is how often the limit was met, whether or not that could be mended.
func (g *Group) Met() int64 {
	if g.v1 {
		return g.number("memory.failcnt", "")
	}
	return g.table("", "memory.events")["max"]
}

// Anonymous is the part of the charge, in bytes, that no file is behind, shared
// memory included. Pages of files are charged to whoever read them first, so those
// of programs and libraries mostly to somebody else.
func (g *Group) Anonymous() int64 {
	stat := g.table("memory.stat", "memory.stat")
	if g.v1 {
		return stat["total_rss"] + stat["total_shmem"]
	}
	return stat["anon"] + stat["shmem"]
}

func lines(file string) []string {
	data, err := os.ReadFile(file)
	text := strings.TrimSuffix(string(data), "\n")
	if err != nil || text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
