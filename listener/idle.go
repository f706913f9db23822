package listener

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// closeWithin is how long CloseIdle takes at most: what it has to see of a client
	// that hardly pauses are two requests in a row. It looks every closeBetween
	// meanwhile, since a client that asks again at once leaves a tenth of a
	// millisecond, or so seldom that looking takes a fifth of the time.
	closeWithin  = 150 * time.Millisecond
	closeBetween = 100 * time.Microsecond
	// closeAtOnce is how many connections it looks at, of each of which rota has a
	// descriptor meanwhile. The others have their turn when those are closed.
	closeAtOnce = 256
	closeShare  = 4
	// wholePatience is how long nothing must have followed an answer that is as long
	// as all before it: two ticks of the kernel's clock, or more.
	wholePatience = 8 * time.Millisecond
)

// watched is a connection of another process that is looked at closely.
type watched struct {
	fd   int // rota's own
	seen exchange
}

// CloseIdle has some processes close their kept connections while they are between
// requests, and returns how many were told, each once. The server reads the end of
// its input, as if the client had closed, and closes in its own way; a request that
// came just before is still read. A connection is told 50 ms after its last answer.
// That would never come for one whose client hardly pauses; so CloseIdle looks
// closely, for up to 150 ms, and tells it as soon as an answer is whole, best right
// after it, when the next request is farthest. How long an answer is, those before
// on the connection tell. After one that is known to be whole the client is told of
// the end by the same call, before the server wakes and closes: what it asks
// meanwhile would be lost. Else the server may go on with the answer, as most do
// (Node does not). It fails where the kernel or a container does not let rota
// reach another process's sockets (pidfd_getfd).
func (s *Set) CloseIdle(pids []int) (closed int, err error) {
	candidates := map[uint32]exchange{}
	err = s.eachExchange(pids, func(c connection, e exchange) {
		if e.told.IsZero() && e.in > 0 && e.out > 0 {
			candidates[c.inode] = e
		}
	})
	if err != nil || len(candidates) == 0 {
		return 0, err
	}
	found := map[uint32]*watched{}
	defer func() {
		for _, w := range found {
			unix.Close(w.fd)
		}
	}()
	for _, pid := range pids {
		if err := reach(pid, candidates, found); err != nil {
			return 0, err
		}
	}
	for began := time.Now(); len(found) > 0 && time.Since(began) < closeWithin; {
		looked := time.Now()
		for inode, w := range found {
			over := w.look()
			if !over {
				continue
			}
			if !w.seen.told.IsZero() {
				closed++
			}
			unix.Close(w.fd)
			delete(found, inode)
			s.remember(inode, w.seen)
		}
		rest(max(closeBetween, closeShare*time.Since(looked)))
	}
	for inode, w := range found {
		s.remember(inode, w.seen)
	}
	return closed, nil
}

// rest sleeps as long as it is told. time.Sleep takes a millisecond at least where
// nothing else is to be done, since it waits for the network meanwhile.
func rest(d time.Duration) {
	ts := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&ts, nil) // a signal may end it early
}

func (s *Set) remember(inode uint32, e exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exchanges[inode] = e
}

// look tells the server of the end if nothing is under way. It reports true if the
// connection need not be looked at any more.
func (w *watched) look() (over bool) {
	info, err := unix.GetsockoptTCPInfo(w.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil || info.State != stateEstablished {
		return true
	}
	now, before := time.Now(), w.seen
	w.seen = connection{info: *info}.since(before, true, now)
	paused := milliseconds(info.Last_data_sent)
	whole := w.seen.answered() || w.seen.even() && w.seen.out/w.seen.in == w.seen.whole && (paused >= wholePatience || w.seen.follows(before))
	if w.seen.pending || info.Notsent_bytes > 0 || !whole && paused < piecesPatience {
		return false
	}
	end := unix.SHUT_RD
	if whole {
		end = unix.SHUT_RDWR
	}
	if unix.Shutdown(w.fd, end) == nil {
		w.seen.told = now
	}
	return true
}

// answered tells whether the last request has its answer, which is known by the
// length of those to the two before it.
func (e exchange) answered() bool {
	return e.begun && e.alike && e.out-e.asked >= e.whole
}

// follows tells whether just an answer went on since the look before. The end of one
// may come late, where the client is slow to acknowledge its beginning (RFC 896), and
// the next request right behind it.
func (e exchange) follows(before exchange) bool { return e.in == before.in && e.out != before.out }

// reach gets hold of the wanted connections that a process has. Several processes
// may have one.
func reach(pid int, wanted map[uint32]exchange, found map[uint32]*watched) error {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // it ended
	}
	pidfd := -1
	for _, e := range entries {
		inode := uint32(SocketInode(dir + "/" + e.Name()))
		if _, ok := wanted[inode]; !ok || found[inode] != nil {
			continue
		}
		if len(found) >= closeAtOnce {
			return nil
		}
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if pidfd < 0 {
			if pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
				return nil // it ended
			}
			defer unix.Close(pidfd)
		}
		dup, err := unix.PidfdGetfd(pidfd, fd, 0)
		switch {
		case err == unix.EBADF || err == unix.ESRCH:
			continue // closed meanwhile
		case err != nil:
			return fmt.Errorf("cannot reach a connection of process %d: %w", pid, err)
		case uint32(inodeOf(dup)) != inode: // another has its number by now
			unix.Close(dup)
			continue
		}
		found[inode] = &watched{fd: dup, seen: wanted[inode]}
	}
	return nil
}
