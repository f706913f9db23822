package procstats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// Stat is what /proc/PID/stat tells, without its memory fields: since Linux
// 6.2 those are off by up to a gigabyte on machines with many CPUs. See Status.
type Stat struct {
	PID     int
	Comm    string // the command's name, at most 15 bytes
	State   byte   // R, S, D, T, t, Z, X, I, as in proc(5)
	PPID    int
	PGrp    int
	Session int
	Threads int

	User, System           time.Duration // CPU time of the process itself
	ChildUser, ChildSystem time.Duration // and of all its descendants that ended and were waited for

	MinorFaults, MajorFaults           int64 // page faults served from memory, from disk
	ChildMinorFaults, ChildMajorFaults int64 // those of all descendants that ended and were waited for

	// StartTime is in ticks (see tick) since boot. A pid and its StartTime
	// name one process for good; a pid alone may be used again.
	StartTime uint64
}

// CPU is all time that the process and its waited-for descendants ran.
func (s Stat) CPU() time.Duration { return s.spent().cpu }

// faults are the page faults of the process itself.
func (s Stat) faults() int64 { return s.MinorFaults + s.MajorFaults }

// ended reports whether the process has ended, though it is not reaped yet.
func (s Stat) ended() bool { return s.State == 'Z' || s.State == 'X' }

// tick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on every
// architecture that Go runs on, whatever the kernel's own HZ is.
const tick = 10 * time.Millisecond

// Stat reads /proc/PID/stat. Gone tells whether an error means that there is no
// such process.
func (k Kernel) Stat(pid int) (Stat, error) {
	return load(k.of(pid, "stat"), parseStat)
}

// parseStat reads the format of /proc/PID/stat. The name is in parentheses and
// may itself hold spaces and parentheses, so the fields begin after the last one.
func parseStat(r io.Reader) (Stat, error) {
	var s Stat
	err := slurp(r, func(data []byte) error {
		first, last := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
		if first < 0 || last < first {
			return errors.New("field comm: not in parentheses")
		}
		var err error
		if s.PID, err = strconv.Atoi(string(bytes.TrimSpace(data[:first]))); err != nil {
			return fmt.Errorf("field pid: %w", err)
		}
		s.Comm = string(data[first+1 : last])
		return s.parseRest(data[last+1:])
	})
	if err != nil {
		return Stat{}, err
	}
	return s, nil
}

// parseRest reads what follows the name, numbered as in proc(5): field 3 first.
func (s *Stat) parseRest(data []byte) error {
	n := 2
	for field := range bytes.FieldsSeq(data) {
		n++
		var err error
		var name string
		switch n {
		case 3:
			name = "state"
			if s.State = field[0]; len(field) != 1 {
				err = fmt.Errorf("%q is not one letter", field)
			}
		case 4:
			name = "ppid"
			s.PPID, err = strconv.Atoi(string(field))
		case 5:
			name = "pgrp"
			s.PGrp, err = strconv.Atoi(string(field))
		case 6:
			name = "session"
			s.Session, err = strconv.Atoi(string(field))
		case 10:
			name = "minflt"
			s.MinorFaults, err = faults(field)
		case 11:
			name = "cminflt"
			s.ChildMinorFaults, err = faults(field)
		case 12:
			name = "majflt"
			s.MajorFaults, err = faults(field)
		case 13:
			name = "cmajflt"
			s.ChildMajorFaults, err = faults(field)
		case 14:
			name = "utime"
			s.User, err = ticks(field)
		case 15:
			name = "stime"
			s.System, err = ticks(field)
		case 16:
			name = "cutime"
			s.ChildUser, err = ticks(field)
		case 17:
			name = "cstime"
			s.ChildSystem, err = ticks(field)
		case 20:
			name = "num_threads"
			s.Threads, err = strconv.Atoi(string(field))
		case 22:
			s.StartTime, err = strconv.ParseUint(string(field), 10, 64)
			if err != nil {
				return fmt.Errorf("field starttime: %w", err)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
	}
	return fmt.Errorf("field starttime: missing (%d fields)", n)
}

// ticks reads a time. The limit leaves room to add four of them.
func ticks(field []byte) (time.Duration, error) {
	n, err := strconv.ParseInt(string(field), 10, 64)
	if err != nil {
		return 0, err
	}
	if n < 0 || n > math.MaxInt64/int64(tick)/8 {
		return 0, fmt.Errorf("%d is out of range", n)
	}
	return time.Duration(n) * tick, nil
}

// faults reads a number of page faults. The limit leaves room to add them up.
func faults(field []byte) (int64, error) {
	n, err := strconv.ParseInt(string(field), 10, 64)
	if err != nil {
		return 0, err
	}
	if n < 0 || n > math.MaxInt64>>16 {
		return 0, fmt.Errorf("%d is out of range", n)
	}
	return n, nil
}
