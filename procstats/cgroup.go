package procstats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// membership is one line of /proc/PID/cgroup: the group of a process in one
// hierarchy.
type membership struct {
	id          string
	controllers string // empty for version 2
	path        string // as seen from the process's cgroup namespace
}

// parseCgroup reads the format of /proc/PID/cgroup: "4:memory:/path" for a
// hierarchy of version 1, "0::/path" for version 2.
func parseCgroup(r io.Reader) ([]membership, error) {
	var groups []membership
	err := slurp(r, func(data []byte) error {
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			if len(line) == 0 {
				continue
			}
			fields := strings.SplitN(string(line), ":", 3)
			if len(fields) != 3 || !strings.HasPrefix(fields[2], "/") {
				return fmt.Errorf("line %q: not ID:CONTROLLERS:/PATH", line)
			}
			groups = append(groups, membership{fields[0], fields[1], fields[2]})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return groups, nil
}

// memoryGroup is the control group that our own memory is charged to.
type memoryGroup struct {
	v1    bool
	mount string // where the hierarchy is mounted: the walk upwards ends here
	dir   string // the group's folder, mount or below it
	// dir may be a group around ours, which cannot be seen itself.
	around bool
}

// errNoGroup: no control group counts our memory, or none that can be seen.
var errNoGroup = errors.New("no memory control group")

// memoryGroup finds the group of this process.
func (k Kernel) memoryGroup() (memoryGroup, error) {
	groups, err := load(k.Proc+"/self/cgroup", parseCgroup)
	if errors.Is(err, fs.ErrNotExist) {
		return memoryGroup{}, errNoGroup // a kernel without control groups
	}
	if err != nil {
		return memoryGroup{}, err
	}
	own, v1, ok := memoryController(groups)
	if !ok {
		return memoryGroup{}, errNoGroup
	}
	mounts, err := load(k.Proc+"/self/mountinfo", parseMountinfo)
	if err != nil {
		return memoryGroup{}, err
	}
	var fallback *memoryGroup
	for _, m := range mounts {
		if m.fstype != "cgroup2" && !(m.fstype == "cgroup" && m.has("memory")) || v1 != (m.fstype == "cgroup") {
			continue
		}
		point := k.seen(m.point)
		if below, ok := within(own, m.root); ok && isDir(path.Join(point, below)) {
			return memoryGroup{v1: v1, mount: point, dir: path.Join(point, below)}, nil
		}
		// The path is one that we cannot see: the host's, in a container that
		// got its own group as a bind mount and no namespace. The root of the
		// mount is then our group; or, at worst, a group around it.
		if fallback == nil && isDir(point) {
			fallback = &memoryGroup{v1, point, point, true}
		}
	}
	if fallback == nil {
		return memoryGroup{}, errNoGroup
	}
	return *fallback, nil
}

// memoryController finds the path of the group that counts memory. A controller
// is in one hierarchy only, and in version 2's unless a line of version 1 names it.
func memoryController(groups []membership) (own string, v1, ok bool) {
	for _, g := range groups {
		if slices.Contains(strings.Split(g.controllers, ","), "memory") {
			return g.path, true, true
		}
		if g.controllers == "" && g.id == "0" {
			own, ok = g.path, true
		}
	}
	return own, false, ok
}

// within is the path of group below root, if it is. Both may begin with "..",
// when they are outside of our cgroup namespace. The walk is by component, since
// path.Clean would drop those.
func within(group, root string) (string, bool) {
	group = strings.TrimSuffix(group, " (deleted)")
	g, r := components(group), components(root)
	if len(r) > len(g) || !slices.Equal(g[:len(r)], r) {
		return "", false
	}
	if slices.Contains(g[len(r):], "..") {
		return "", false // above the root: names that we do not know lie between
	}
	return "/" + strings.Join(g[len(r):], "/"), true
}

func components(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

// seen is where a folder that the kernel names is for us: below Sys, if it is
// below /sys.
func (k Kernel) seen(point string) string {
	if rest, ok := strings.CutPrefix(point, "/sys/"); ok {
		return path.Join(k.Sys, rest)
	}
	return point
}

func isDir(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.IsDir()
}
