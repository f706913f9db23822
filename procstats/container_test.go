package procstats

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a container is on systems of each kind, in MiB where it is whole. Those that
// are called recorded are files of real systems: recorded-v1 of Linux 6.18, recorded-v2
// of Debian's 6.12 with a pool that is slowed down over the memory.high of the slice
// around it, recorded-v2-container the same as seen from a name space in it, and
// recorded-v2-killed of Debian's 6.1 after two workers were killed.
func TestContainer(t *testing.T) {
	us := func(some, full int64) Pressure {
		return Pressure{Known: true, Some: time.Duration(some) * time.Microsecond, Full: time.Duration(full) * time.Microsecond}
	}
	for _, test := range []struct {
		dir      string
		want     Container // Limit.Source, OOMGroupSource: below sys/fs; Pressure.Source: below dir
		pressure string
		fromProc bool // Limit.Source is below dir
	}{
		{dir: "k8s-v2", pressure: "sys/fs/cgroup/memory.pressure", want: Container{
			Limit: Limit{512 * mib, "cgroup/memory.max"},
			Usage: 420 * mib, WorkingSet: 360 * mib,
			Unreclaimable: (300+2+3+4+1+5+1)*mib + 81920, // and 80 KiB of the kernel's without a name
			Events:        MemoryEvents{Max: 17, OOM: 2, OOMKill: OOMKills{Own: 3}}, Pressure: us(5123456, 4000001),
			OOMGroup: true, OOMGroupSource: "cgroup/memory.oom.group"}},
		{dir: "docker-v2", pressure: "proc/pressure/memory", want: Container{
			Limit: Limit{1024 * mib, "cgroup/memory.max"},
			Usage: 900 * mib, WorkingSet: 800 * mib, Unreclaimable: (550 + 60 + 10 + 2 + 6 + 1 + 4) * mib, Swap: 64 * mib,
			Events: MemoryEvents{Max: 5}, Pressure: us(700, 600)}},
		{dir: "systemd-v2", pressure: "sys/fs/cgroup/apps.slice/apps-web.slice/rota.service/memory.pressure", want: Container{
			Limit: Limit{2048 * mib, "cgroup/apps.slice/apps-web.slice/memory.high"},
			Usage: 1990 * mib, WorkingSet: 1840 * mib, Unreclaimable: (1650+60+6+10+1+8+1)*mib + 81920, Swap: 80 * mib,
			Events: MemoryEvents{High: 44, OOMKill: OOMKills{Own: 1}}, Pressure: us(31, 30)}},
		{dir: "unlimited-v2", pressure: "proc/pressure/memory", fromProc: true, want: Container{
			Limit: Limit{16280952 << 10, "proc/meminfo"}, Machine: true,
			Usage: (16280952 - 6140504) << 10, WorkingSet: (16280952 - 6140504 - 2172696) << 10,
			Unreclaimable: (16280952 - 11634860) << 10, Swap: 100 * mib,
			Events: MemoryEvents{High: 1, Max: 2, OOM: 3, OOMKill: OOMKills{Own: 4}}, Pressure: us(999, 998),
			OOMGroup: true, OOMGroupSource: "cgroup/system.slice/rota.service/memory.oom.group"}},
		{dir: "hybrid-v1", want: Container{
			Limit: Limit{800 * mib, "cgroup/memory/system.slice/memory.limit_in_bytes"},
			Usage: 700 * mib, WorkingSet: 500 * mib, Unreclaimable: (5 + 250 + 30) * mib,
			Events: MemoryEvents{Max: 3, OOMKill: OOMKills{Own: 1}}}},
		// The pod's limit is outside; a group in ours lost two processes; of the
		// kernel's 200 MiB the machine has no more than these that stay.
		{dir: "k8s-v1", want: Container{
			Limit: Limit{256 * mib, "cgroup/memory/memory.stat"},
			Usage: 300 * mib, WorkingSet: 280 * mib, Unreclaimable: 46*mib + (32592+10352+27348+35284+7136)<<10, Swap: 7 * mib,
			Events: MemoryEvents{OOMKill: OOMKills{Nested: 2}}}},
		{dir: "docker-v1", want: Container{
			Limit: Limit{512 * mib, "cgroup/memory/memory.limit_in_bytes"},
			Usage: 500 * mib, WorkingSet: 480 * mib, Unreclaimable: (4 + 236 + 6 + 160) * mib,
			Events: MemoryEvents{Max: 91, OOMKill: OOMKills{Own: 1}}}},
		{dir: "recorded-v1", pressure: "proc/pressure/memory", want: Container{
			Limit: Limit{256 * mib, "cgroup/memory/build/pod/app/memory.limit_in_bytes"},
			Usage: 268148736, WorkingSet: 268148736 - 198180864, Unreclaimable: 63971328 + 5570560,
			Events: MemoryEvents{Max: 111}, Pressure: recordedPressure(t)}},
		{dir: "recorded-v2", pressure: "sys/fs/cgroup/apps.slice/web.service/memory.pressure", want: Container{
			Limit: Limit{340 * mib, "cgroup/apps.slice/memory.high"},
			Usage: 216678400, WorkingSet: 216678400, Unreclaimable: 101797888 + 104538112 + 1912832 - 443544, Swap: 2990080,
			Events: MemoryEvents{High: 25}, Pressure: us(7022521, 6347620)}},
		{dir: "recorded-v2-container", pressure: "sys/fs/cgroup/memory.pressure", want: Container{
			Limit: Limit{512 * mib, "cgroup/memory.max"},
			Usage: 217280512, WorkingSet: 217280512 - 49152, Unreclaimable: 101797888 + 104747008 + 2093056 - 455712, Swap: 2990080,
			Pressure: us(7022521, 6347620)}},
		{dir: "recorded-v2-killed", pressure: "sys/fs/cgroup/apps.slice/web.service/memory.pressure", want: Container{
			Limit: Limit{120 * mib, "cgroup/apps.slice/web.service/memory.max"},
			Usage: 27680768, WorkingSet: 27680768 - 4898816, Unreclaimable: 18829312 + 12288 + 1466368 - 453024,
			Events: MemoryEvents{OOM: 1208, OOMKill: OOMKills{Own: 2}}, Pressure: us(0, 0)}},
		{dir: "gvisor", want: Container{
			Limit: Limit{512 * mib, "cgroup/memory/memory.limit_in_bytes"},
			Usage: 100 * mib, WorkingSet: 100 * mib, Unreclaimable: 100 * mib}},
		{dir: "tree", fromProc: true, want: Container{ // no group at all
			Limit: Limit{1 << 10, "proc/meminfo"}, Machine: true}},
		{dir: "no-cgroup", want: Container{Machine: true}},
	} {
		t.Run(test.dir, func(t *testing.T) {
			k, want := in(test.dir), test.want
			if test.dir == "tree" {
				k = withMeminfo(t, "MemTotal: 1 kB\nMemFree: 1 kB\nMemAvailable: 1 kB\n")
			}
			base := strings.TrimSuffix(k.Proc, "/proc") + "/"
			switch {
			case test.fromProc:
				want.Limit.Source = base + want.Limit.Source
			case want.Limit.Source != "":
				want.Limit.Source = base + "sys/fs/" + want.Limit.Source
			}
			if want.OOMGroup {
				want.OOMGroupSource = base + "sys/fs/" + want.OOMGroupSource
			}
			if test.pressure != "" {
				want.Pressure.Source = base + test.pressure
			}
			got, err := NewGroup(k).Container()
			if err != nil || got != want {
				t.Errorf("Container() = %+v, %v\nwant          %+v", got, err, want)
			}
			if got, err := NewGroup(k).OOMKills(); err != nil || got != want.Events.OOMKill {
				t.Errorf("OOMKills() = %+v, %v, want %+v", got, err, want.Events.OOMKill)
			}
		})
	}
}

func recordedPressure(t *testing.T) Pressure {
	p, err := parsePressure(strings.NewReader(fixture(t, "recorded-v1/proc/pressure/memory")))
	if err != nil || p.Some == 0 {
		t.Fatal(p, err)
	}
	p.Known = true
	return p
}

func withMeminfo(t *testing.T, content string) Kernel {
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{"proc/meminfo": content})
	return Kernel{Proc: dir + "/proc", Sys: dir + "/sys"}
}

func writeAll(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestContainerBroken(t *testing.T) {
	k := in("broken-stat")
	_, err := NewGroup(k).Container()
	if err == nil || !strings.HasPrefix(err.Error(), "cannot read "+k.Sys+"/fs/cgroup/memory.stat: field inactive_anon: ") {
		t.Errorf("Container: %v", err)
	}
	k = withMeminfo(t, "MemTotal: 1\n")
	if _, err := NewGroup(k).Container(); err == nil || !strings.HasPrefix(err.Error(), "cannot read "+k.Proc+"/meminfo: field MemTotal: ") {
		t.Errorf("Container: %v", err)
	}
}

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

// A Group that is open follows when it is moved to another.
func TestGroupMoves(t *testing.T) {
	dir := t.TempDir()
	k := Kernel{Proc: dir + "/proc", Sys: dir + "/sys"}
	put := func(name string, limit int) {
		writeAll(t, dir, map[string]string{
			"proc/self/cgroup":                              "0::/" + name + "\n",
			"sys/fs/cgroup/" + name + "/memory.max":         fmt.Sprintln(limit),
			"sys/fs/cgroup/" + name + "/memory.current":     "5\n",
			"sys/fs/cgroup/" + name + "/memory.stat":        "inactive_anon 4\n",
			"sys/fs/cgroup/" + name + "/memory.events":      fmt.Sprintf("oom_kill %d\n", limit+1),
			"sys/fs/cgroup/" + name + "/memory.swap.max":    "max\n",
			"sys/fs/cgroup/" + name + "/memory.events.more": "\n",
		})
	}
	writeAll(t, dir, map[string]string{"proc/self/mountinfo": "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"})
	put("a", 100)
	g := NewGroup(k)
	check := func(limit, kills int64) {
		t.Helper()
		c, err := g.Container()
		n, err2 := g.OOMKills()
		if err != nil || err2 != nil || c.Limit.Bytes != limit || c.Unreclaimable != 4 || c.Events.OOMKill != n || n.Own != uint64(kills) {
			t.Errorf("%+v, %v, %+v, %v, want a limit of %d and %d kills", c, err, n, err2, limit, kills)
		}
	}
	check(100, 101)
	check(100, 101)
	put("b/c", 200)
	check(200, 101) // what was before we came is not ours
	put("b/c", 205)
	check(205, 101+5)
	if err := os.Rename(dir+"/sys/fs/cgroup/b", dir+"/sys/fs/cgroup/d"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Container(); err != nil { // between the move and its notice: what is around is seen
		t.Error(err)
	}
	put("d/c", 300)
	check(300, 106)
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

// What stands beside the limit may be unreadable; the limit is heeded all the same.
func TestContainerInPart(t *testing.T) {
	dir := t.TempDir()
	k := Kernel{Proc: dir + "/proc", Sys: dir + "/sys"}
	for _, file := range []string{"memory.pressure", "memory.events", "memory.oom.group"} {
		writeAll(t, dir, map[string]string{
			"proc/self/cgroup":                  "0::/rota\n",
			"proc/self/mountinfo":               "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			"sys/fs/cgroup/rota/memory.max":     "300\n",
			"sys/fs/cgroup/rota/memory.current": "5\n",
			"sys/fs/cgroup/rota/" + file:        "max ?\n",
		})
		c, err := NewGroup(k).Container()
		if err == nil || !strings.Contains(err.Error(), file) || c.Limit.Bytes != 300 || c.Usage != 5 {
			t.Errorf("%s: %+v, %v", file, c, err)
		}
		if err := os.Remove(dir + "/sys/fs/cgroup/rota/" + file); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkContainer(b *testing.B) {
	g := NewGroup(Host)
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			if _, err := g.Container(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("kills", func(b *testing.B) {
		for b.Loop() {
			if _, err := g.OOMKills(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func FuzzParseMemoryStat(f *testing.F) {
	for _, dir := range []string{"k8s-v2", "docker-v2", "recorded-v2", "recorded-v2-container", "recorded-v2-killed"} {
		f.Add(fixture(f, dir+"/sys/fs/cgroup/memory.stat"))
	}
	f.Add("anon 1\ninactive_anon -1\n")
	roundTrip(f,
		func(in string) (memoryStat, error) { return parseMemoryStat(strings.NewReader(in)) },
		func(s memoryStat) string {
			if s.unreclaimable() < 0 {
				return "overflow"
			}
			return fmt.Sprintf("inactive_anon %d\nactive_anon %d\ninactive_file %d\nunevictable %d\nkernel %d\nkernel_stack %d\npagetables %d\n"+
				"sec_pagetables %d\nvmalloc %d\npercpu %d\nslab_reclaimable %d\nslab_unreclaimable %d\nsock %d\nhugetlb %d\n",
				s.InactiveAnon, s.ActiveAnon, s.InactiveFile, s.Unevictable, s.Kernel, s.KernelStack, s.PageTables,
				s.SecPageTables, s.Vmalloc, s.Percpu, s.SlabReclaimable, s.SlabUnreclaimable, s.Sock, s.Hugetlb)
		})
}

func FuzzParseMemoryStatV1(f *testing.F) {
	f.Add(fixture(f, "recorded-v1/sys/fs/cgroup/memory/build/pod/app/memory.stat"))
	f.Add("total_ 1\nhierarchical_memory_limit max\ntotal_swap 18446744073709551615\n")
	roundTrip(f,
		func(in string) (memoryStat, error) { return parseMemoryStatV1(strings.NewReader(in)) },
		func(s memoryStat) string {
			limit := "max"
			if s.Limit != 0 {
				limit = fmt.Sprint(s.Limit)
			}
			return fmt.Sprintf("hierarchical_memory_limit %s\ntotal_inactive_anon %d\ntotal_active_anon %d\ntotal_inactive_file %d\ntotal_unevictable %d\ntotal_swap %d\n",
				limit, s.InactiveAnon, s.ActiveAnon, s.InactiveFile, s.Unevictable, s.Swap)
		})
}

func FuzzParseEvents(f *testing.F) {
	f.Add(fixture(f, "k8s-v2/sys/fs/cgroup/memory.events"))
	f.Add(fixture(f, "recorded-v2-killed/sys/fs/cgroup/apps.slice/memory.events"))
	f.Add(fixture(f, "recorded-v1/sys/fs/cgroup/memory/build/pod/app/memory.oom_control"))
	f.Add("high x\n")
	roundTrip(f,
		func(in string) (MemoryEvents, error) { return parseEvents(strings.NewReader(in)) },
		func(e MemoryEvents) string {
			return fmt.Sprintf("low 1\nhigh %d\nmax %d\noom %d\noom_kill %d\n", e.High, e.Max, e.OOM, e.OOMKill.Own)
		})
}

func FuzzParsePressure(f *testing.F) {
	f.Add(fixture(f, "k8s-v2/sys/fs/cgroup/memory.pressure"))
	f.Add("some total=18446744073709551615\n")
	f.Add("full avg10=0.00\n")
	roundTrip(f,
		func(in string) (Pressure, error) { return parsePressure(strings.NewReader(in)) },
		func(p Pressure) string {
			return fmt.Sprintf("some avg10=0.00 total=%d\nfull avg10=0.00 total=%d\n", p.Some.Microseconds(), p.Full.Microseconds())
		})
}

func FuzzParseMeminfo(f *testing.F) {
	f.Add(fixture(f, "recorded-v1/proc/meminfo"))
	f.Add("MemTotal: 4 kB\nMemFree: 1 kB\nCached: 1 kB\n")
	f.Add("MemTotal: 0 kB\n")
	roundTrip(f,
		func(in string) (meminfo, error) { return parseMeminfo(strings.NewReader(in)) },
		func(m meminfo) string {
			if c := m.container(Host); c.Unreclaimable < 0 || c.Usage < 0 || c.Usage > c.Limit.Bytes || c.WorkingSet < 0 {
				return fmt.Sprint(c)
			}
			return fmt.Sprintf("MemTotal: %d kB\nMemFree: %d kB\nMemAvailable: %d kB\nInactive(file): %d kB\nSwapTotal: %d kB\nSwapFree: %d kB\n"+
				"SUnreclaim: %d kB\nKernelStack: %d kB\nPageTables: %d kB\nSecPageTables: %d kB\nPercpu: %d kB\nVmallocUsed: %d kB\n",
				m.Total>>10, m.Free>>10, m.Available>>10, m.InactiveFile>>10, m.SwapTotal>>10, m.SwapFree>>10,
				m.SUnreclaim>>10, m.KernelStack>>10, m.PageTables>>10, m.SecPageTables>>10, m.Percpu>>10, m.VmallocUsed>>10)
		})
}

// Whatever the files of two nested groups hold, what is made of them fits together.
func FuzzContainer(f *testing.F) {
	f.Add(false, "max", "209715200", "314572800", "150000000", "inactive_anon 90000000\ninactive_file 7\n", "high 3\noom_kill 1\n", "MemTotal: 4000000 kB\nMemFree: 9 kB\n")
	f.Add(true, "209715200", "", "9223372036854771712", "150000000", fixture(f, "recorded-v1/sys/fs/cgroup/memory/build/pod/app/memory.stat"), "oom_kill 1\n", "MemTotal: 1 kB\nMemFree: 1 kB\n")
	dir := f.TempDir()
	k := Kernel{Proc: dir + "/proc", Sys: dir + "/sys"}
	f.Fuzz(func(t *testing.T, v1 bool, own, high, around, used, stat, events, meminfo string) {
		files := map[string]string{"proc/meminfo": meminfo}
		if v1 {
			files["proc/self/cgroup"] = "4:memory:/slice/rota\n"
			files["proc/self/mountinfo"] = "31 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
			const in = "sys/fs/cgroup/memory/slice/"
			files[in+"memory.limit_in_bytes"], files[in+"rota/memory.limit_in_bytes"] = around, own
			files[in+"memory.usage_in_bytes"], files[in+"rota/memory.usage_in_bytes"] = used, used
			files[in+"memory.stat"], files[in+"rota/memory.stat"] = stat, stat
			files[in+"rota/memory.oom_control"] = events
		} else {
			files["proc/self/cgroup"] = "0::/slice/rota\n"
			files["proc/self/mountinfo"] = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
			const in = "sys/fs/cgroup/slice/"
			files[in+"memory.max"], files[in+"rota/memory.max"], files[in+"rota/memory.high"] = around, own, high
			files[in+"memory.current"], files[in+"rota/memory.current"] = used, used
			files[in+"memory.stat"], files[in+"rota/memory.stat"] = stat, stat
			files[in+"memory.events"], files[in+"rota/memory.events"] = events, events
		}
		writeAll(t, dir, files)
		c, err := NewGroup(k).Container()
		if err != nil {
			if !strings.Contains(err.Error(), dir) {
				t.Errorf("the error names no file: %v", err)
			}
			return
		}
		if c.Usage < 0 || c.WorkingSet < 0 || c.WorkingSet > c.Usage || c.Unreclaimable < 0 || c.Unreclaimable > c.Usage || c.Swap < 0 {
			t.Errorf("%+v", c)
		}
		limit, err := k.MemoryLimit()
		if err != nil {
			t.Errorf("%+v, but the limit: %v", c, err)
		}
		if !c.Machine && (c.Limit.Bytes < limit.Bytes || limit.Bytes == 0) || c.Machine && limit.Bytes != 0 {
			t.Errorf("%+v, and the least limit is %+v", c, limit)
		}
	})
}
