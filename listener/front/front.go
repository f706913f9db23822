// Package front accepts connections in rota itself and forwards each request to
// a ready worker, over a socket that only that worker has. Because every
// request in flight is known, a worker can be drained exactly, whatever the
// program does with its stop signal, and a client's connection outlives it.
package front

import "net"

// Hooks is what the front tells. Each is called from the goroutine of some
// request and must not block.
type Hooks struct {
	Answered func(Answer)    // a request is over
	Spent    func(id uint64) // a worker has had Config.MaxRequests requests; told once
}

// Front is the one of a pool. It may be used by many goroutines.
type Front struct{}

// New makes a front without sockets and workers.
func New(c Config, hooks Hooks) *Front { return &Front{} }

// Configure changes what can be changed while requests are served: all but the
// limits of a request's header.
func (f *Front) Configure(c Config) {}

// Listen begins to accept on a copy of a listening socket.
func (f *Front) Listen(fd int) error { return nil }

// Add gives a worker its share of the requests from here on. dial connects to it.
func (f *Front) Add(id uint64, slot int, dial func() (net.Conn, error)) {}

// Retire gives a worker no more requests. idle is called once, when nothing is
// in its hands any more, which may be at once.
func (f *Front) Retire(id uint64, idle func()) {}

// Cut ends what is left in a worker's hands, and says how much that was.
func (f *Front) Cut(id uint64) (requests, upgrades int) { return 0, 0 }

// Remove forgets a worker that has gone. rescued are the local addresses of
// connections that it had never accepted: their requests go to another one.
func (f *Front) Remove(id uint64, rescued []net.Addr) {}

// Close takes no new connections and asks kept ones to go with their next
// answer. done is called once no client is left, or only silent ones.
func (f *Front) Close(done func()) {}

// Stats is the front at this moment.
func (f *Front) Stats() Stats { return Stats{} }
