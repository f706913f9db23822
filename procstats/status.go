package procstats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"syscall"
)

// Status is what /proc/PID/status tells. Sizes are in bytes.
type Status struct {
	Name    string // the command's name, at most 15 bytes
	State   byte   // R, S, D, T, t, Z, X, I, as in proc(5)
	PID     int
	PPID    int
	Threads int

	RSS      int64 // RSSAnon + RSSFile + RSSShmem
	RSSAnon  int64 // heap, stacks, written private mappings; all of RSS where the kernel does not split it
	RSSFile  int64 // mapped files
	RSSShmem int64 // shared memory and tmpfs
	Swap     int64

	PageTables int64 // the process's own, beside RSS

	SigCaught uint64 // bit n-1: there is a handler for signal n; 0 where the kernel does not tell
}

// Private is an upper bound of the memory that ends with the process:
// anonymous and shared-memory pages, in RAM and in swap. It is exact for a
// process that was exec'd and shares no shmem. After a fork without exec it also counts the
// pages that parent and child still share, which only smaps_rollup can tell.
func (s Status) Private() int64 { return s.resident() + s.Swap }

// resident is the part of Private that is in RAM.
func (s Status) resident() int64 { return s.RSSAnon + s.RSSShmem }

// Catches reports whether the process has a handler for sig.
func (s Status) Catches(sig syscall.Signal) bool {
	return sig >= 1 && sig <= 64 && s.SigCaught&(1<<(sig-1)) != 0
}

// Status reads /proc/PID/status, which costs some 10 µs however large the
// process is. A zombie has a Status without sizes. Gone tells whether an error
// means that there is no such process.
func (k Kernel) Status(pid int) (Status, error) {
	return load(k.of(pid, "status"), parseStatus)
}

// parseStatus reads the format of /proc/PID/status. Only State and Pid have to
// be there: zombies and kernel threads have no sizes.
func parseStatus(r io.Reader) (Status, error) {
	var s Status
	var state, pid, split bool
	err := slurp(r, func(data []byte) error {
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			key, value, ok := bytes.Cut(line, []byte{':'})
			if !ok {
				continue
			}
			value = bytes.Trim(value, " \t")
			var err error
			switch string(key) {
			case "Name":
				s.Name = unescapeName(value)
			case "State":
				if len(value) == 0 {
					return errors.New("field State: empty")
				}
				s.State, state = value[0], true
			case "Pid":
				s.PID, err = strconv.Atoi(string(value))
				pid = true
			case "PPid":
				s.PPID, err = strconv.Atoi(string(value))
			case "Threads":
				s.Threads, err = strconv.Atoi(string(value))
			case "SigCgt":
				s.SigCaught, err = strconv.ParseUint(string(value), 16, 64)
			case "VmRSS":
				s.RSS, err = kilobytes(value)
			case "RssAnon":
				s.RSSAnon, err = kilobytes(value)
				split = true
			case "RssFile":
				s.RSSFile, err = kilobytes(value)
			case "RssShmem":
				s.RSSShmem, err = kilobytes(value)
			case "VmPTE":
				s.PageTables, err = kilobytes(value)
			case "VmSwap":
				s.Swap, err = kilobytes(value)
			}
			if err != nil {
				return fmt.Errorf("field %s: %w", key, err)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return Status{}, err
	case !state:
		return Status{}, errors.New("field State: missing")
	case !pid:
		return Status{}, errors.New("field Pid: missing")
	}
	if !split {
		// Linux before 4.5, and gVisor: Private has to stay an upper bound.
		s.RSSAnon = s.RSS
	}
	return s, nil
}

// maxKilobytes keeps sums of a few sizes below what an int64 holds; no machine
// comes near it.
const maxKilobytes = math.MaxInt64 >> 16

// kilobytes reads "12 kB" into bytes.
func kilobytes(value []byte) (int64, error) {
	digits, ok := bytes.CutSuffix(value, []byte(" kB"))
	if !ok {
		return 0, fmt.Errorf("%q is not a number of kB", value)
	}
	n, err := strconv.ParseUint(string(bytes.TrimLeft(digits, " \t")), 10, 64)
	if err != nil {
		return 0, err
	}
	if n > maxKilobytes {
		return 0, fmt.Errorf("%q is out of range", value)
	}
	return int64(n) << 10, nil
}

// unescapeName undoes the kernel's escaping of newline and backslash, without
// which a process could put a field of its own into the file.
func unescapeName(value []byte) string {
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value)
	}
	return nameUnescaper.Replace(string(value))
}

var nameUnescaper = strings.NewReplacer(`\\`, `\`, `\n`, "\n")
