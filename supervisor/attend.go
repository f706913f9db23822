package supervisor

import (
	"time"

	"rota/listener"
	"rota/procstats"
)

// attendInterval is how often a starting worker is looked at that may serve
// from an inherited socket without ever calling listen.
const attendInterval = 25 * time.Millisecond

// attend watches a starting worker until a process of it waits for connections
// on one of the pool's sockets. A program that inherits a listening socket need
// not call listen, which adopt would see; without the filter nothing else tells.
func (s *Supervisor) attend(p *process) {
	release := s.releases[p.generation]
	served := s.served()
	if release.Ready != ReadyListen || !release.Inherits() || len(served) == 0 {
		return
	}
	quit := make(chan struct{})
	p.attend = quit
	id, leader := p.id, p.pid
	go func() {
		every := time.NewTicker(attendInterval)
		defer every.Stop()
		for {
			select {
			case <-quit:
				return
			case <-every.C:
			}
			pids, err := procstats.Host.Tree(leader)
			if err != nil {
				continue
			}
			if pid := listener.Attending(pids, served); pid != 0 {
				s.post(answered{id, pid})
				return
			}
		}
	}()
}

// served are the sockets that make a worker ready.
func (s *Supervisor) served() []*listener.Socket {
	var sockets []*listener.Socket
	for _, h := range s.sockets.Sockets() {
		if s.sockets.Serves(h.Address()) {
			sockets = append(sockets, h)
		}
	}
	return sockets
}
