package procstats

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Work is the processor time that do takes. Time on the clock would say most on a
// busy machine, where looking must not become rare. Where the kernel does not count
// it, it is the time on the clock after all.
func Work(do func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var began, ended unix.Timespec
	clock := int32(unix.CLOCK_THREAD_CPUTIME_ID)
	if unix.ClockGettime(clock, &began) != nil {
		clock = unix.CLOCK_MONOTONIC
		_ = unix.ClockGettime(clock, &began)
	}
	do()
	_ = unix.ClockGettime(clock, &ended)
	return time.Duration(ended.Nano() - began.Nano())
}
