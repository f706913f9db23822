package supervisor

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"rota/listener/adopt"
	"rota/policy"
	"rota/procstats"
	"rota/supervisor/launch"
)

// onForked: the shim of a worker runs under a pid.
func (s *Supervisor) onForked(m forked, now time.Time) {
	p, w := s.processes[m.id], s.fleet.Find(m.id)
	if m.err != nil {
		p.failed = m.err.Error()
		p.leaderGone, p.launched = true, true
		p.status = syscall.WaitStatus(launch.ExitCannotRun << 8)
		s.end(p, now)
		return
	}
	p.pid, p.pidfd = m.child.PID, m.child.PidFD
	s.leaders[p.pid] = p.id
	s.event(Event{Kind: WorkerStarted, Worker: p.id, Trigger: w.Trigger, Reason: p.reason})
	switch {
	case w.Killed:
		p.signalGroup(syscall.SIGKILL)
	case w.State == policy.Stopping: // it was not wanted any more before it ran
		p.signalGroup(s.config.StopSignal)
	}
}

// onLaunched: the shim has become the command, or not.
func (s *Supervisor) onLaunched(m launched, now time.Time) {
	p := s.processes[m.id]
	p.launched = true // a worker is not buried before
	if m.outcome.Exec != nil {
		p.failed = fmt.Sprintf("cannot execute %s: %v (is its interpreter installed, and is it built for this machine?)", s.releases[p.generation].Path, m.outcome.Exec)
	}
	if m.outcome.Score != nil && !s.warned["score"] {
		s.warned["score"] = true
		s.event(Event{Kind: Note, Worker: p.id, Message: m.outcome.Score.Error()})
	}
	if m.outcome.Filter != nil {
		s.refused(m.outcome.Filter)
	}
	if p.notify = m.outcome.Notify; p.notify != nil {
		id, sockets := p.id, s.sockets
		go func(f *os.File) {
			err := adopt.Serve(f, sockets, id, func(r adopt.Report) { s.post(seen{id, r}) })
			if err != nil {
				f.Close() // or the worker would wait for answers for ever
				s.post(asked{func() { s.warn("adopt", "cannot answer for the sockets of a worker: %v", err) }})
			}
		}(p.notify)
	}
	if p.leaderGone {
		s.end(p, now)
		return
	}
	p.unseen = p.port != 0 && p.notify == nil
	s.inherits(p)
}

// refused goes on without adopt, or ends the pool where nothing else is left.
func (s *Supervisor) refused(err error) {
	if s.noFilter {
		return
	}
	s.noFilter = true
	switch {
	case len(s.sockets.Sockets()) == 0:
		s.exitCode = ExitFailed
		s.abandon(fmt.Sprintf("cannot adopt sockets here: %v; give an address, like --listen :8080, and a command that takes its socket from LISTEN_FDS or {fd}", err))
	case !s.config.Inherits() && !s.config.GivesPort():
		s.exitCode = ExitFailed
		s.abandon(fmt.Sprintf("cannot adopt sockets here: %v; allow --handoff inherit, or port with --accept front", err))
	case s.config.GivesPort():
		s.warn("filter", "cannot adopt sockets here: %v; workers have to bind the port in $PORT and {port}, on 127.0.0.1", err)
	default:
		s.warn("filter", "cannot adopt sockets here: %v; workers get them through LISTEN_FDS and {fd} alone", err)
	}
}

// onSeen: a worker was seen to bind or listen.
func (s *Supervisor) onSeen(m seen, now time.Time) {
	p := s.processes[m.id]
	if p == nil {
		return
	}
	r := m.report
	if len(p.reports) < 64 { // a program that binds over and over must not fill rota's memory
		p.reports = append(p.reports, r)
	}
	switch r.Kind {
	case adopt.Refused:
		s.warn(fmt.Sprintf("bind %s %d", r.Address, p.generation), "a worker asked for %s: %v", r.Address, r.Err)
	case adopt.Opaque:
		s.warn("opaque", "cannot see what a worker binds: %v (run rota and its workers as one user)", r.Err)
	case adopt.Bound:
		if s.front != nil && len(s.sockets.Handed()) == 0 && !s.sockets.ServesFrom(p.id, r.Socket) {
			s.warn("beside", "the command binds %s beside %s: its workers share that without the front, as is right for metrics alone; say with --listen which one to serve",
				r.Address, join(s.sockets.Addresses()))
		}
	case adopt.Listening:
		if s.sockets.ServesFrom(p.id, r.Socket) {
			p.server, p.listened = r.PID, true
			p.noteStrays([]int{r.PID}) // a daemon is not found by descent any more
			if s.front != nil {
				if err := s.openFront(); err != nil {
					s.warn("front", "%v", err)
				}
			}
			s.listening(p, now)
		}
	}
}

// onAnswered: a worker says, or was seen, to serve.
func (s *Supervisor) onAnswered(m answered, now time.Time) {
	p := s.processes[m.id]
	if p == nil {
		return
	}
	if m.pid != 0 {
		p.server = m.pid
	} else {
		p.said = true
	}
	s.serves(p, now)
}

func (s *Supervisor) ready(p *process, now time.Time) {
	if !s.fleet.MarkReady(s.config.Policy, p.id, now) {
		return
	}
	p.readyAt, p.nested = now, s.container.Nests(p.pid)
	p.stopAttending()
	if s.front != nil {
		s.admit(p)
	}
	w := s.fleet.Find(p.id)
	s.noteCycle(w, now)
	s.event(Event{Kind: WorkerReady, Worker: p.id, Trigger: w.Trigger, Duration: now.Sub(p.began)})
	s.sample() // where it begins: what it has later is growth
	if !s.everReady && s.fleet.Count(policy.Ready) >= s.fleet.Desired {
		s.everReady = true
		s.event(Event{Kind: PoolReady, Message: "serving on " + join(s.sockets.Addresses())})
	}
}

// checkSignal looks whether a server catches the stop signal, and warns if it does
// not in shared mode, where nobody but itself could finish its requests. Runtimes
// that catch every signal (Go, Node) are only found out when they die of it.
func (s *Supervisor) checkSignal(p *process) {
	if p.server == 0 || p.checked {
		return
	}
	p.checked = true
	status, err := procstats.Host.Status(p.server)
	if err != nil || status.Catches(s.config.StopSignal) {
		return
	}
	p.uncaught = true
	if s.steering != nil {
		return // it has none when the signal comes
	}
	s.warn(fmt.Sprintf("uncaught %q", s.releases[p.generation].Command), "%s (process %d) does not catch %s: what it has in flight is cut at each cycle; handle the signal, or choose one that it handles with --stop-signal",
		status.Name, p.server, signalName(s.config.StopSignal))
}
