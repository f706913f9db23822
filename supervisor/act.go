package supervisor

import (
	"slices"
	"syscall"
	"time"

	"rota/policy"
	"rota/procstats"
)

// carryOut applies an action to the fleet and to the world. It reports false if
// the action leads to nothing new yet, so that planning waits for an event.
func (s *Supervisor) carryOut(a policy.Action, now time.Time) bool {
	switch a := a.(type) {
	case policy.Start:
		s.start(a, now)
	case policy.Drain:
		s.drain(a, now)
	case policy.Stop:
		s.stop(a, now)
	case policy.Kill:
		s.kill(a, now)
	case policy.Measure:
		if s.measure[a.ID] {
			return false
		}
		s.measure[a.ID] = true
		s.sample()
		return false
	case policy.Capture:
		s.examine(a, now)
	case policy.Brake:
		s.brake(a)
	case policy.Resume:
		s.resume(a)
	case policy.BeginRoll:
		s.releases[s.fleet.Generation] = s.config
		s.beginRoll(a)
	case policy.EndRoll:
		s.endRoll(now)
	case policy.GiveUp:
		s.giveUp(a.Reason)
	}
	return true
}

func (s *Supervisor) start(a policy.Start, now time.Time) {
	w := s.fleet.Launch(a, now)
	s.processes[w.ID] = &process{id: w.ID, slot: w.Slot, generation: w.Generation, began: now, pidfd: -1, reason: a.Reason}
	if a.Replaces != 0 {
		s.event(Event{Kind: CycleBegan, Worker: a.Replaces, Trigger: a.Trigger, Reason: a.Reason})
	}
	spec, err := s.spec(w)
	if err != nil {
		go s.post(forked{id: w.ID, err: err})
		return
	}
	go func() {
		s.reaper.forking.Lock()
		child, err := s.launcher.Fork(spec)
		s.post(forked{w.ID, child, err})
		s.reaper.forking.Unlock()
		if err == nil {
			s.post(launched{w.ID, child.Await()})
		}
	}()
}

// drain tells a worker to finish. In shared mode only the server itself knows
// its requests, so the signal comes first and the server drains itself. A front
// knows them, and of a worker that nobody is steered to the kernel tells whether
// any is under way: there the signal comes when none is left.
func (s *Supervisor) drain(a policy.Drain, now time.Time) {
	s.fleet.Retire(s.config.Policy, a, now)
	s.endCapture(a.ID, "the worker was told to go", now)
	p := s.processes[a.ID]
	p.drainAt = now
	s.endLife(a.ID, a.Trigger)
	if a.Trigger != policy.Shutdown && a.Trigger != policy.Scale && !s.replaced(p) { // stop-first
		s.event(Event{Kind: CycleBegan, Worker: a.ID, Trigger: a.Trigger, Reason: a.Reason})
	}
	if a.NoRoom != "" {
		s.event(Event{Kind: StopFirst, Worker: a.ID, Trigger: a.Trigger, Reason: a.NoRoom})
	}
	s.event(Event{Kind: WorkerDraining, Worker: a.ID, Trigger: a.Trigger, Reason: a.Reason})
	p.findStrays()
	if s.front != nil {
		s.retire(p, a.Trigger)
		return
	}
	s.checkSignal(p)
	if s.leave(p, a.Trigger) {
		return
	}
	s.countThen(p, func() { s.tell(p) })
}

// replaced tells whether another worker has taken the slot over.
func (s *Supervisor) replaced(p *process) bool {
	for _, o := range s.processes {
		if o.slot == p.slot && o.id > p.id {
			return true
		}
	}
	return false
}

// tell sends the leader the stop signal, once: to many servers a second one
// means "now".
func (s *Supervisor) tell(p *process) {
	if p.groupTold {
		return // its time was over before the signal was sent
	}
	p.signalled = time.Now()
	p.signalLeader(s.config.StopSignal)
	if p.leaderGone {
		s.tellGroup(p)
	}
}

// tellGroup sends the stop signal to what a leader left behind.
func (s *Supervisor) tellGroup(p *process) {
	if !p.groupTold {
		p.groupTold = true
		p.signalGroup(s.config.StopSignal)
	}
}

// stop ends a worker. One that was never told to, since it drained without the
// signal, gets that as tell sends it.
func (s *Supervisor) stop(a policy.Stop, now time.Time) {
	idle := s.fleet.Find(a.ID).Idle
	s.fleet.Halt(a, now)
	s.endCapture(a.ID, "the worker was told to go", now)
	p := s.processes[a.ID]
	if p.drainAt.IsZero() {
		p.drainAt = now
	}
	reason := a.Reason
	if a.Trigger == "" && p.readyAt.IsZero() {
		reason += ": " + p.story(s.sockets.Addresses())
	}
	s.event(Event{Kind: WorkerStopping, Worker: a.ID, Trigger: a.Trigger, Reason: reason})
	p.findStrays()
	if s.front != nil && !p.readyAt.IsZero() {
		s.finish(p, idle)
		return
	}
	if s.steering != nil && !p.readyAt.IsZero() && p.signalled.IsZero() {
		s.dismiss(p, idle)
		return
	}
	s.signalAll(p, now)
}

// signalAll sends the stop signal to every process of a worker.
func (s *Supervisor) signalAll(p *process, now time.Time) {
	p.groupTold = true
	if p.signalled.IsZero() {
		p.signalled = now
	}
	p.signalGroup(s.config.StopSignal)
}

// unfit ends a starting worker of which it is known that it will not get ready.
func (s *Supervisor) unfit(p *process, why string, now time.Time) {
	if w := s.fleet.Find(p.id); w == nil || w.State != policy.Starting {
		return
	}
	p.failed = why
	p.stopAttending()
	s.fleet.Halt(policy.Stop{ID: p.id}, now)
	s.event(Event{Kind: WorkerStopping, Worker: p.id, Reason: why})
	p.findStrays()
	s.signalAll(p, now)
}

// kill ends what is left of a worker. What it still had in flight is cut.
func (s *Supervisor) kill(a policy.Kill, now time.Time) {
	s.fleet.Finish(a, now)
	s.killCapture(a.ID, now)
	p := s.processes[a.ID]
	p.endQuiet()
	if p.drainAt.IsZero() {
		p.drainAt = now
	}
	s.event(Event{Kind: WorkerKilled, Worker: a.ID, Reason: a.Reason})
	p.findStrays()
	if s.front != nil && !p.readyAt.IsZero() {
		s.cutOff(p)
	}
	if s.front != nil || p.readyAt.IsZero() {
		p.signalGroup(syscall.SIGKILL)
		return
	}
	s.countThen(p, func() {
		p.cut += p.inFlight
		p.signalGroup(syscall.SIGKILL)
	})
}

// countThen counts the requests that a worker has in flight and then runs send
// in the loop. Counting asks the kernel for every connection, so it is done
// beside the loop.
func (s *Supervisor) countThen(p *process, send func()) {
	leader, sockets := p.pid, s.sockets
	go func() {
		n := 0
		if tree, err := procstats.Host.Tree(leader); err == nil {
			n, _ = sockets.InFlight(tree)
		}
		s.post(counted{p.id, n, send})
	}()
}

func (s *Supervisor) onCounted(m counted) {
	if p := s.processes[m.id]; p != nil {
		p.inFlight = m.inFlight
		m.send()
	}
}

// giveUp ends a pool that cannot be brought up, with the last worker's code.
func (s *Supervisor) giveUp(reason string) {
	s.exitCode = exitCodeOf(s.lastStatus)
	if s.exitCode == ExitOK {
		// The command ended as if all were well, but it serves nothing.
		s.exitCode = ExitFailed
	}
	s.abandon(reason)
}

// abandon ends the pool at once.
func (s *Supervisor) abandon(reason string) {
	s.fleet.StopSince, s.fleet.Abort = time.Now(), true
	s.event(Event{Kind: PoolGivenUp, Message: reason, Failure: true})
}

// forget drops a worker that has gone entirely.
func (s *Supervisor) forget(p *process) {
	p.close()
	s.endLife(p.id, "")
	if s.front != nil {
		s.remove(p)
	}
	s.sockets.Release(p.id)
	s.seeOrphans()
	s.notify.forget(p.id)
	delete(s.processes, p.id)
	delete(s.measure, p.id)
	s.endCapture(p.id, "the worker has ended", time.Now())
	s.tidy(p.id)
	// A release that nobody runs or can be asked for again is not kept.
	used := []int{s.fleet.Generation, s.fleet.Stable}
	for _, w := range s.fleet.Workers {
		used = append(used, w.Generation)
	}
	for _, slot := range s.fleet.Slots { // a worker that has just crashed may come back with what it was
		used = append(used, slot.Generation)
	}
	for g := range s.releases {
		if !slices.Contains(used, g) {
			delete(s.releases, g)
		}
	}
}
