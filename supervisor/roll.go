package supervisor

import (
	"fmt"
	"time"

	"rota/policy"
)

// Roll replaces every worker by one of a new generation. It returns the id of the
// roll once that has begun, 0 if rota ends.
func (s *Supervisor) Roll(reason string) (id int) {
	s.ask(func() {
		id = s.roll(reason)
		s.publish(time.Now())
	})
	return id
}

// PauseRoll has the roll under way begin no more cycles; one that is under way
// goes on, and so does everything else. The error is ErrNoRoll without a roll.
func (s *Supervisor) PauseRoll() error { return s.setPaused(true, RollPaused) }

// ResumeRoll lets a paused roll go on. The error is ErrNoRoll without a roll.
func (s *Supervisor) ResumeRoll() error { return s.setPaused(false, RollResumed) }

// setPaused tells of a change; asking for what is so already is no error.
func (s *Supervisor) setPaused(paused bool, kind Kind) error {
	return s.order(func() error {
		r := s.fleet.Roll
		if r == nil {
			return ErrNoRoll
		}
		if r.Paused != paused {
			r.Paused = paused
			s.event(Event{Kind: kind, Trigger: r.Trigger, Roll: r.ID, Message: fmt.Sprintf("%d of %d workers are replaced", r.Replaced, r.Total(s.fleet.Desired))})
		}
		return nil
	})
}

// AbortRoll ends the roll under way where it is: what is starting for it is ended,
// whoever was replaced stays so, and later workers are of the release that is known
// to work. The error is ErrNoRoll without a roll.
func (s *Supervisor) AbortRoll() error {
	return s.order(func() error {
		if s.fleet.Roll == nil {
			return ErrNoRoll
		}
		s.abortRoll("asked for", time.Now())
		return nil
	})
}

func (s *Supervisor) abortRoll(why string, now time.Time) {
	r, aborted := s.fleet.Roll, s.fleet.Generation
	s.fleet.AbortRoll(now)
	s.fleet.NoteWhy(why)
	s.event(Event{Kind: RollAborted, Trigger: r.Trigger, Roll: r.ID, Duration: now.Sub(r.Began),
		Message: fmt.Sprintf("%s; %d of %d workers were replaced; %s", why, r.Replaced, s.fleet.Rolls[0].Of, s.goingOn(aborted))})
	s.goBack(aborted)
}

func (s *Supervisor) roll(reason string) (id int) {
	if !s.fleet.StopSince.IsZero() {
		return 0
	}
	s.releases[s.fleet.NewGeneration()] = s.config
	s.releaseBrakes(fmt.Sprintf("generation %d may need less", s.fleet.Generation))
	s.beginRoll(policy.BeginRoll{Trigger: policy.Generation, Reason: reason})
	return s.fleet.Roll.ID
}

func (s *Supervisor) beginRoll(a policy.BeginRoll) {
	if r := s.fleet.Roll; r != nil {
		s.event(Event{Kind: RollSuperseded, Trigger: r.Trigger, Roll: r.ID, Message: fmt.Sprintf("replaced %d workers until then", r.Replaced)})
	}
	s.fleet.StartRoll(a, time.Now())
	s.event(Event{Kind: RollBegan, Trigger: a.Trigger, Reason: a.Reason, Roll: s.fleet.Roll.ID,
		Message: fmt.Sprintf("replacing %d workers by generation %d", len(s.fleet.Workers), s.fleet.Generation)})
}

// endRoll: every worker has been replaced.
func (s *Supervisor) endRoll(now time.Time) {
	r := s.fleet.Roll
	s.fleet.FinishRoll(now)
	s.event(Event{Kind: RollDone, Trigger: r.Trigger, Roll: r.ID, Duration: now.Sub(r.Began),
		Message: fmt.Sprintf("replaced %d workers", r.Replaced)})
}

// rollFailed: a replacement did not get ready, and the roll has ended with it.
func (s *Supervisor) rollFailed(failed policy.Worker, why string) {
	text := fmt.Sprintf("generation %d did not get ready in slot %d", failed.Generation, failed.Slot)
	s.fleet.NoteWhy(text + ": " + why)
	s.event(Event{Kind: RollFailed, Trigger: failed.Trigger, Roll: s.fleet.Rolls[0].ID, Failure: true,
		Message: text + "; " + s.goingOn(failed.Generation)})
	s.goBack(failed.Generation)
}

// goingOn says what the pool goes on with after a roll that was given up.
func (s *Supervisor) goingOn(given int) string {
	text := fmt.Sprintf("going on with generation %d", s.fleet.Generation)
	stay := 0
	for _, w := range s.fleet.Workers {
		if w.Generation == given && w.Dropped == "" {
			stay++
		}
	}
	if stay > 0 && given != s.fleet.Generation {
		text += fmt.Sprintf("; %d workers of generation %d stay until they are cycled", stay, given)
	}
	return text
}

// goBack takes over the release that the fleet has gone back to.
func (s *Supervisor) goBack(given int) {
	if release, ok := s.releases[s.fleet.Generation]; ok {
		s.config = release.withPolicyOf(s.config)
	}
	if given != s.fleet.Generation {
		s.releaseBrakes("the release before is back")
	}
}

// Rolls are the rolls of a pool.
type Rolls struct {
	Current *Roll
	Ended   []policy.EndedRoll // the last ones, newest first; not to be changed
}

// Roll is the roll under way.
type Roll struct {
	policy.Roll
	Total int // workers to replace, those included that were
}

// Rolls are those of the pool now; none if rota ends.
func (s *Supervisor) Rolls() (r Rolls) {
	s.ask(func() { r = s.rolls() })
	return r
}

func (s *Supervisor) rolls() Rolls {
	f := s.fleet
	r := Rolls{Ended: f.Rolls}
	if f.Roll != nil {
		r.Current = &Roll{*f.Roll, f.Roll.Total(f.Desired)}
	}
	return r
}
