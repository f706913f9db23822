package supervisor

import "rota/policy"

// brake pauses the cycles of a trigger that do not help.
func (s *Supervisor) brake(a policy.Brake) {
	s.fleet.Pause(a)
	s.event(Event{Kind: MemoryPaused, Trigger: a.Trigger, Reason: a.Reason})
}

// resume lets the cycles of a trigger go on, since they would help again.
func (s *Supervisor) resume(a policy.Resume) {
	s.fleet.Unpause(a)
	s.event(Event{Kind: MemoryResumed, Trigger: a.Trigger, Message: "they would help again"})
}

// releaseBrakes lets all paused cycles go on: what made them futile may have changed.
func (s *Supervisor) releaseBrakes(why string) {
	if s.fleet.Release() {
		s.event(Event{Kind: MemoryResumed, Message: why})
	}
}
