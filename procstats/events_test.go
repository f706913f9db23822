package procstats

import (
	"fmt"
	"testing"
)

// Without memory.events, as in the root of version 2 or without any group, the
// machine's kills count.
func TestOOMKillsOfMachine(t *testing.T) {
	dir := t.TempDir()
	k := Kernel{Proc: dir + "/proc", Sys: dir + "/sys"}
	writeAll(t, dir, map[string]string{"proc/vmstat": "nr_free_pages 7\noom_kill 12\n"})
	if n, err := NewGroup(k).OOMKills(); err != nil || n != (OOMKills{Own: 12}) {
		t.Errorf("without a group: %+v, %v", n, err)
	}
	writeAll(t, dir, map[string]string{
		"proc/self/cgroup":          "0::/\n",
		"proc/self/mountinfo":       "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		"sys/fs/cgroup/cgroup.stat": "nr_descendants 3\n",
	})
	if n, err := NewGroup(k).OOMKills(); err != nil || n != (OOMKills{Own: 12}) {
		t.Errorf("in the root: %+v, %v", n, err)
	}
}

// A worker that moved to a group of its own is told from one that did not.
func TestOOMKillsWithin(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  OOMKills
	}{
		"version 2": {map[string]string{
			"proc/self/cgroup":                       "0::/rota\n",
			"proc/self/mountinfo":                    "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			"sys/fs/cgroup/rota/memory.events":       "oom_kill 5\n",
			"sys/fs/cgroup/rota/memory.events.local": "oom_kill 2\n",
		}, OOMKills{2, 3}},
		"version 2 before Linux 5.2": {map[string]string{
			"proc/self/cgroup":                 "0::/rota\n",
			"proc/self/mountinfo":              "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			"sys/fs/cgroup/rota/memory.events": "oom_kill 5\n",
		}, OOMKills{5, 0}},
		"version 1": {map[string]string{
			"proc/self/cgroup":                                 "4:memory:/rota\n",
			"proc/self/mountinfo":                              "31 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
			"sys/fs/cgroup/memory/rota/memory.oom_control":     "oom_kill 1\n",
			"sys/fs/cgroup/memory/rota/a/memory.oom_control":   "oom_kill 2\n",
			"sys/fs/cgroup/memory/rota/a/b/memory.oom_control": "oom_kill 4\n",
		}, OOMKills{1, 6}},
		"version 2, where only the group around ours counts memory": {map[string]string{
			"proc/vmstat":                            "oom_kill 77\n",
			"proc/self/cgroup":                       "0::/rota/leaf\n",
			"proc/self/mountinfo":                    "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			"sys/fs/cgroup/rota/memory.events":       "oom_kill 5\n",
			"sys/fs/cgroup/rota/memory.events.local": "oom_kill 2\n",
			"sys/fs/cgroup/rota/leaf/cgroup.procs":   "1\n",
		}, OOMKills{5, 0}},
		"a group around ours": {map[string]string{
			"proc/self/cgroup":                             "4:memory:/elsewhere/rota\n",
			"proc/self/mountinfo":                          "31 23 0:28 /host /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
			"sys/fs/cgroup/memory/memory.oom_control":      "oom_kill 1\n",
			"sys/fs/cgroup/memory/rota/memory.oom_control": "oom_kill 2\n",
		}, OOMKills{3, 0}},
	} {
		dir := t.TempDir()
		writeAll(t, dir, test.files)
		if n, err := NewGroup(Kernel{Proc: dir + "/proc", Sys: dir + "/sys"}).OOMKills(); err != nil || n != test.want {
			t.Errorf("%s: %+v, %v, want %+v", name, n, err, test.want)
		}
	}
}

func TestNests(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{
		"proc/self/cgroup": "4:memory:/rota\n3:cpu:/\n0::/\n",
		"proc/7/cgroup":    "5:cpu:/busy\n4:memory:/rota\n0::/busy\n",
		"proc/8/cgroup":    "4:memory:/rota/scope\n3:cpu:/\n0::/\n",
		"proc/9/cgroup":    "?\n",

		"proc/self/mountinfo":                          "31 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
		"sys/fs/cgroup/memory/rota/memory.oom_control": "oom_kill 0\n",
	})
	g := NewGroup(Kernel{Proc: dir + "/proc", Sys: dir + "/sys"})
	for pid, want := range map[int]bool{7: false, 8: true, 9: false, 10: false} {
		if got := g.Nests(pid); got != want {
			t.Errorf("Nests(%d) = %v", pid, got)
		}
	}
	writeAll(t, dir, map[string]string{"proc/self/mountinfo": "31 23 0:28 /host /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"})
	if NewGroup(Kernel{Proc: dir + "/proc", Sys: dir + "/sys"}).Nests(8) {
		t.Error("nested where all kills count as our own")
	}
}

// A counter goes on from where it was, whichever group it is of.
func TestTally(t *testing.T) {
	var sums tally
	for i, c := range []struct {
		dir       string
		high, sum uint64
	}{{"service", 7, 7}, {"slice", 44, 7}, {"slice", 46, 9}, {"service", 7, 9}, {"service", 8, 10}, {"slice", 46, 10}, {"slice", 1, 10}, {"slice", 2, 11}} {
		if got := sums.add(c.dir, MemoryEvents{High: c.high}).High; got != c.sum {
			t.Errorf("%d: %+v: %d", i, c, got)
		}
	}
}

// A limit that was not the nearest, and is met before it was ever looked at as such.
func TestEventsOfTheNearest(t *testing.T) {
	dir := t.TempDir()
	g := NewGroup(Kernel{Proc: dir + "/proc", Sys: dir + "/sys"})
	put := func(limit, ooms int) {
		writeAll(t, dir, map[string]string{
			"proc/self/cgroup":                       "0::/slice/rota\n",
			"proc/self/mountinfo":                    "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			"sys/fs/cgroup/slice/memory.max":         "300\n",
			"sys/fs/cgroup/slice/memory.events":      "max 70\n",
			"sys/fs/cgroup/slice/rota/memory.max":    fmt.Sprintln(limit),
			"sys/fs/cgroup/slice/rota/memory.events": fmt.Sprintf("max %d\noom %d\n", 10+ooms, ooms),
		})
	}
	put(400, 3)
	c, err := g.Container()
	if err != nil || c.Events.Max != 70 || c.Events.OOM != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	put(200, 5)
	if c, err = g.Container(); err != nil || c.Events.Max != 72 || c.Events.OOM != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}
