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
	if s.config.Ready == ReadyNotify || p.blind {
		s.serves(p, now)
		return
	}
	s.watch(p)
	s.doubt(p)
}

// doubt takes a worker at its word that listens, after a while.
func (s *Supervisor) doubt(p *process) {
	if p.doubted != nil {
		return // since it listened before
	}
	id := p.id
	patience := min(unseenPatience, s.config.Policy.StartTimeout/2)
	p.doubted = time.AfterFunc(patience, func() { s.post(unseen{id: id}) })
}

// inherits watches a worker from its start if it may serve from an inherited
// socket without ever calling listen, or from one that nobody tells of.
func (s *Supervisor) inherits(p *process) {
	inherits := s.releases[p.generation].Inherits() && len(s.sockets.Handed()) > 0
	if p.unseen || inherits && s.config.Ready != ReadyNotify {
		s.watch(p)
	}
}

// serves: a worker is there to be asked, as far as can be told, or says so
// itself. What more it takes to be ready depends on Config.Ready.
func (s *Supervisor) serves(p *process, now time.Time) {
	if s.front != nil && s.sockets.Chosen(p.id) == nil {
		return // there is nowhere to send requests to yet
	}
	switch {
	case s.config.Ready == ReadyHTTP:
		s.probe(p)
	case s.config.Ready == ReadyListen, p.said:
		s.ready(p, now)
	}
}

// watch looks at a starting worker until a process of it waits for connections.
func (s *Supervisor) watch(p *process) {
	if p.attend != nil || !p.readyAt.IsZero() {
		return
	}
	quit := make(chan struct{})
	p.attend = quit
	w := watcher{s: s, id: p.id, leader: p.pid, search: p.unseen}
	go func() {
		for n := 0; ; n++ {
			began := time.Now()
			if w.look(n%looksBetween == 0) {
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

// watcher looks at one worker, beside the loop.
type watcher struct {
	s      *Supervisor
	id     uint64
	leader int
	search bool // for a socket that the worker has made itself
	pids   []int
	last   listener.Look
}

// look looks once and posts what it finds. It reports true when there is nothing
// more to look for.
func (w *watcher) look(whole bool) (done bool) {
	pid := 0
	if whole {
		pid = w.lookAround()
	} else {
		pid = w.last.Again()
	}
	switch {
	case pid != 0:
		w.choose()
		w.s.post(answered{w.id, pid})
	case whole && w.last.Blind:
		w.s.post(unseen{w.id, true})
	default:
		return false
	}
	return true
}

// lookAround looks at every process of the worker, also those that are new, and
// returns the one that serves, 0 if none does.
func (w *watcher) lookAround() int {
	if w.search {
		if socket := w.s.sockets.Spot(w.id); socket != nil {
			w.search = false
			w.s.post(spotted{w.id, socket})
		}
	}
	pids, err := procstats.Host.Tree(w.leader)
	if err != nil {
		return 0
	}
	w.pids = pids
	w.last = listener.Attending(pids, w.s.sockets.Serving(w.id))
	if w.last.PID != 0 || w.last.Blind {
		return w.last.PID
	}
	// A connection that it has taken says as much. A front makes none so early.
	if w.s.front == nil {
		if accepted, err := w.s.sockets.Accepted(pids); err == nil && accepted > 0 {
			return w.leader
		}
	}
	return 0
}

// choose notes which of its sockets a worker serves from, if it has several.
func (w *watcher) choose() {
	if w.s.front == nil {
		return
	}
	for _, socket := range w.s.sockets.Serving(w.id) {
		if listener.Attending(w.pids, []*listener.Socket{socket}).PID != 0 {
			w.s.sockets.Choose(w.id, socket)
			return
		}
	}
}

// onSpotted: a worker listens on the port that it was told.
func (s *Supervisor) onSpotted(m spotted, now time.Time) {
	p := s.processes[m.id]
	if p == nil || !p.readyAt.IsZero() {
		return
	}
	p.listened = true
	if a := m.socket.Address(); !a.IP.IsLoopback() {
		s.warn("exposed", "a worker listens on %s, where it can be reached past rota: have it bind 127.0.0.1", a)
	}
	if s.config.Ready == ReadyNotify || p.blind {
		s.serves(p, now)
		return
	}
	s.doubt(p)
}

// onUnseen: a worker that listens has to be taken at its word.
func (s *Supervisor) onUnseen(m unseen, now time.Time) {
	p := s.processes[m.id]
	if p == nil {
		return
	}
	p.blind = p.blind || m.blind
	if !m.blind {
		p.doubted = nil // it may listen again, on another socket
	}
	// Without the filter a worker is not seen to listen either.
	unheard := m.blind && (s.noFilter || !s.releases[p.generation].Adopts())
	if unheard {
		s.warn("blind", "cannot see when a worker serves: its processes cannot be looked into; each counts as ready at once (have it say so, with --ready notify)")
	}
	if p.listened || unheard {
		s.serves(p, now)
	}
}
