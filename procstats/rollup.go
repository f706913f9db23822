package procstats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Rollup is /proc/PID/smaps_rollup: the sums over all mappings of a process,
// in bytes. It is what tells shared memory from private memory.
type Rollup struct {
	RSS      int64
	PSS      int64 // each page divided by the number of processes that map it
	PSSAnon  int64 // PSSAnon, PSSFile and PSSShmem are parts of PSS; all 0 before Linux 5.4
	PSSFile  int64
	PSSShmem int64

	SharedClean  int64 // Shared and Private: mapped by more than one process, by this one alone
	SharedDirty  int64
	PrivateClean int64
	PrivateDirty int64

	Anonymous     int64
	LazyFree      int64 // given back with MADV_FREE and not taken yet; still counted everywhere
	AnonHugePages int64
	Swap          int64 // swapped out, however many processes share it
	SwapPSS       int64 // the same, divided among them
}

// Rollup reads /proc/PID/smaps_rollup. The kernel walks all pages for it: 4 to
// 8 ms for each GiB, for which the process's own mmap and munmap stall. It
// needs the permission to trace the process (the same user, or
// CAP_SYS_PTRACE); without it the error is fs.ErrPermission. Gone is true of
// the error also for a process that lives, on a kernel that has no such file.
func (k Kernel) Rollup(pid int) (Rollup, error) {
	return load(k.of(pid, "smaps_rollup"), parseRollup)
}

// parseRollup reads the format of /proc/PID/smaps_rollup: a line with the range
// of addresses, then one line for each field. Rss and Pss have to be there.
func parseRollup(r io.Reader) (Rollup, error) {
	var u Rollup
	var rss, pss bool
	err := slurp(r, func(data []byte) error {
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			key, value, ok := bytes.Cut(line, []byte{':'})
			if !ok {
				continue
			}
			field := u.field(string(key))
			if field == nil {
				continue
			}
			n, err := kilobytes(bytes.Trim(value, " \t"))
			if err != nil {
				return fmt.Errorf("field %s: %w", key, err)
			}
			*field = n
			rss = rss || field == &u.RSS
			pss = pss || field == &u.PSS
		}
		return nil
	})
	switch {
	case err != nil:
		return Rollup{}, err
	case !rss:
		return Rollup{}, errors.New("field Rss: missing")
	case !pss:
		return Rollup{}, errors.New("field Pss: missing")
	}
	return u, nil
}

// field is where the value of a key goes, or nil if it is of no interest.
func (u *Rollup) field(key string) *int64 {
	switch key {
	case "Rss":
		return &u.RSS
	case "Pss":
		return &u.PSS
	case "Pss_Anon":
		return &u.PSSAnon
	case "Pss_File":
		return &u.PSSFile
	case "Pss_Shmem":
		return &u.PSSShmem
	case "Shared_Clean":
		return &u.SharedClean
	case "Shared_Dirty":
		return &u.SharedDirty
	case "Private_Clean":
		return &u.PrivateClean
	case "Private_Dirty":
		return &u.PrivateDirty
	case "Anonymous":
		return &u.Anonymous
	case "LazyFree":
		return &u.LazyFree
	case "AnonHugePages":
		return &u.AnonHugePages
	case "Swap":
		return &u.Swap
	case "SwapPss":
		return &u.SwapPSS
	}
	return nil
}
