// Package control is the socket over which the operator of a pool asks and
// changes it: where it is, who may use it, and how the one running pool is found.
package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const remedy = "name another place with --control PATH"

// longestPath is what sockaddr_un holds, but for the byte that ends it: unix(7).
const longestPath = 107

// CheckPath tells why no socket can have a path, before anything is tried.
func CheckPath(path string) error {
	if len(path) > longestPath {
		return fmt.Errorf("%q has %d bytes, and the path of a socket has %d at most: name a shorter one", path, len(path), longestPath)
	}
	return nil
}

// Listener takes connections of the user that rota runs as, and of root. All
// others are closed before anything is read of them.
type Listener struct {
	*net.UnixListener
	path    string
	self    os.FileInfo // the socket's file, to remove no other one
	refused atomic.Int64
	tell    func(Peer, int64)
}

// Peer is the process at the other end of a connection, when it connected.
type Peer struct {
	UID int
	PID int // 0 for one of another PID namespace
}

// String is the peer for people.
func (p Peer) String() string {
	if p.PID == 0 {
		return fmt.Sprintf("user %d over the control socket", p.UID)
	}
	return fmt.Sprintf("user %d (process %d) over the control socket", p.UID, p.PID)
}

// Conn is a connection whose other end is known.
type Conn struct {
	net.Conn
	Peer Peer
}

// NetConn is the connection itself.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// CloseWrite ends the direction to the peer.
func (c *Conn) CloseWrite() error { return c.Conn.(*net.UnixConn).CloseWrite() }

// Listen opens a control socket. Without a path it is in the first of Folders that
// can be used, named after the process. A socket at path on which nobody answers
// is replaced; one that lives is not, nor is any other file.
//
// refused, if not nil, is told of peers that may not connect, and how many there
// were so far: of the first, and then each time that their number has doubled.
func Listen(path string, refused func(Peer, int64)) (*Listener, error) {
	if path != "" {
		l, err := listen(path, refused)
		if errors.Is(err, unix.EADDRINUSE) {
			return nil, fmt.Errorf("cannot make the control socket %s: another rota answers there, or it is no socket (%s)", path, remedy)
		} else if err != nil {
			return nil, fmt.Errorf("cannot make the control socket: %w (%s)", err, remedy)
		}
		return l, nil
	}
	var tried []string
	for _, dir := range Folders() {
		if err := own(dir, os.Geteuid(), true); err != nil {
			tried = append(tried, err.Error())
			continue
		}
		// Containers may share the folder and have equal pids.
		for n := 1; n <= 100; n++ {
			name := strconv.Itoa(os.Getpid())
			if n > 1 {
				name += "-" + strconv.Itoa(n)
			}
			l, err := listen(filepath.Join(dir, name+suffix), refused)
			if err == nil {
				return l, nil
			}
			if !errors.Is(err, unix.EADDRINUSE) {
				tried = append(tried, err.Error())
				break
			}
		}
	}
	return nil, fmt.Errorf("cannot make a control socket: %s (%s)", strings.Join(tried, "; "), remedy)
}

// listen opens a socket at a path of which no other process makes use.
func listen(path string, refused func(Peer, int64)) (*Listener, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	// Between bind and listen the socket answers nobody: it would be taken for dead.
	defer lock(filepath.Dir(path))()
	if dead(path) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot remove a control socket on which nobody answers: %w", err)
		}
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		// The file gets the mode that the socket has: there is no moment at which
		// others could connect.
		return raw.Control(func(fd uintptr) { _ = unix.Fchmod(int(fd), 0o600) })
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	u := l.(*net.UnixListener)
	u.SetUnlinkOnClose(false)
	self, err := os.Lstat(path)
	if err == nil && self.Mode().Perm() != 0o600 { // a kernel that does not heed it, like gVisor's
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		u.Close()
		os.Remove(path)
		return nil, err
	}
	return &Listener{UnixListener: u, path: path, self: self, tell: refused}, nil
}

// Path is where the socket is.
func (l *Listener) Path() string { return l.path }

// Accept waits for a connection of somebody who may.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		peer, err := PeerOf(conn)
		if err == nil && (peer.UID == os.Geteuid() || peer.UID == 0) {
			return &Conn{conn, peer}, nil
		}
		conn.Close()
		if n := l.refused.Add(1); err == nil && n&(n-1) == 0 && l.tell != nil {
			l.tell(peer, n)
		}
	}
}

// Close ends the socket and removes its file. It is fine to close none.
func (l *Listener) Close() error {
	if l == nil {
		return nil
	}
	// Removed first: whoever finds the file finds somebody who answers.
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.self) {
		os.Remove(l.path)
	}
	return l.UnixListener.Close()
}

// PeerOf asks the kernel who has connected.
func PeerOf(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, failed); err != nil {
		return Peer{}, err
	}
	return Peer{UID: int(cred.Uid), PID: int(cred.Pid)}, nil
}

// dead tells whether a path is a socket on which nobody listens. One that cannot
// be asked, or is busy, lives.
func dead(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, unix.ECONNREFUSED)
}

// lockTime is how long others may take to make or clean up their sockets, which
// takes them a fraction of a millisecond.
const lockTime = time.Second

// lock keeps other rotas from making and removing sockets in a folder. Where it
// cannot be had in time, or at all, it does without: what it prevents is rare.
func lock(dir string) (unlock func()) {
	f, err := os.Open(dir)
	if err != nil {
		return func() {}
	}
	for deadline := time.Now().Add(lockTime); unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == unix.EWOULDBLOCK && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	return func() { f.Close() } // with which the lock goes
}
