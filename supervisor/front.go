package supervisor

import (
	"fmt"
	"net"
	"time"

	"rota/listener/front"
	"rota/policy"
)

// Front is what accepts for the pool; nil unless Config.Accept is AcceptFront.
func (s *Supervisor) Front() *front.Front { return s.front }

// makeFront makes the front of a pool, which nothing reaches before openFront.
func (s *Supervisor) makeFront() {
	s.sockets.KeepPrivate()
	s.front = front.New(s.config.Front, front.Hooks{
		Answered: s.options.Answered,
		Refused:  s.options.Refused,
		Short: func(err error) {
			s.post(asked{func() {
				s.event(Event{Kind: Warning, Message: fmt.Sprintf("cannot accept clients: %v; they wait (raise the limit of open files, ulimit -n, if it is that)", err)})
			}})
		},
		Spent: func(id uint64) { s.post(spent{id}) },
	})
	s.clientsGone = make(chan struct{})
}

// openFront accepts on every address that is served and is not accepted on yet.
func (s *Supervisor) openFront() error {
	for _, public := range s.sockets.Served() {
		if s.opened[public] {
			continue
		}
		if err := s.sockets.Listen(public); err != nil {
			return err
		}
		if err := s.front.Listen(public.FD(), !public.Inherited()); err != nil {
			return err
		}
		s.opened[public] = true
	}
	return nil
}

// admit gives a worker that is ready its share of the requests.
func (s *Supervisor) admit(p *process) {
	id, sockets := p.id, s.sockets
	s.front.Add(id, p.slot, func() (net.Conn, error) { return sockets.Dial(id) })
}

// retire gives a worker no more requests. With none left in its hands it is
// idle, and the stop signal follows. When rota itself ends, its clients may have
// more to ask first: the workers stay until those have gone.
func (s *Supervisor) retire(p *process, why policy.Trigger) {
	if why == policy.Shutdown && !s.gone() {
		s.closeFront()
		return
	}
	id := p.id
	s.front.Retire(id, func() { s.post(idle{id}) })
}

// gone tells whether the front was closed and has no client left.
func (s *Supervisor) gone() bool {
	select {
	case <-s.clientsGone:
		return true
	default:
		return false
	}
}

// closeFront lets no new clients in.
func (s *Supervisor) closeFront() {
	if s.closed {
		return
	}
	s.closed = true
	s.front.Close(func() {
		close(s.clientsGone)
		s.post(deserted{})
	})
}

// onDeserted: the last client has gone, so whoever waits for that may stop.
func (s *Supervisor) onDeserted() {
	for _, w := range s.fleet.Workers {
		if w.State == policy.Draining && w.Leaving == policy.Shutdown {
			s.retire(s.processes[w.ID], policy.Shutdown)
		}
	}
}

// cutOff ends what is still in a worker's hands.
func (s *Supervisor) cutOff(p *process) {
	if p.cutOff {
		return
	}
	p.cutOff = true
	s.front.Retire(p.id, nil)
	p.cut, p.cutUpgrades = s.front.Cut(p.id)
}

// remove forgets a worker that has gone, or whose end cannot be waited for. What
// it has never accepted goes to another one; it says how much that is.
func (s *Supervisor) remove(p *process) (rescued int) {
	s.front.Retire(p.id, nil) // first: from here on no connecting to it succeeds
	s.sockets.Rescue(p.id, func(waiting []net.Addr) {
		rescued = len(waiting)
		s.front.Remove(p.id, waiting)
	})
	return rescued
}

// moveTime is what requests get to leave a worker before what is left is cut.
const moveTime = 200 * time.Millisecond

// finish ends a worker whose drain is over, because it is idle or because its
// time is. In the latter case what it has not even accepted, behind a request
// that takes long, can still go to another one.
func (s *Supervisor) finish(p *process, idle bool) {
	end := func() {
		s.cutOff(p)
		s.tell(p)
	}
	if idle || s.remove(p) == 0 {
		end()
		return
	}
	id := p.id
	time.AfterFunc(moveTime, func() {
		s.post(asked{func() {
			if s.processes[id] != nil {
				end()
			}
		}})
	})
}

// lastWords is how long requests that no worker is left for may take to be told so.
const lastWords = time.Second

// leaveFront answers whoever is still there once every worker has gone.
func (s *Supervisor) leaveFront() {
	if s.front == nil || s.fleet.Abort {
		return
	}
	s.closeFront()
	s.front.Abandon()
	select {
	case <-s.clientsGone:
	case <-time.After(lastWords):
	}
}
