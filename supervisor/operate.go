package supervisor

import (
	"errors"
	"fmt"
	"time"
)

// Why an operator's wish cannot be granted.
var (
	ErrNoRoll   = errors.New("no roll is under way")
	ErrNoWorker = errors.New("no worker that serves")
	ErrStopping = errors.New("the pool is stopping")
)

// order carries out what an operator asks for, and shows it in the Status before
// it returns. A pool that ends takes no orders.
func (s *Supervisor) order(do func() error) error {
	err := ErrStopping
	s.ask(func() {
		if s.fleet.StopSince.IsZero() {
			err = do()
			s.publish(time.Now())
		}
	})
	return err
}

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
		if f.Roll != nil {
			s.abortRoll("rota was asked to end", f.StopSince)
		}
	})
}

// Scale changes the number of workers by delta, never below one.
func (s *Supervisor) Scale(delta int) {
	s.ask(func() { s.scale(max(1, s.fleet.Desired+delta)) })
}

// MostWorkers that an operator can ask for: it is more than anybody means to run on
// one machine, and each is a process that rota starts at once.
const MostWorkers = 1000

// ScaleTo asks for a number of workers and returns what was asked for before.
func (s *Supervisor) ScaleTo(n int) (before int, err error) {
	if n < 1 || n > MostWorkers {
		return 0, fmt.Errorf("cannot scale to %d workers: it takes a number from 1 to %d", n, MostWorkers)
	}
	err = s.order(func() error {
		before = s.fleet.Desired
		s.scale(n)
		return nil
	})
	return before, err
}

// Cycle replaces the worker that serves a slot by a fresh one of the same
// configuration. It returns once that is next in turn, not once it is done; asking
// twice is one cycle. The error is ErrNoWorker if none serves the slot.
func (s *Supervisor) Cycle(slot int) error {
	return s.order(func() error {
		if !s.fleet.Recall(slot) {
			return noWorker(slot)
		}
		return nil
	})
}

func noWorker(slot int) error { return fmt.Errorf("slot %d has %w", slot, ErrNoWorker) }

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
// asks for a roll in any case; id is that of the roll that began, 0 if none did.
// What cannot change while rota runs stays as it was and is named in the warnings
// returned.
func (s *Supervisor) Reload(next Config, roll bool, reason string) (id int, warnings []string) {
	s.ask(func() {
		defer func() { s.publish(time.Now()) }()
		old := s.config
		if s.unsteered != nil && next.Accept == AcceptSteered {
			next.Accept = old.Accept // it cannot be had, as was said
		}
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
			id = s.roll(reason)
		}
	})
	return id, warnings
}
