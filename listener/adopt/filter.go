// Package adopt gives an unmodified program the socket that it asked to bind.
//
// A seccomp filter in the worker traps bind(2) and listen(2) and nothing else,
// so no request ever pays for it. rota answers each trapped call from outside:
// it puts its own, long-lived socket in place of the worker's, under the same
// descriptor number, and lets the call succeed. That works for static binaries
// and behind any wrapper, because children inherit the filter. See
// seccomp_unotify(2) for the protocol.
package adopt

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
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

// Operations and flags of seccomp(2), from linux/seccomp.h.
const (
	setModeFilter        = 1
	flagSpecAllow        = 1 << 2
	flagNewListener      = 1 << 3
	flagWaitKillableRecv = 1 << 5
)

// trapped says which calls of which machine the filter traps. The numbers are
// each architecture's own: amd64 from asm/unistd_64.h, arm64 from
// asm-generic/unistd.h; the audit constants from linux/audit.h.
type trapped struct {
	auditArch, bind, listen uint32
}

var machines = map[string]trapped{
	"amd64": {auditArch: 0xc000003e, bind: 49, listen: 50},
	"arm64": {auditArch: 0xc00000b7, bind: 200, listen: 201},
}

// program is the filter: calls of a foreign architecture (an i386 program on
// amd64) and every call but two pass. seccomp loads native words, unlike the
// big-endian loads of a packet filter, so no byte order is converted.
func program(t trapped) []unix.SockFilter {
	load := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: k}
	}
	jumpEqual := func(k uint32, jt, jf uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: jt, Jf: jf, K: k}
	}
	ret := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
	}
	return []unix.SockFilter{
		load(offsetArch),
		jumpEqual(t.auditArch, 0, 3),
		load(offsetNr),
		jumpEqual(t.bind, 2, 0),
		jumpEqual(t.listen, 1, 0),
		ret(retAllow),
		ret(retUserNotif),
	}
}

// Install puts the filter on the calling thread, which must be locked to its
// goroutine, and returns the descriptor on which the trapped calls arrive. It
// gives up privileges through setuid programs for good (PR_SET_NO_NEW_PRIVS),
// which is what lets an ordinary user install a filter.
func Install() (int, error) {
	t, ok := machines[runtime.GOARCH]
	if !ok {
		return -1, fmt.Errorf("cannot trap bind on %s: want amd64 or arm64", runtime.GOARCH)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, fmt.Errorf("cannot set no_new_privs: %w", err)
	}
	filter := program(t)
	fprog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// The filter confines nothing, so it must not cost what a sandbox costs: kernels
	// before 5.16 turn mitigations on for filtered processes unless told otherwise.
	fd, errno := setFilter(&fprog, flagNewListener|flagSpecAllow|flagWaitKillableRecv)
	if errno == unix.EINVAL {
		// Kernels before 5.19 do not know WAIT_KILLABLE_RECV; without it a signal
		// may interrupt a trapped bind, which programs retry or see as EINTR.
		fd, errno = setFilter(&fprog, flagNewListener|flagSpecAllow)
	}
	if errno != 0 {
		return -1, fmt.Errorf("cannot install the seccomp filter: %w", errno)
	}
	return fd, nil
}

func setFilter(p *unix.SockFprog, flags uintptr) (int, unix.Errno) {
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, setModeFilter, flags, uintptr(unsafe.Pointer(p)))
	runtime.KeepAlive(p)
	return int(fd), errno
}
