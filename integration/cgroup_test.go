package integration

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
	"testing"
	"time"
)

// cgroup is a control group with a limit of memory that a pool runs in, as it
// would in a container: rota, its workers, and all that the kernel keeps for
// them. What it says is the kernel's own account and none of rota's.
type cgroup struct {
	t   testing.TB
	dir string
	v1  bool
}

// groupName begins the names of all groups that tests make; the pid of the test
// binary follows.
const groupName = "rota-test-"

// group makes a control group of so many bytes below the one that the test runs
// in, without swap, and removes it with the test, with all that is left in it.
func group(t testing.TB, limit int64) *cgroup {
	t.Helper()
	needRoot(t)
	parent, v1, err := ownGroup()
	if err == nil && !v1 {
		parent, err = delegated(parent)
	}
	if err != nil {
		lacking(t, fmt.Sprintf("no memory control group can be made: %v", err))
	}
	sweep(parent)
	g := &cgroup{t, filepath.Join(parent, fmt.Sprintf("%s%d-%d", groupName, os.Getpid(), time.Now().UnixNano())), v1}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		lacking(t, fmt.Sprintf("no memory control group can be made: %v", err))
	}
	t.Cleanup(g.remove)
	if v1 {
		g.set("memory.limit_in_bytes", limit)
		if g.has("memory.memsw.limit_in_bytes") {
			// Of memory and swap together. What meets this one first is not counted as having met the other.
			g.set("memory.memsw.limit_in_bytes", limit+mib)
		}
		return g
	}
	g.set("memory.max", limit)
	if g.has("memory.swap.max") {
		g.set("memory.swap.max", 0)
	}
	return g
}

// ownGroup is the folder of the group that this process's memory is charged to.
func ownGroup() (dir string, v1 bool, err error) {
	own := ""
	for _, line := range lines("/proc/self/cgroup") {
		fields := strings.SplitN(line, ":", 3)
		if slices.Contains(strings.Split(fields[1], ","), "memory") {
			own, v1 = fields[2], true
			break
		}
		if fields[1] == "" {
			own = fields[2]
		}
	}
	for _, line := range lines("/proc/self/mountinfo") {
		mount, kind, _ := strings.Cut(line, " - ")
		fields, super := strings.Fields(mount), strings.Fields(kind)
		if super[0] != "cgroup2" && !(super[0] == "cgroup" && slices.Contains(strings.Split(super[2], ","), "memory")) || v1 != (super[0] == "cgroup") {
			continue
		}
		root, point := fields[3], fields[4]
		dir = filepath.Join(point, strings.TrimPrefix(own, root))
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
		if _, err := os.Stat(filepath.Join(at, "cgroup.subtree_control")); err != nil {
			return "", fmt.Errorf("neither %s nor a group above lets its children have the memory controller", dir)
		}
		control := filepath.Join(at, "cgroup.subtree_control")
		if data, err := os.ReadFile(control); err == nil && slices.Contains(strings.Fields(string(data)), "memory") {
			return at, nil
		}
		if os.WriteFile(control, []byte("+memory"), 0) == nil {
			return at, nil
		}
	}
}

// sweep removes groups of test binaries that were killed.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, groupName+"*"))
	for _, dir := range left {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), groupName), "-")
		if pid, err := strconv.Atoi(number); err == nil && !alive(pid) {
			_ = os.Remove(dir) // fails while somebody is in it
		}
	}
}

// inside has rota run in the group from its first page on.
func (g *cgroup) inside() option {
	return under("sh", "-c", fmt.Sprintf(`echo $$ >%s/cgroup.procs && exec "$@"`, g.dir), "sh")
}

// remove kills what is left in the group, which is nothing unless the test
// failed, and removes it.
func (g *cgroup) remove() {
	for deadline := time.Now().Add(patience); ; {
		for _, pid := range g.processes() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		err := os.Remove(g.dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			g.t.Errorf("cannot remove the control group: %v", err)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (g *cgroup) processes() (pids []int) {
	for _, line := range lines(filepath.Join(g.dir, "cgroup.procs")) {
		if pid, err := strconv.Atoi(line); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (g *cgroup) has(file string) bool {
	_, err := os.Stat(filepath.Join(g.dir, file))
	return err == nil
}

func (g *cgroup) set(file string, bytes int64) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, file), []byte(strconv.FormatInt(bytes, 10)), 0); err != nil {
		g.t.Fatal(err)
	}
}

// number reads a file that holds one.
func (g *cgroup) number(file string) int64 {
	g.t.Helper()
	data, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		g.t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		g.t.Fatalf("%s: %v", file, err)
	}
	return n
}

// table reads a file of names and numbers.
func (g *cgroup) table(file string) map[string]int64 {
	g.t.Helper()
	values := map[string]int64{}
	for _, line := range lines(filepath.Join(g.dir, file)) {
		name, value, _ := strings.Cut(line, " ")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			g.t.Fatalf("%s: %q: %v", file, line, err)
		}
		values[name] = n
	}
	return values
}

// of is what a file of one version or the other says.
func (g *cgroup) of(v1, v2 string) int64 {
	g.t.Helper()
	if g.v1 {
		return g.number(v1)
	}
	return g.number(v2)
}

// usage is what is charged to the group, in bytes; peak the most that ever was.
func (g *cgroup) usage() int64 { return g.of("memory.usage_in_bytes", "memory.current") }
func (g *cgroup) peak() int64  { return g.of("memory.max_usage_in_bytes", "memory.peak") }

// oomKills is how many processes of the group the kernel killed.
func (g *cgroup) oomKills() int64 {
	if g.v1 {
		return g.table("memory.oom_control")["oom_kill"]
	}
	return g.table("memory.events")["oom_kill"]
}

// met is how often the limit was met, whether or not that could be mended.
func (g *cgroup) met() int64 {
	if g.v1 {
		return g.number("memory.failcnt")
	}
	return g.table("memory.events")["max"]
}

// anonymous is the part of the charge that no file is behind, shared memory
// included. Pages of files are charged to whoever read them first, so those of
// programs and libraries mostly to somebody else.
func (g *cgroup) anonymous() int64 {
	stat := g.table("memory.stat")
	if g.v1 {
		return stat["total_rss"] + stat["total_shmem"]
	}
	return stat["anon"] + stat["shmem"]
}

// TestGroup checks the measure itself: what is in a group is charged to it, the
// kernel enforces its limit, and nothing is left of it.
func TestGroup(t *testing.T) {
	t.Parallel()
	var dir string
	t.Run("made", func(t *testing.T) {
		g := group(t, 64*mib)
		dir = g.dir
		// The peak is of 20 MiB at least for what holds so much in a variable.
		if e := runIn(t, g, `x=$(head -c 20000000 /dev/zero | tr '\0' x); echo ${#x}`); e.code != 0 {
			t.Errorf("exit code %d: %s", e.code, e.stderr)
		}
		if peak := g.peak(); peak < 20_000_000 || peak > 64*mib || g.oomKills() != 0 {
			t.Errorf("peak %d, %d OOM kills, want 20 MB to 64 MiB and none", peak, g.oomKills())
		}
		if e := runIn(t, g, `x=$(head -c 200000000 /dev/zero | tr '\0' x); echo ${#x}`); e.code == 0 {
			t.Error("200 MB fit in 64 MiB")
		}
		if g.oomKills() == 0 || g.met() == 0 || g.peak() > 64*mib {
			t.Errorf("%d OOM kills, limit met %d times, peak %d: the limit was not enforced", g.oomKills(), g.met(), g.peak())
		}
		_ = runIn(t, g, `sleep 100 >/dev/null 2>&1 &`) // is left behind
	})
	if _, err := os.Stat(dir); dir != "" && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the group is still there: %v", err)
	}
}

// runIn runs a shell script in a group, to its end.
func runIn(t *testing.T, g *cgroup, script string) ended {
	t.Helper()
	return runProgram(t, "sh", []string{"-c", script}, g.inside())
}
