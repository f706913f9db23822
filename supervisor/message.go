package supervisor

import (
	"syscall"
	"time"

	"rota/listener"
	"rota/listener/adopt"
	"rota/procstats"
	"rota/supervisor/launch"
)

// message is something that the loop can hear. Each comes from a goroutine that
// made one blocking call. Worker ids are never used again, so a message about a
// worker that has gone finds nothing and is ignored.
type message interface{ message() }

type (
	// forked: the shim of a worker runs, or could not be started.
	forked struct {
		id    uint64
		child launch.Child
		err   error
	}
	// launched: the shim has become the command, or has failed to.
	launched struct {
		id      uint64
		outcome launch.Outcome
	}
	// exited: a child of rota ended and was reaped, be it a worker's leader or
	// an orphan that rota inherited.
	exited struct {
		pid    int
		status syscall.WaitStatus
	}
	// seen: a worker bound or listened.
	seen struct {
		id     uint64
		report adopt.Report
	}
	// answered: a worker says or shows that it serves.
	answered struct {
		id  uint64
		pid int // the process that does; 0 if that is not known
	}
	// unseen: nothing tells whether a worker waits for connections.
	unseen struct {
		id    uint64
		blind bool // and nothing will: its processes cannot be looked into
	}
	// sampled: the memory of the workers and of the container was read.
	sampled struct {
		at        time.Time // when it began
		usages    []procstats.Usage
		container procstats.Container
		err       error         // of container
		cost      time.Duration // of usages, on the clock
		work      time.Duration // of all, on the processor
	}
	// counted: the requests that a worker has in flight, before it is signalled.
	counted struct {
		id       uint64
		inFlight int
		send     func()
	}
	// lingering: it is time to look at what a leader left behind.
	lingering struct{ id uint64 }
	// spent: a worker has had as many requests as it may.
	spent struct{ id uint64 }
	// idle: nothing is in the hands of a draining worker any more.
	idle struct{ id uint64 }
	// deserted: rota ends, and its last client has gone.
	deserted struct{}
	// probed: a worker was asked whether it is ready.
	probed struct {
		id  uint64
		ok  bool
		err error // what came instead
	}
	// spotted: a worker listens on a socket that it made itself.
	spotted struct {
		id     uint64
		socket *listener.Socket
	}
	// examined: the command of a worker's capture runs, or could not be started.
	examined struct {
		id     uint64
		result *result // nil if there is no folder for it
		child  launch.Child
		err    error
	}
	// overdue: the time of a worker's capture may be over.
	overdue struct{ id uint64 }
	// outgrown: the result of a worker's capture has become too large.
	outgrown struct {
		id   uint64
		size int64 // bytes
	}
	// stored: the result of a worker's capture was put away.
	stored struct {
		id uint64
		outcome
	}
	// asked: an operator wants something.
	asked struct{ do func() }
	// tick: something that has no event of its own may have changed.
	tick struct{}
)

func (forked) message()    {}
func (launched) message()  {}
func (exited) message()    {}
func (seen) message()      {}
func (answered) message()  {}
func (unseen) message()    {}
func (sampled) message()   {}
func (counted) message()   {}
func (lingering) message() {}
func (spent) message()     {}
func (idle) message()      {}
func (deserted) message()  {}
func (probed) message()    {}
func (spotted) message()   {}
func (examined) message()  {}
func (overdue) message()   {}
func (outgrown) message()  {}
func (stored) message()    {}
func (asked) message()     {}
func (tick) message()      {}
