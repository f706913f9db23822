package procstats

import (
	"fmt"
	"strings"
	"testing"
)

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
