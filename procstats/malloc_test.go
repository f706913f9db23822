package procstats

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const python = `5581f0a00000-5581f0a02000 r--p 00000000 fe:00 1311              /usr/bin/python3.13
7f10a0000000-7f10a0021000 rw-p 00000000 00:00 0
7f10a5c00000-7f10a5c28000 r--p 00000000 fe:00 1422              /usr/lib/x86_64-linux-gnu/libc.so.6
7ffc5b1f0000-7ffc5b211000 rw-p 00000000 00:00 0                          [stack]
`

func TestArenasUnbounded(t *testing.T) {
	for name, c := range map[string]struct {
		maps, environ string
		want          bool
	}{
		"glibc":           {python, "PATH=/bin\x00HOME=/\x00", true},
		"no environment":  {python, "", true},
		"older glibc":     {strings.ReplaceAll(python, "libc.so.6", "libc-2.31.so"), "", true},
		"bounded":         {python, "HOME=/\x00MALLOC_ARENA_MAX=2\x00", false},
		"another way":     {python, "GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1\x00", false},
		"another tunable": {python, "GLIBC_TUNABLES=glibc.malloc.tcache_count=0\x00", true},
		"jemalloc":        {python + "7f10a5d00000-7f10a5d28000 r--p 00000000 fe:00 7 /usr/lib/libjemalloc.so.2\n", "", false},
		"Go with cgo":     {python + "c000000000-c000400000 rw-p 00000000 00:00 0\n", "", false},
		"static":          {"00400000-00401000 r-xp 00000000 fe:00 9 /app\n", "", false},
		"musl":            {"7f1000000000-7f1000001000 r-xp 00000000 fe:00 9 /lib/ld-musl-x86_64.so.1\n", "", false},
		"a long name":     {"00400000-00401000 r-xp 00000000 fe:00 9 /" + strings.Repeat("x", 5000) + "\n" + python, "", true},
	} {
		root := t.TempDir()
		if err := os.Mkdir(filepath.Join(root, "7"), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"maps": c.maps, "environ": c.environ} {
			if err := os.WriteFile(filepath.Join(root, "7", file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := (Kernel{Proc: root}).ArenasUnbounded(7); err != nil || got != c.want {
			t.Errorf("%s: %t, %v; want %t", name, got, err, c.want)
		}
	}
	if _, err := (Kernel{Proc: t.TempDir()}).ArenasUnbounded(7); !Gone(err) {
		t.Errorf("of no process: %v", err)
	}
	if got, err := Host.ArenasUnbounded(os.Getpid()); got || err != nil {
		t.Errorf("of this Go program: %t, %v", got, err)
	}
}

func FuzzMalloc(f *testing.F) {
	f.Add(python)
	f.Add("MALLOC_ARENA_MAX=2\x00GLIBC_TUNABLES=glibc.malloc.arena_max=1\x00")
	f.Fuzz(func(t *testing.T, text string) {
		if glibc, err := parseMalloc(strings.NewReader(text)); err != nil || glibc && !strings.Contains(text, "libc") {
			t.Errorf("%t, %v", glibc, err)
		}
		if bounded, err := parseArenaBound(strings.NewReader(text)); err != nil || bounded && !strings.Contains(text, "=") {
			t.Errorf("%t, %v", bounded, err)
		}
	})
}
