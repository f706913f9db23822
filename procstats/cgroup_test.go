package procstats

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func in(dir string) Kernel {
	return Kernel{Proc: "testdata/" + dir + "/proc", Sys: "testdata/" + dir + "/sys"}
}

func TestMemoryLimit(t *testing.T) {
	for _, test := range []struct {
		dir    string
		limit  int64
		source string // below sys/fs
	}{
		{"v1", 1 << 30, "cgroup/memory/docker/memory.limit_in_bytes"},
		{"v1-none", 0, ""},
		{"v2", 384 << 20, "cgroup/system.slice/rota.service/memory.high"},
		{"nested", 256 << 20, "cgroup/a/memory.max"},
		{"hybrid", 128 << 20, "cgroup/memory/app/memory.limit_in_bytes"},
		{"bind-v1", 200 << 20, "cgroup/memory/memory.stat"},
		{"bind-v2", 300 << 20, "cgroup/memory.max"},
		{"namespace", 64 << 20, "cgroup/memory.max"},
		{"outside", 32 << 20, "cgroup 2/other/me/memory.max"},
		{"above", 48 << 20, "cgroup/memory.max"},
		{"root-v2", 0, ""},
		{"no-cgroup", 0, ""},
		{"unmounted", 0, ""},
	} {
		t.Run(test.dir, func(t *testing.T) {
			k := in(test.dir)
			want := Limit{Bytes: test.limit}
			if test.source != "" {
				want.Source = k.Sys + "/fs/" + test.source
			}
			if got, err := k.MemoryLimit(); err != nil || got != want {
				t.Errorf("MemoryLimit() = %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestMemoryLimitBroken(t *testing.T) {
	k := in("broken")
	_, err := k.MemoryLimit()
	if err == nil || !strings.Contains(err.Error(), "cannot read "+k.Sys+"/fs/cgroup/memory.max: ") {
		t.Errorf("MemoryLimit: %v", err)
	}
}

func TestWithin(t *testing.T) {
	for _, test := range []struct {
		group, root, want string
		ok                bool
	}{
		{"/", "/", "/", true},
		{"/a/b", "/", "/a/b", true},
		{"/a/b", "/a", "/b", true},
		{"/a/b", "/a/b", "/", true},
		{"/a/b (deleted)", "/a", "/b", true},
		{"/ab", "/a", "", false},
		{"/", "/a", "", false},
		{"/../x", "/..", "/x", true},
		{"/", "/../..", "", false},
		{"/../x", "/", "", false},
		{"/../../x", "/..", "", false},
	} {
		if got, ok := within(test.group, test.root); got != test.want || ok != test.ok {
			t.Errorf("within(%q, %q) = %q, %v, want %q, %v", test.group, test.root, got, ok, test.want, test.ok)
		}
	}
}

func FuzzParseCgroup(f *testing.F) {
	f.Add("4:memory:/a:b\n0::/\n")
	f.Add(fixture(f, "v1/proc/self/cgroup"))
	roundTrip(f,
		func(in string) ([]membership, error) { return parseCgroup(strings.NewReader(in)) },
		func(groups []membership) string {
			var b strings.Builder
			for _, g := range groups {
				fmt.Fprintf(&b, "%s:%s:%s\n", g.id, g.controllers, g.path)
			}
			return b.String()
		})
}

func FuzzParseMountinfo(f *testing.F) {
	for _, dir := range []string{"v1", "hybrid", "outside"} {
		f.Add(fixture(f, dir+"/proc/self/mountinfo"))
	}
	roundTrip(f,
		func(in string) ([]mount, error) { return parseMountinfo(strings.NewReader(in)) },
		func(mounts []mount) string {
			var b strings.Builder
			for _, m := range mounts {
				fmt.Fprintf(&b, "1 2 0:3 %s %s rw - %s x %s\n", escapeOctal(m.root), escapeOctal(m.point), m.fstype, m.options)
			}
			return b.String()
		})
}

func escapeOctal(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte(" \t\n\\", c) >= 0 {
			fmt.Fprintf(&b, "\\%03o", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func FuzzParseLimit(f *testing.F) {
	for _, in := range []string{"max\n", "0\n", "9223372036854771712\n", "4096\n", ""} {
		f.Add(in)
	}
	roundTrip(f,
		func(in string) (int64, error) { return parseLimit(strings.NewReader(in)) },
		func(n int64) string {
			if n == 0 {
				return "max\n"
			}
			return fmt.Sprintln(n)
		})
}

func FuzzParseBytes(f *testing.F) {
	f.Add("12\n")
	roundTrip(f,
		func(in string) (int64, error) { return parseBytes(strings.NewReader(in)) },
		func(n int64) string { return fmt.Sprintln(n) })
}

func TestGone(t *testing.T) {
	_, err := Host.Status(1 << 30)
	if !Gone(err) || !strings.HasPrefix(err.Error(), "cannot read /proc/1073741824/status: ") {
		t.Errorf("Status of nobody: %v", err)
	}
	if Gone(nil) || Gone(errors.New("other")) {
		t.Error("Gone of another error")
	}
}
