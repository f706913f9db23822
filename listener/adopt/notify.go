package adopt

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of a listener descriptor, from linux/seccomp.h. They are alike on
// amd64 and arm64: both use the generic ioctl encoding.
const (
	ioctlRecv    = 0xc0502100
	ioctlSend    = 0xc0182101
	ioctlIDValid = 0x40082102
	ioctlAddFD   = 0x40182103
)

const (
	flagContinue   = 1 << 0 // of response: run the call as it was made
	addFDFlagSetFD = 1 << 0 // of addFD: put it at newfd, closing what was there
)

// notification is struct seccomp_notif: a call that a thread waits on.
type notification struct {
	id    uint64
	pid   uint32 // the thread, as rota's PID namespace numbers it
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// addFD is struct seccomp_notif_addfd.
type addFD struct {
	id         uint64
	flags      uint32
	srcfd      uint32
	newfd      uint32
	newfdFlags uint32
}

// errGone means that the thread which made the call is no more.
var errGone = errors.New("the caller has gone")

// channel is a listener descriptor. It is waited for through the runtime's
// poller, so that a hundred quiet workers cost no thread.
type channel struct {
	file *os.File
	raw  interface {
		Read(func(uintptr) bool) error
	}
}

func newChannel(f *os.File) (*channel, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &channel{file: f, raw: raw}, nil
}

// receive waits for the next call. It returns errGone when every process under
// the filter has ended, and os.ErrClosed when the file was closed.
func (c *channel) receive() (notification, error) {
	var n notification
	var result error
	err := c.raw.Read(func(fd uintptr) bool {
		for {
			// RECV blocks even on a non-blocking descriptor, so ask first.
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			_, err := unix.Poll(p, 0)
			switch {
			case err == unix.EINTR:
				continue
			case err != nil:
				result = err
				return true
			case p[0].Revents&unix.POLLIN != 0:
				n = notification{} // the kernel wants it zeroed
				err := ioctl(fd, ioctlRecv, unsafe.Pointer(&n))
				if err == unix.EINTR || err == unix.ENOENT {
					continue // ENOENT: the task died meanwhile
				}
				result = err
				return true
			case p[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0:
				result = errGone
				return true
			}
			return false
		}
	})
	if err != nil {
		// Waiting itself fails only when the file is closed, with an error of the
		// runtime's own that is none of os's.
		return n, os.ErrClosed
	}
	return n, result
}

// valid tells whether the call is still waiting. What was read from the
// caller's memory or files counts only if it is: the pid may be another's by now.
func (c *channel) valid(id uint64) bool {
	return c.control(ioctlIDValid, unsafe.Pointer(&id)) == nil
}

// run lets the call go on as it was made.
func (c *channel) run(id uint64) error {
	return c.send(response{id: id, flags: flagContinue})
}

// answer ends the call without running it: with success for errno 0.
func (c *channel) answer(id uint64, errno unix.Errno) error {
	return c.send(response{id: id, error: -int32(errno)})
}

func (c *channel) send(r response) error {
	return c.control(ioctlSend, unsafe.Pointer(&r))
}

// place puts a copy of srcfd at the caller's descriptor number. Not with
// ADDFD_FLAG_SEND: the call would then return that number, and bind returns 0.
func (c *channel) place(id uint64, srcfd, target int, cloexec bool) error {
	a := addFD{id: id, flags: addFDFlagSetFD, srcfd: uint32(srcfd), newfd: uint32(target)}
	if cloexec {
		a.newfdFlags = unix.O_CLOEXEC
	}
	return c.control(ioctlAddFD, unsafe.Pointer(&a))
}

func (c *channel) control(request uintptr, arg unsafe.Pointer) error {
	conn, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = conn.Control(func(fd uintptr) {
		for {
			if result = ioctl(fd, request, arg); result != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	if result == unix.ENOENT {
		return errGone
	}
	return result
}

func ioctl(fd, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
