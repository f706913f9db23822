package listener

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Look is what was seen of some processes that may wait for connections.
type Look struct {
	// PID is a process that serves from one of the sockets: it has the socket in
	// an epoll set, or a thread of it is blocked in accept, poll or select on it,
	// or it has accepted a connection. 0 if none was seen.
	PID int
	// Blind says that there may be one all the same: a process could not be
	// looked into, or uses io_uring, which shows nothing.
	Blind bool

	holders map[int]map[int]bool // by process, the descriptors of the sockets
	inodes  map[uint64]bool
	ports   map[uint16]bool
}

// Attending looks for a process, among pids, that serves from one of the sockets.
func Attending(pids []int, sockets []*Socket) Look {
	look := Look{holders: map[int]map[int]bool{}, inodes: map[uint64]bool{}, ports: map[uint16]bool{}}
	for _, s := range sockets {
		look.inodes[s.inode] = true
		if s.address.Family != Unix {
			look.ports[s.address.Port] = true
		}
	}
	for _, pid := range pids {
		held, waits, blind := waiting(pid, sockets)
		if waits || len(held) > 0 && hasAccepted(pid, look.ports) {
			return Look{PID: pid}
		}
		look.Blind = look.Blind || blind
		if len(held) > 0 {
			look.holders[pid] = held
		}
	}
	return look
}

// Waiting tells whether one of pids is seen to wait for connections on one of
// the sockets.
func Waiting(pids []int, sockets []*Socket) bool {
	return slices.ContainsFunc(pids, func(pid int) bool {
		_, waits, _ := waiting(pid, sockets)
		return waits
	})
}

// waiting looks at one process: under which numbers it holds any of the sockets,
// whether it waits for connections there, and whether that cannot be told.
func waiting(pid int, sockets []*Socket) (held map[int]bool, waits, blind bool) {
	inodes := map[uint64]bool{}
	for _, s := range sockets {
		inodes[s.inode] = true
	}
	held, ring, err := descriptors(pid, inodes)
	if err != nil {
		return nil, false, !ended(err)
	}
	if len(held) == 0 {
		return nil, false, false
	}
	if inEpoll(pid, held, inodes) {
		return held, true, false
	}
	blocked, err := blockedOn(pid, held)
	return held, blocked, !blocked && (ring || err != nil && !ended(err))
}

// Again looks once more at the same processes, which costs microseconds: under
// load a server waits for moments only, and one that has just begun to listen is
// about to. It returns the process that serves, or 0.
func (l Look) Again() int {
	for pid, held := range l.holders {
		if blocked, _ := blockedOn(pid, held); blocked || inEpoll(pid, held, l.inodes) || hasAccepted(pid, l.ports) {
			return pid
		}
	}
	return 0
}

// ended tells whether a process was not there any more.
func ended(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

// descriptors are the numbers under which a process holds any of the sockets,
// and whether it has an io_uring.
func descriptors(pid int, inodes map[uint64]bool) (held map[int]bool, ring bool, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, false, err
	}
	held = map[int]bool{}
	for _, e := range entries {
		target, err := os.Readlink(dir + "/" + e.Name())
		if err != nil {
			continue // closed meanwhile
		}
		ring = ring || target == "anon_inode:[io_uring]"
		if inode := socketInode(target); inode != 0 && inodes[inode] {
			if fd, err := strconv.Atoi(e.Name()); err == nil {
				held[fd] = true
			}
		}
	}
	return held, ring, nil
}

// inEpoll looks through the epoll sets of a process, which proc(5) lists in
// fdinfo: a line `tfd: 3 events: 19 data: ... ino:4f6c` for each member.
func inEpoll(pid int, held map[int]bool, inodes map[uint64]bool) bool {
	dir := fmt.Sprintf("/proc/%d/fdinfo", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		data, err := os.ReadFile(dir + "/" + e.Name())
		if err != nil || !bytes.Contains(data, []byte("tfd:")) {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if fd, inode, ok := parseEpollLine(line); ok && (inodes[inode] || inode == 0 && held[fd]) {
				return true
			}
		}
	}
	return false
}

// parseEpollLine reads a member of an epoll set. Kernels before 4.13 leave the
// inode out; it is 0 then.
func parseEpollLine(line string) (fd int, inode uint64, ok bool) {
	rest, found := strings.CutPrefix(line, "tfd:")
	if !found {
		return 0, 0, false
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, 0, false
	}
	fd, err := strconv.Atoi(fields[0])
	if err != nil {
		return 0, 0, false
	}
	for _, f := range fields[1:] {
		if hex, found := strings.CutPrefix(f, "ino:"); found {
			inode, _ = strconv.ParseUint(hex, 16, 64)
		}
	}
	return fd, inode, true
}

// waits are the calls that wait for a connection, by number, and how their
// arguments name the descriptors.
type waits map[uint64]func(pid int, args []uint64) []int

func acceptFD(_ int, args []uint64) []int { return []int{int(int32(args[0]))} }

// pollFDs reads the array that poll and ppoll were given.
func pollFDs(pid int, args []uint64) []int {
	n := int(min(args[1], 1024))
	data, err := ReadMemory(pid, args[0], n*8) // struct pollfd: int fd, short events, short revents
	if err != nil {
		return nil
	}
	var fds []int
	for ; len(data) >= 8; data = data[8:] {
		fds = append(fds, int(int32(binary.NativeEndian.Uint32(data))))
	}
	return fds
}

// selectFDs reads the set of readable descriptors that select and pselect were given.
func selectFDs(pid int, args []uint64) []int {
	n := int(min(args[0], 1024))
	data, err := ReadMemory(pid, args[1], (n+7)/8)
	if err != nil {
		return nil
	}
	var fds []int
	for i, b := range data {
		for bit := range 8 {
			if b&(1<<bit) != 0 {
				fds = append(fds, i*8+bit)
			}
		}
	}
	return fds
}

// waitCalls are numbered by each architecture: amd64 by asm/unistd_64.h, arm64
// by asm-generic/unistd.h, which has neither poll nor select.
var waitCalls = map[string]waits{
	"amd64": {43: acceptFD, 288: acceptFD, 7: pollFDs, 271: pollFDs, 23: selectFDs, 270: selectFDs},
	"arm64": {202: acceptFD, 242: acceptFD, 73: pollFDs, 72: selectFDs},
}

// blockedOn tells whether a thread of the process is blocked in a call that
// waits for one of the descriptors.
func blockedOn(pid int, held map[int]bool) (bool, error) {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, t := range threads {
		data, err := os.ReadFile(dir + "/" + t.Name() + "/syscall")
		if ended(err) {
			if _, gone := os.Stat(dir + "/" + t.Name()); gone == nil {
				return false, errors.New("this kernel does not tell what a thread waits for")
			}
			continue
		}
		if err != nil {
			return false, err
		}
		nr, args, ok := parseSyscall(string(data))
		if !ok {
			continue
		}
		find := waitCalls[runtime.GOARCH][nr]
		if find == nil {
			continue
		}
		for _, fd := range find(pid, args) {
			if held[fd] {
				return true, nil
			}
		}
	}
	return false, nil
}

// parseSyscall reads /proc/PID/syscall: the number and six arguments of the
// call that a thread is blocked in, see proc(5). ok is false for "running" and
// for a thread that is blocked outside of a call ("-1 ...").
func parseSyscall(s string) (nr uint64, args []uint64, ok bool) {
	fields := strings.Fields(s)
	if len(fields) < 7 {
		return 0, nil, false
	}
	nr, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return 0, nil, false
	}
	for _, f := range fields[1:7] {
		v, err := strconv.ParseUint(strings.TrimPrefix(f, "0x"), 16, 64)
		if err != nil {
			return 0, nil, false
		}
		args = append(args, v)
	}
	return nr, args, true
}

// ReadMemory reads up to n bytes of a process's memory, fewer where they end,
// and nothing for n of 0. It needs what ptrace needs: the same user, and a
// parent's right where Yama restricts it.
func ReadMemory(pid int, addr uint64, n int) ([]byte, error) {
	if n <= 0 {
		return nil, nil
	}
	buf := make([]byte, n)
	local := []unix.Iovec{{Base: &buf[0]}}
	local[0].SetLen(n)
	got, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(addr), Len: n}}, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot read the memory of process %d: %w", pid, err)
	}
	return buf[:got], nil
}
