package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuOf is the processor time that processes have taken, of all their threads. It
// is exact to the nanosecond, where /proc/PID/stat counts hundredths of a second,
// but leaves out threads that have ended.
func cpuOf(pids []int) (d time.Duration) {
	for _, pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, path := range threads {
			data, _ := os.ReadFile(path)
			ran, _, _ := strings.Cut(string(data), " ")
			ns, _ := strconv.ParseInt(ran, 10, 64)
			d += time.Duration(ns)
		}
	}
	return d
}

// rssOf is the resident memory of processes, in MiB.
func rssOf(pids []int) (mib float64) {
	for _, pid := range pids {
		mib += kibOf(fmt.Sprintf("/proc/%d/status", pid), "VmRSS") / 1024
	}
	return mib
}

// kibOf is a figure of status or smaps_rollup, in KiB; 0 if it cannot be read.
func kibOf(file, name string) float64 {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kib
		}
	}
	return 0
}

// children are the processes right below another.
func children(pid int) (below []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range lists {
		data, _ := os.ReadFile(path)
		for _, child := range strings.Fields(string(data)) {
			if n, err := strconv.Atoi(child); err == nil {
				below = append(below, n)
			}
		}
	}
	return below
}

// descendants are all processes below some.
func descendants(pids ...int) (below []int) {
	for _, pid := range pids {
		of := children(pid)
		below = append(append(below, of...), descendants(of...)...)
	}
	return below
}
