package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine says what the figures come from.
func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	model := "processors"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
				break
			}
		}
	}
	return fmt.Sprintf("Linux %s, %d cores (%s), %s, %s.", unix.ByteSliceToString(u.Release[:]),
		runtime.NumCPU(), model, runtime.Version(), time.Now().Format(time.DateOnly))
}

var version = regexp.MustCompile(`\d+(\.\d+)+[\w.+~-]*`)

// uses notes the tools of a contender that takes part.
func (b *bench) uses(c contender) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range c.tools {
		b.tools[t.name] = t
	}
}

// versions are those of all tools that took part.
func (b *bench) versions() string {
	var all []string
	for _, t := range b.tools {
		out, _ := exec.Command(t.argv[0], t.argv[1:]...).CombinedOutput()
		all = append(all, t.name+" "+version.FindString(string(out)))
	}
	slices.Sort(all)
	return "With " + strings.Join(all, ", ") + "."
}
