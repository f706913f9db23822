package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
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
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, t := range b.tools {
		out, _ := exec.Command(t.argv[0], t.argv[1:]...).CombinedOutput()
		all = append(all, t.name+" "+version.FindString(string(out)))
	}
	slices.Sort(all)
	return "With " + strings.Join(all, ", ") + "."
}

// busy tells, when it is asked, for which share of the time since the cores had
// something to do, in percent: near 100 what is measured is the machine.
func busy() func() float64 {
	idle, all := coreTimes()
	return func() float64 {
		i, a := coreTimes()
		return 100 * (1 - (i-idle)/(a-all))
	}
}

// coreTimes are those of all cores together since the start of the machine, in
// ticks: idle, and in all.
func coreTimes() (idle, all float64) {
	data, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(data), "\n")
	for i, field := range strings.Fields(line) {
		ticks, _ := strconv.ParseFloat(field, 64)
		if i > 8 { // what guests had is a part of another column
			break
		}
		all += ticks
		if i == 4 || i == 5 { // idle, or waiting for a disk
			idle += ticks
		}
	}
	return idle, all
}
