package supervisor

import (
	"fmt"
	"time"

	"rota/policy"
)

// Stop ends the pool: every worker drains, then Run returns. The second call
// ends it at once.
func (s *Supervisor) Stop() {
	s.ask(func() {
		f := s.fleet
		if !f.StopSince.IsZero() {
			if !f.Abort {
				f.Abort = true
				s.event(Event{Kind: PoolStopping, Message: "asked twice: ending at once"})
			}
			return
		}
		f.StopSince = time.Now()
		s.event(Event{Kind: PoolStopping, Message: "draining every worker"})
	})
}

// Roll replaces every worker by one of a new generation.
func (s *Supervisor) Roll(reason string) {
	s.ask(func() { s.roll(reason) })
}

func (s *Supervisor) roll(reason string) {
	if !s.fleet.StopSince.IsZero() {
		return
	}
	s.releases[s.fleet.NewGeneration()] = s.config
	s.releaseBrakes(fmt.Sprintf("generation %d may need less", s.fleet.Generation))
	s.beginRoll(policy.BeginRoll{Trigger: policy.Generation, Reason: reason})
}

func (s *Supervisor) beginRoll(a policy.BeginRoll) {
	if r := s.fleet.Roll; r != nil {
		s.event(Event{Kind: RollSuperseded, Trigger: r.Trigger, Message: fmt.Sprintf("replaced %d workers until then", r.Replaced)})
	}
	s.fleet.StartRoll(a, time.Now())
	s.event(Event{Kind: RollBegan, Trigger: a.Trigger, Reason: a.Reason,
		Message: fmt.Sprintf("replacing %d workers by generation %d", len(s.fleet.Workers), s.fleet.Generation)})
}

// Scale changes the number of workers by delta, never below one.
func (s *Supervisor) Scale(delta int) {
	s.ask(func() { s.scale(max(1, s.fleet.Desired+delta)) })
}

func (s *Supervisor) scale(n int) {
	if n == s.fleet.Desired {
		return
	}
	from := s.fleet.Desired
	s.fleet.Desired = n
	s.releaseBrakes("the number of workers has changed")
	s.event(Event{Kind: PoolScaled, Message: fmt.Sprintf("%d workers wanted, %d before", n, from)})
}

// Reload takes a new configuration over. What only concerns policy takes effect
// without touching a worker; a new command or environment rolls the pool. roll
// asks for a roll in any case. What cannot change while rota runs stays as it
// was and is named in the warnings returned.
func (s *Supervisor) Reload(next Config, roll bool, reason string) (warnings []string) {
	s.ask(func() {
		old := s.config
		keep := func(changed bool, name string) {
			if changed {
				warnings = append(warnings, fmt.Sprintf("%s changes with the next start of rota", name))
			}
		}
		keep(fmt.Sprint(next.Listen) != fmt.Sprint(old.Listen), "listen")
		acceptStays := next.Accept != old.Accept
		keep(acceptStays, "accept")
		keep(next.Ready != old.Ready, "ready")
		keep(next.ReadyPath != old.ReadyPath, "ready-path")
		keep(next.Front.MaxHeader != old.Front.MaxHeader, "max-header")
		keep(next.Front.HeaderTimeout != old.Front.HeaderTimeout, "header-timeout")
		keep(next.Front.IdleTimeout != old.Front.IdleTimeout, "idle-timeout")
		next.Listen, next.Accept, next.Ready, next.ReadyPath = old.Listen, old.Accept, old.Ready, old.ReadyPath
		next.Front.MaxHeader, next.Front.HeaderTimeout, next.Front.IdleTimeout = old.Front.MaxHeader, old.Front.HeaderTimeout, old.Front.IdleTimeout
		next.Policy.Seed = old.Policy.Seed
		if acceptStays {
			next.Handoff = old.Handoff // what was said of it is meant for the other way to accept
		}

		next = next.settled()
		s.config = next
		if s.front != nil {
			s.front.Configure(next.Front)
		}
		if next.Policy.RestartInterval != old.Policy.RestartInterval || next.Policy.RestartJitter != old.Policy.RestartJitter {
			s.fleet.Reschedule(next.Policy)
		}
		if next.Policy.Cron != nil { // times before now were the old schedule's
			s.fleet.CronAt = time.Now()
		}
		s.event(Event{Kind: Reloaded, Message: reason})
		if !samePolicy(next.Policy, old.Policy) {
			s.releaseBrakes("the configuration has changed")
		}
		// A number set by hand with TTIN or TTOU stays until the configured one changes.
		if next.Workers != old.Workers {
			s.scale(next.Workers)
		}
		if roll || !next.sameRelease(old) {
			s.roll(reason)
		}
	})
	return warnings
}
