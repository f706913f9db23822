// Package front accepts connections in rota itself and forwards each request to
// a ready worker, over a socket that only that worker has. Because every
// request in flight is known, a worker can be drained exactly, whatever the
// program does with its stop signal, and a client's connection outlives it.
package front

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Hooks is what the front tells.
type Hooks struct {
	Answered func(Answer)    // a request is over; called from its own goroutine, which it must not hold up
	Refused  func(Answer)    // a request could not be read; the Answer has none. From a goroutine that it must not hold up
	Short    func(error)     // clients cannot be accepted for want of descriptors or memory; told once a minute at most
	Spent    func(id uint64) // a worker has had Config.MaxRequests requests; told once, from a goroutine of its own
}

// Front is the one of a pool. It may be used by many goroutines.
type Front struct {
	hooks    Hooks
	config   atomic.Pointer[Config]
	dispatch dispatcher
	server   *http.Server
	log      *log.Logger
	retries  *budget
	bodies   atomic.Int64 // bytes of request bodies that are held in memory
	clients  clients
	lot      lot
	thrift   thrift
	closing  atomic.Bool
	lacked   atomic.Int64 // when Hooks.Short was last called, in nanoseconds since the epoch
	ballast  []byte

	mu      sync.Mutex
	sockets []*socket
}

// ballast is memory that is never touched, so that it takes none. It makes the
// collector run at every 8 MiB of garbage rather than at every 4, and that on
// top of itself: with a small heap, collecting would be a fifth of all work.
const ballast = 8 << 20

// New makes a front without sockets and workers.
func New(c Config, hooks Hooks) *Front {
	f := &Front{hooks: hooks, retries: newBudget(), log: log.New(io.Discard, "", 0), ballast: make([]byte, ballast)}
	if f.hooks.Answered == nil {
		f.hooks.Answered = func(Answer) {}
	}
	if f.hooks.Refused == nil {
		f.hooks.Refused = func(Answer) {}
	}
	f.lot.leave = f.unpark
	f.dispatch.spent = hooks.Spent
	if f.dispatch.spent == nil {
		f.dispatch.spent = func(uint64) {}
	}
	f.Configure(c)
	f.server = &http.Server{
		Handler:           f,
		ReadHeaderTimeout: c.HeaderTimeout,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    c.MaxHeader,
		ConnState:         f.connState,
		ErrorLog:          f.log,
		Protocols:         new(http.Protocols),
		// `OPTIONS *` is for the worker to answer.
		DisableGeneralOptionsHandler: true,
	}
	f.server.Protocols.SetHTTP1(true)
	f.server.Protocols.SetUnencryptedHTTP2(true)
	return f
}

// Configure changes what can be changed while requests are served: all but the
// limits of a request's header and of an idle connection.
func (f *Front) Configure(c Config) {
	f.config.Store(&c)
	f.dispatch.configure(c)
}

// Listen begins to accept on a copy of a listening socket. ours says that nobody
// but rota holds it, so that it is shut when the front closes; one that systemd
// holds too goes on taking connections for the next rota.
func (f *Front) Listen(fd int, ours bool) error {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot copy a listening socket: %w", err)
	}
	file := os.NewFile(uintptr(dup), "listener")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("cannot accept on a listening socket: %w", err)
	}
	if unixListener, ok := l.(*net.UnixListener); ok {
		unixListener.SetUnlinkOnClose(false) // the file is the holder's
	}
	s := &socket{Listener: l, ours: ours, ended: make(chan struct{}), short: f.short}
	f.mu.Lock()
	f.sockets = append(f.sockets, s)
	f.mu.Unlock()
	go func() { _ = f.server.Serve(&clientListener{Listener: s, front: f}) }() // it ends when the socket is closed
	return nil
}

// Add gives a worker its share of the requests from here on. dial connects to it.
func (f *Front) Add(id uint64, slot int, dial func() (net.Conn, error)) {
	f.dispatch.add(&worker{id: id, slot: slot, link: newLink(dial, f.config.Load().MaxHeader)})
}

// Retire gives a worker no more requests. idle is called once, from a goroutine
// of its own, when nothing is in its hands any more, which may be at once.
func (f *Front) Retire(id uint64, idle func()) { f.dispatch.retire(id, idle) }

// Cut ends what is left in a worker's hands, and says how much that was.
func (f *Front) Cut(id uint64) (requests, upgrades int) { return f.dispatch.cut(id) }

// Remove forgets a worker that has gone. rescued are the local addresses of
// connections that it had never accepted and that are still open: once they are
// closed, their requests go to another worker.
func (f *Front) Remove(id uint64, rescued []net.Addr) { f.dispatch.remove(id, rescued) }

// Abandon sheds all requests that wait for a worker, and those that still come:
// there will be none.
func (f *Front) Abandon() { f.dispatch.abandon() }

// Stats is the front at this moment.
func (f *Front) Stats() Stats {
	s := f.dispatch.stats()
	s.Connections = f.clients.count()
	return s
}
