package supervisor

import (
	"time"

	"rota/listener"
	"rota/procstats"
)

// A starting worker is looked at every few milliseconds: most wait for
// connections as soon as they listen, but a busy one only for moments. Every
// looksBetween-th look is a whole one, which finds new processes too. Looking
// takes a fiftieth of a core at most: the worker needs the processor to start.
const (
	lookInterval = 2 * time.Millisecond
	looksBetween = 20
	lookShare    = 50
)

// unseenPatience is how long a worker may listen without being seen to wait for
// connections until it counts as ready all the same: it may do so in a way that
// rota does not know.
const unseenPatience = 15 * time.Second

// listening: a worker listens on a socket that is served. That alone does not
// make it ready: gunicorn listens, then loads the application, and ends if that
// fails. It is ready when a process of it waits for connections.
func (s *Supervisor) listening(p *process, now time.Time) {
	if s.config.Ready != ReadyListen {
		return
	}
	if p.blind {
		s.ready(p, now)
		return
	}
	s.watch(p)
	id := p.id
	patience := min(unseenPatience, s.config.Policy.StartTimeout/2)
	time.AfterFunc(patience, func() { s.post(unseen{id: id}) })
}

// inherits watches a worker from its start if it may serve from an inherited
// socket without ever calling listen.
func (s *Supervisor) inherits(p *process) {
	if s.config.Ready == ReadyListen && s.releases[p.generation].Inherits() && len(s.sockets.Handed()) > 0 {
		s.watch(p)
	}
}

// watch looks at a starting worker until a process of it waits for connections.
func (s *Supervisor) watch(p *process) {
	if p.attend != nil || !p.readyAt.IsZero() {
		return
	}
	quit := make(chan struct{})
	p.attend = quit
	id, leader := p.id, p.pid
	go func() {
		var last listener.Look
		for n := 0; ; n++ {
			began := time.Now()
			pid := 0
			if n%looksBetween == 0 {
				pids, err := procstats.Host.Tree(leader)
				if err == nil {
					last = listener.Attending(pids, s.sockets.Served())
					pid = last.PID
				}
				if last.Blind {
					s.post(unseen{id, true})
					return
				}
				if pid == 0 {
					// A connection that it has taken says as much.
					if accepted, err := s.sockets.Accepted(pids); err == nil && accepted > 0 {
						pid = leader
					}
				}
			} else {
				pid = last.Again()
			}
			if pid != 0 {
				s.post(answered{id, pid})
				return
			}
			select {
			case <-quit:
				return
			case <-time.After(max(lookInterval, lookShare*time.Since(began))):
			}
		}
	}()
}

// onUnseen: a worker that listens has to be taken at its word.
func (s *Supervisor) onUnseen(m unseen, now time.Time) {
	p := s.processes[m.id]
	if p == nil {
		return
	}
	p.blind = p.blind || m.blind
	// Without the filter a worker is not seen to listen either.
	unheard := m.blind && (s.noFilter || !s.releases[p.generation].Adopts())
	if unheard {
		s.warn("blind", "cannot see when a worker serves: its processes cannot be looked into; each counts as ready at once (have it say so, with --ready notify)")
	}
	if p.listened || unheard {
		s.ready(p, now)
	}
}
