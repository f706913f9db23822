// Package filter is the seccomp filter that adopt needs in a worker. It is apart
// from adopt, and knows package syscall alone, since it runs in a process that is
// to become the worker at once: see rota/supervisor/launch/shim.
package filter

import (
	"errors"
	"runtime"
	"syscall"
	"unsafe"
)

// Offsets into struct seccomp_data, the packet that a filter sees.
const (
	offsetNr   = 0
	offsetArch = 4
)

// What a filter answers, from linux/seccomp.h.
const (
	retAllow     = 0x7fff0000
	retUserNotif = 0x7fc00000
)

// Operations and flags of seccomp(2), from linux/seccomp.h, and of prctl(2).
const (
	prSetNoNewPrivs      = 38
	setModeFilter        = 1
	flagSpecAllow        = 1 << 2
	flagNewListener      = 1 << 3
	flagWaitKillableRecv = 1 << 5
)

// machine says which calls of which machine the filter traps, and the number of
// seccomp(2) itself. The numbers are each architecture's own: amd64 from
// asm/unistd_64.h, arm64 from asm-generic/unistd.h; the audit constants from
// linux/audit.h.
type machine struct {
	auditArch, bind, listen uint32
	seccomp                 uintptr
}

var machines = map[string]machine{
	"amd64": {auditArch: 0xc000003e, bind: 49, listen: 50, seccomp: 317},
	"arm64": {auditArch: 0xc00000b7, bind: 200, listen: 201, seccomp: 277},
}

// Trapped is which call of an architecture, in the numbers of a notification, has
// been trapped: one of them is true, or none for a call that no filter traps.
func Trapped(auditArch, nr uint32) (bind, listen bool) {
	for _, m := range machines {
		if m.auditArch == auditArch {
			return nr == m.bind, nr == m.listen
		}
	}
	return false, false
}

// program is the filter: calls of a foreign architecture (an i386 program on
// amd64) and every call but two pass. seccomp loads native words, unlike the
// big-endian loads of a packet filter, so no byte order is converted.
func program(m machine) []syscall.SockFilter {
	load := func(k uint32) syscall.SockFilter {
		return syscall.SockFilter{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: k}
	}
	jumpEqual := func(k uint32, jt, jf uint8) syscall.SockFilter {
		return syscall.SockFilter{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, Jt: jt, Jf: jf, K: k}
	}
	ret := func(k uint32) syscall.SockFilter {
		return syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: k}
	}
	return []syscall.SockFilter{
		load(offsetArch),
		jumpEqual(m.auditArch, 0, 3),
		load(offsetNr),
		jumpEqual(m.bind, 2, 0),
		jumpEqual(m.listen, 1, 0),
		ret(retAllow),
		ret(retUserNotif),
	}
}

// Install puts the filter on the calling thread, which must be locked to its
// goroutine, and returns the descriptor on which the trapped calls arrive. It
// gives up privileges through setuid programs for good (PR_SET_NO_NEW_PRIVS),
// which is what lets an ordinary user install a filter.
func Install() (int, error) {
	m, ok := machines[runtime.GOARCH]
	if !ok {
		return -1, errors.New("cannot trap bind on " + runtime.GOARCH + ": want amd64 or arm64")
	}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		return -1, errors.New("cannot set no_new_privs: " + errno.Error())
	}
	filter := program(m)
	fprog := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// The filter confines nothing, so it must not cost what a sandbox costs: kernels
	// before 5.16 turn mitigations on for filtered processes unless told otherwise.
	fd, errno := m.setFilter(&fprog, flagNewListener|flagSpecAllow|flagWaitKillableRecv)
	if errno == syscall.EINVAL {
		// Kernels before 5.19 do not know WAIT_KILLABLE_RECV; without it a signal
		// may interrupt a trapped bind, which programs retry or see as EINTR.
		fd, errno = m.setFilter(&fprog, flagNewListener|flagSpecAllow)
	}
	if errno != 0 {
		return -1, errors.New("cannot install the seccomp filter: " + errno.Error())
	}
	return fd, nil
}

func (m machine) setFilter(p *syscall.SockFprog, flags uintptr) (int, syscall.Errno) {
	fd, _, errno := syscall.RawSyscall(m.seccomp, setModeFilter, flags, uintptr(unsafe.Pointer(p)))
	runtime.KeepAlive(p)
	return int(fd), errno
}
