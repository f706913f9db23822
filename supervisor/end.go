package supervisor

import (
	"fmt"
	"time"

	"rota/listener"
	"rota/policy"
	"rota/procstats"
)

// onExited: a child of rota ended. If it led a worker, what it left behind is
// told to stop; the worker has gone only when all of it has.
func (s *Supervisor) onExited(m exited, now time.Time) {
	if c := s.capture; c != nil && c.run.pid == m.pid {
		s.onCaptureExited(c, m.status, now)
		return
	}
	id, ok := s.leaders[m.pid]
	if !ok {
		return // an orphan
	}
	delete(s.leaders, m.pid)
	p := s.processes[id]
	p.leaderGone, p.goneAt, p.status = true, now, m.status
	p.oom = s.outOfMemory(p, now)
	s.end(p, now)
}

// bury ends the workers of which nothing is left, and looks again soon while a
// leader has gone but not all that it started.
func (s *Supervisor) bury(now time.Time) {
	for _, p := range s.processes {
		if p.leaderGone {
			s.end(p, now)
		}
	}
}

// end sees a worker off whose leader has gone.
func (s *Supervisor) end(p *process, now time.Time) {
	if !p.launched {
		return // what the shim has to say is on its way
	}
	w := s.fleet.Find(p.id)
	if !p.gone() {
		if w.State == policy.Starting || w.State == policy.Ready {
			// Nobody asked it to go. The slot is filled again while its rest is ended.
			if w.State == policy.Ready {
				s.fleet.Lose(s.config.Policy, p.id, now)
				if s.front != nil {
					s.remove(p)
				}
			} else {
				s.fleet.Halt(policy.Stop{ID: p.id}, now)
			}
			s.event(Event{Kind: WorkerStopping, Worker: p.id,
				Reason: fmt.Sprintf("its leader ended with %s and left processes behind", describeStatus(p.status)), Message: p.oom})
			s.tellGroup(p)
		} else if !p.signalled.IsZero() && !p.groupTold {
			s.tellRest(p, now)
		}
		if !p.lingers {
			p.lingers = true
			time.AfterFunc(lingerCheck, func() { s.post(lingering{p.id}) })
		}
		return
	}
	s.buried(p, *w, now)
}

// passOn is how long a leader that handled the stop signal itself may take to
// have its children act on it.
const passOn = 2 * time.Second

// tellRest tells what a leader left behind to stop, unless the leader has: an
// entrypoint script that passes the signal on and ends must not have its server
// signalled twice. A leader that died of the signal told nobody. One that
// handled it is given a moment; then the rest is told if it still waits for
// connections, or has none to finish.
func (s *Supervisor) tellRest(p *process, now time.Time) {
	if p.status.Signaled() && p.status.Signal() == s.config.StopSignal {
		s.tellGroup(p)
		return
	}
	if now.Sub(p.goneAt) < passOn || p.asking {
		return
	}
	if s.front != nil {
		s.tellGroup(p) // it has no requests to finish
		return
	}
	p.asking = true
	id, group := p.id, p.pid
	go func() {
		told := false
		if pids, err := procstats.Host.Group(group); err == nil {
			accepted, err := s.sockets.Accepted(pids)
			told = err == nil && accepted > 0 && !listener.Waiting(pids, s.sockets.Serving(id))
		}
		s.post(asked{func() {
			if p := s.processes[id]; p != nil {
				if p.asking = false; !told {
					s.tellGroup(p)
				}
			}
		}})
	}()
}

// lingerCheck is how often the rest of a worker is looked at. Its end is told by
// SIGCHLD in nearly every case, since orphans become rota's children.
const lingerCheck = 100 * time.Millisecond

func (s *Supervisor) onLingering(m lingering, now time.Time) {
	if p := s.processes[m.id]; p != nil {
		p.lingers = false
		s.end(p, now)
	}
}

// buried takes a worker out of the fleet and says what its end meant.
func (s *Supervisor) buried(p *process, w policy.Worker, now time.Time) {
	e := Event{
		Kind: WorkerExited, Worker: p.id, PID: p.pid, Slot: p.slot, Generation: p.generation,
		Trigger: w.Leaving, Status: describeStatus(p.status), Reason: p.oom, Cut: s.cutBy(p, now), CutUpgrades: p.cutUpgrades,
	}
	if s.front != nil {
		s.remove(p) // before it is told: whoever hears of it must not be sent to it any more
	}
	served := s.sockets.Addresses()
	departure := s.fleet.Remove(s.config.Policy, p.id, now)
	switch departure {
	case policy.Asked:
		e.Exit, e.Duration = ExitStopped, now.Sub(p.drainAt)
		switch {
		case w.Killed:
			e.Exit = ExitKilled
		case (s.front != nil || s.steering != nil) && w.State == policy.Draining && p.signalled.IsZero():
			e.Exit = ExitCrash // nobody had told it to end
		case w.Idle || w.State == policy.Draining:
			e.Exit = ExitDrained
		}
		s.exits(p, e)
		if w.Leaving != policy.Shutdown && w.Leaving != policy.Scale && !p.readyAt.IsZero() {
			s.event(Event{Kind: CycleDone, Worker: p.id, PID: p.pid, Slot: p.slot, Generation: p.generation, Trigger: w.Leaving, Reason: w.Cause, Duration: e.Duration, Cut: e.Cut, CutUpgrades: e.CutUpgrades})
		}
	case policy.Crashed:
		s.lastStatus = p.status
		e.Kind, e.Exit, e.Trigger, e.Failure = WorkerCrashed, ExitCrash, policy.Crash, true
		s.noteCrash(p.slot, e)
		s.exits(p, e)
	default:
		s.lastStatus = p.status
		e.Kind, e.Failure, e.Trigger = StartFailed, true, w.Trigger
		e.Exit = ExitCrash
		if w.Killed {
			e.Exit = ExitKilled
		} else if w.State == policy.Stopping {
			e.Exit = ExitStopped
		}
		e.Message = fmt.Sprintf("ended with %s before it was ready: %s", e.Status, p.story(served))
		s.exits(p, e)
		s.failed(departure, w, e.Message)
	}
	s.forget(p)
}

// exits tells of a worker's end, however it came about.
func (s *Supervisor) exits(p *process, e Event) {
	if p.oom != "" {
		e.Exit = ExitOOM
	}
	s.event(e)
}

// failed says what a replacement that did not get ready leads to.
func (s *Supervisor) failed(departure policy.Departure, w policy.Worker, why string) {
	if old := s.fleet.Find(w.Replaces); old != nil && departure != policy.StartFailed {
		s.event(Event{Kind: CycleFailed, Worker: old.ID, Trigger: w.Trigger, Failure: true, Message: "the old worker stays"})
	}
	if departure != policy.RollFailed {
		return
	}
	s.rollFailed(w, why)
}

// promptly is how soon a server dies of the stop signal whose runtime catches it
// (Go, Node) but whose program does not handle it.
const promptly = 20 * time.Millisecond

// promptlySteered is the same for a worker that had the whole drain timeout
// before: it would hardly have finished just then.
const promptlySteered = time.Second

// cutBy counts the requests that ended with a worker: what it had in flight
// when rota killed it, or when it died of the stop signal rather than finish them.
func (s *Supervisor) cutBy(p *process, now time.Time) int {
	if s.front != nil {
		return p.cut
	}
	soon := promptly
	if s.steering != nil {
		soon = promptlySteered
	}
	died := p.status.Signaled() && p.status.Signal() == s.config.StopSignal && !p.signalled.IsZero()
	if died && p.cut == 0 && (p.uncaught || now.Sub(p.signalled) < soon) {
		return p.inFlight
	}
	return p.cut
}
