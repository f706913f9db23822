package supervisor

import (
	"time"

	"rota/listener"
	"rota/procstats"
)

// A worker that is not steered to is looked at every few milliseconds at first,
// since most finish in less. Each look asks the kernel for every connection, which
// is to take a tenth of the time at most.
const (
	quietSoon  = 3 * time.Millisecond
	quietFirst = 100 * time.Millisecond // how long that is soon
	quietLater = 20 * time.Millisecond
	quietShare = 10
)

// quietLooks is how many looks in a row have to find nothing under way: one may
// come between two requests.
const quietLooks = 2

// whenQuiet runs then in the loop, once, when a worker to which nobody is steered
// has nothing under way. It looks beside the loop, until the worker is told to
// stop. How long that may take is for policy to say.
func (s *Supervisor) whenQuiet(p *process, then func()) {
	p.endQuiet()
	quit := make(chan struct{})
	p.quieting = quit
	q := &quiet{sockets: s.sockets, id: p.id, leader: p.pid, ended: func() {
		s.post(asked{func() { s.ended(p, time.Now()) }})
	}}
	go func() {
		for began := time.Now(); ; {
			if q.look() {
				break
			}
			pause := quietSoon
			if time.Since(began) > quietFirst {
				pause = quietLater
			}
			select {
			case <-quit:
				return
			case <-s.done:
				return
			case <-time.After(max(pause, quietShare*q.took)):
			}
		}
		s.post(asked{func() {
			if p.quieting == quit && s.processes[p.id] == p {
				p.quieting = nil
				then()
			}
		}})
	}()
}

// endQuiet ends the wait for a worker to be quiet.
func (p *process) endQuiet() {
	if p.quieting != nil {
		close(p.quieting)
		p.quieting = nil
	}
}

// quiet looks at one worker to which nobody is steered, beside the loop.
type quiet struct {
	sockets *listener.Set
	id      uint64
	leader  int
	ended   func()        // told when kept connections were
	still   int           // looks in a row that found nothing under way
	took    time.Duration // to ask the kernel, the last time
}

// look looks once, and reports true if the worker has nothing under way. Kept
// connections are closed between two requests, or a client that never pauses
// would be as good as one that is served for ever.
func (q *quiet) look() bool {
	if !q.sockets.Settled(q.id) {
		q.still = 0
		return false
	}
	pids, err := procstats.Host.Tree(q.leader)
	if err != nil { // it has gone; what it left behind may have not
		pids, err = procstats.Host.Group(q.leader)
	}
	closed, busy := 0, 0
	if err == nil {
		closed, _ = q.sockets.CloseIdle(pids) // where it cannot be had, they are waited for
		if closed > 0 {
			q.ended()
		}
		asked := time.Now()
		busy, err = q.sockets.Busy(pids)
		q.took = time.Since(asked)
	}
	if err != nil || closed+busy > 0 {
		q.still = 0
		return false
	}
	q.still++
	return q.still >= quietLooks
}
