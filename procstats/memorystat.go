package procstats

import (
	"io"
	"strings"
)

// memoryStat is what memory.stat of a control group tells, with all groups in
// it, in bytes. What a kernel does not tell is 0.
type memoryStat struct {
	// The lists that the kernel reclaims from: anonymous memory with shared memory
	// and tmpfs, mapped and cached files, and what is locked.
	InactiveAnon, ActiveAnon, InactiveFile, Unevictable int64

	// Version 2 alone. Kernel (Linux 5.18) is the sum of the others up to Percpu,
	// and of what has no name of its own.
	Kernel, KernelStack, PageTables, SecPageTables, Vmalloc, Percpu int64
	SlabReclaimable, SlabUnreclaimable                              int64
	Sock                                                            int64
	Hugetlb                                                         int64 // only if it is charged

	// Version 1 alone.
	Swap  int64
	Limit int64 // hierarchical_memory_limit; 0: none
}

// unreclaimable is what cannot be taken back without swapping, of what the file
// tells. See Documentation/admin-guide/cgroup-v2.rst for each field.
//
// The lists say it better than anon + shmem: they have what is locked in memory
// (mlock), files too, in unevictable, once; and they do not have what was given
// back with MADV_FREE, which anon counts until it is taken and which moves to inactive_file.
// In a group of 50 MiB anonymous, 30 tmpfs, 60 file, 20 locked file and 40 freed
// lazily, the sum of the lists was 100.1 MiB and memory.force_empty left 100.0.
//
// Memory of the kernel stays, but for reclaimable slab (dentries and inodes).
// Compressed swap (zswap) is in Kernel, since it goes only to a disk.
func (s memoryStat) unreclaimable() int64 {
	kernel := s.KernelStack + s.PageTables + s.SecPageTables + s.Vmalloc + s.Percpu + s.SlabUnreclaimable
	return s.InactiveAnon + s.ActiveAnon + s.Unevictable + max(kernel, s.Kernel-s.SlabReclaimable) + s.Sock + s.Hugetlb
}

// parseMemoryStat reads the format of version 2's memory.stat.
func parseMemoryStat(r io.Reader) (memoryStat, error) {
	var s memoryStat
	err := eachPair(r, func(key string, value []byte) (err error) {
		if field := s.field(key); field != nil {
			*field, err = sizeOf(value)
		}
		return err
	})
	if err != nil {
		return memoryStat{}, err
	}
	return s, nil
}

// parseMemoryStatV1 reads the format of version 1's memory.stat. Without the
// prefix total_ it tells of a group without those in it.
func parseMemoryStatV1(r io.Reader) (memoryStat, error) {
	var s memoryStat
	err := eachPair(r, func(key string, value []byte) (err error) {
		if key == "hierarchical_memory_limit" {
			s.Limit, err = limitOf(value)
			return err
		}
		key, ok := strings.CutPrefix(key, "total_")
		if !ok {
			return nil
		}
		switch key {
		case "inactive_anon", "active_anon", "inactive_file", "unevictable":
			*s.field(key), err = sizeOf(value)
		case "swap":
			s.Swap, err = sizeOf(value)
		}
		return err
	})
	if err != nil {
		return memoryStat{}, err
	}
	return s, nil
}

// field is where the value of a key goes, or nil if it is of no interest.
func (s *memoryStat) field(key string) *int64 {
	switch key {
	case "inactive_anon":
		return &s.InactiveAnon
	case "active_anon":
		return &s.ActiveAnon
	case "inactive_file":
		return &s.InactiveFile
	case "unevictable":
		return &s.Unevictable
	case "kernel":
		return &s.Kernel
	case "kernel_stack":
		return &s.KernelStack
	case "pagetables":
		return &s.PageTables
	case "sec_pagetables":
		return &s.SecPageTables
	case "vmalloc":
		return &s.Vmalloc
	case "percpu":
		return &s.Percpu
	case "slab_reclaimable":
		return &s.SlabReclaimable
	case "slab_unreclaimable":
		return &s.SlabUnreclaimable
	case "sock":
		return &s.Sock
	case "hugetlb":
		return &s.Hugetlb
	}
	return nil
}
