package supervisor

import "rota/policy"

// brake pauses the cycles of a trigger that do not help.
func (s *Supervisor) brake(a policy.Brake) {
	s.fleet.Pause(a)
	s.event(Event{Kind: MemoryPaused, Trigger: a.Trigger, Reason: a.Reason})
}

// releaseBrakes lets paused cycles go on: what made them futile may have changed.
func (s *Supervisor) releaseBrakes(why string) {
	if s.fleet.Release() {
		s.event(Event{Kind: MemoryResumed, Message: why})
	}
}
