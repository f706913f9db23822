package procstats

import "time"

// Container is the memory of the control group whose limit is nearest: our own
// or one around it. Where none has a limit that can be seen it is our own group's,
// with the machine's memory for a limit; where there is no group, the machine's.
// Sizes are in bytes.
type Container struct {
	Limit   Limit // the smaller of memory.max and memory.high, or what the machine has
	Machine bool  // no group limits us: Limit is the machine's memory, and the sizes are the machine's too

	Usage         int64 // all that is charged, page cache included
	WorkingSet    int64 // Usage - inactive_file: what kubectl shows
	Unreclaimable int64 // what cannot be taken back: anonymous, shmem, kernel stacks, page tables, slab that stays
	Swap          int64

	Events   MemoryEvents
	Pressure Pressure
	// OOMGroup: the kernel kills the whole group, us too, when one process in it is
	// over the limit. OOMGroupSource is the file that says so.
	OOMGroup       bool
	OOMGroupSource string
}

// MemoryEvents are counters of our own group since it was made. What a kernel does not count is 0.
type MemoryEvents struct {
	High    uint64 // throttled over memory.high; version 2 alone
	Max     uint64 // met the limit (version 1: memory.failcnt)
	OOM     uint64 // the limit could not be met; version 2 alone
	OOMKill uint64 // processes of the group that the kernel killed for want of memory
}

// Pressure is for how long processes of our own group waited for memory (PSI).
type Pressure struct {
	Known bool
	Some  time.Duration // at least one did
	Full  time.Duration // all that could have run did
}

// Container looks at the container's memory.
func (k Kernel) Container() (Container, error) { return Container{}, nil }

// OOMKills is MemoryEvents.OOMKill of our own group now.
func (k Kernel) OOMKills() (uint64, error) { return 0, nil }
