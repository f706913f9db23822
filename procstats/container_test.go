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
