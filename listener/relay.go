package listener

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// relay carries connections on a shared port to workers that have a private
// socket for it: they bound it first, so that it was taken for the one to serve,
// and then bound a better one. It is there for as long as such workers live;
// those that come later have the shared socket itself.
type relay struct {
	listener net.Listener
	shared   *Socket

	mu      sync.Mutex
	targets []target
	turn    int
}

type target struct {
	user   uint64
	socket *Socket
}

// share makes the ports reachable that a worker was wrongly guessed to serve on,
// once it listens there. If one cannot be had (somebody else has it by now), the
// worker goes without: it is not what it is there for.
func (s *Set) share(h *hand, user uint64) {
	better := false
	for _, o := range h.sockets {
		better = better || o.fit == proper
	}
	if !better {
		return
	}
	for _, o := range h.sockets {
		if o.fit != guessed || !o.taken || o.shared {
			continue
		}
		o.shared = true
		a := o.asked
		socket, err := s.claim(Request{Addr: netip.AddrPortFrom(a.IP, a.Port), IPv6: a.Family != IPv4, V6Only: a.Family == IPv6, V6OnlyKnown: true})
		if err != nil || socket.listen() != nil {
			continue
		}
		if socket.users == nil {
			socket.users = map[uint64]bool{}
		}
		socket.users[user] = true
		r := s.relays[socket]
		if r == nil {
			if r, err = newRelay(socket); err != nil {
				continue
			}
			s.relays[socket] = r
		}
		r.add(target{user, o})
	}
}

// unshare takes a worker that has gone out of every relay.
func (s *Set) unshare(user uint64) {
	for socket, r := range s.relays {
		if r.remove(user) {
			delete(s.relays, socket)
		}
	}
}

func newRelay(shared *Socket) (*relay, error) {
	dup, err := unix.FcntlInt(uintptr(shared.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(dup), "relay")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, shared: shared}
	go r.run()
	return r, nil
}

func (r *relay) add(t target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets = append(r.targets, t)
}

// remove reports whether nobody is left to carry to, and ends the relay then.
func (r *relay) remove(user uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []target
	for _, t := range r.targets {
		if t.user != user {
			left = append(left, t)
		}
	}
	r.targets = left
	if len(left) > 0 {
		return false
	}
	// A worker that shares the socket may have made it a blocking one; closing it
	// then waits for the accept that is under way.
	go r.listener.Close()
	return true
}

// next is where the next connection goes: to the workers in turn. With none
// left, whoever shares the socket takes it.
func (r *relay) next() *Socket {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.targets) == 0 {
		return r.shared
	}
	r.turn++
	return r.targets[r.turn%len(r.targets)].socket
}

func (r *relay) run() {
	for {
		conn, err := r.listener.Accept()
		switch {
		case err == nil:
			go carry(conn, r.next())
		case errors.Is(err, net.ErrClosed):
			return
		default:
			time.Sleep(10 * time.Millisecond) // out of descriptors
		}
	}
}

// carry connects two ends until both have said all.
func carry(client net.Conn, to *Socket) {
	defer client.Close()
	worker, err := to.dial()
	if err != nil {
		return
	}
	defer worker.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pass(worker, client)
	}()
	pass(client, worker)
	<-done
}

func pass(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	if c, ok := to.(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
}
