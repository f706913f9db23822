package top

import (
	"fmt"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

// verb is what can be done to a pool.
type verb int

const (
	cycle verb = iota
	roll
	pauseRoll
	resumeRoll
	abortRoll
	scale
)

// action is something that changes the pool. It is done as soon as it is
// confirmed, and to nothing else than what the question named.
type action struct {
	verb   verb
	slot   int    // cycle
	pid    int    // cycle
	worker uint64 // cycle: its ID
	roll   int    // pauseRoll, resumeRoll, abortRoll: its ID
	from   int    // scale
	to     int    // scale
	detail string
}

// question names exactly what will happen.
func (a action) question() string {
	switch a.verb {
	case cycle:
		return fmt.Sprintf("Replace the worker of slot %d (pid %d)?", a.slot, a.pid)
	case roll:
		return fmt.Sprintf("Read the configuration again and replace all %s, one after another?", view.Count(a.from, "worker"))
	case pauseRoll:
		return fmt.Sprintf("Pause roll %d (%s)?", a.roll, a.detail)
	case resumeRoll:
		return fmt.Sprintf("Let roll %d go on (%s)?", a.roll, a.detail)
	case abortRoll:
		return fmt.Sprintf("Abort roll %d (%s)? The other workers stay as they are.", a.roll, a.detail)
	}
	return fmt.Sprintf("Run %s instead of %d?", view.Count(a.to, "worker"), a.from)
}

// done says that the pool has taken it.
func (a action) done() string {
	switch a.verb {
	case cycle:
		return fmt.Sprintf("The worker of slot %d (pid %d) will be replaced.", a.slot, a.pid)
	case roll:
		return "All workers will be replaced."
	case pauseRoll:
		return fmt.Sprintf("Roll %d is paused.", a.roll)
	case resumeRoll:
		return fmt.Sprintf("Roll %d goes on.", a.roll)
	case abortRoll:
		return fmt.Sprintf("Roll %d is aborted.", a.roll)
	}
	return fmt.Sprintf("%s wanted from now on, not %d.", view.Count(a.to, "worker"), a.from)
}

// stale says why what was asked for is no more what would happen; empty if it
// still is.
func (a action) stale(s *api.Status) string {
	switch a.verb {
	case cycle:
		for _, w := range s.Workers {
			if w.ID == a.worker {
				return ""
			}
		}
		return fmt.Sprintf("The worker with pid %d has gone meanwhile: nothing was done.", a.pid)
	case pauseRoll, resumeRoll, abortRoll:
		if s.Roll == nil || s.Roll.ID != a.roll {
			return fmt.Sprintf("Roll %d is over meanwhile: nothing was done.", a.roll)
		}
	case scale:
		if s.Desired != a.from {
			return fmt.Sprintf("%s are wanted meanwhile, not %d: nothing was done.", view.Count(s.Desired, "worker"), a.from)
		}
	}
	return ""
}

// propose opens the prompt for what a key asks for, or says why it cannot be.
func (m *model) propose(v verb) {
	s := m.latest
	if s == nil {
		m.say("There is no pool yet.", true)
		return
	}
	a := action{verb: v, from: s.Desired, to: s.Desired}
	switch v {
	case cycle:
		w, ok := m.chosen()
		if !ok {
			m.say("No worker is selected.", true)
			return
		}
		a.slot, a.pid, a.worker = w.Slot, w.PID, w.ID
	case pauseRoll, resumeRoll, abortRoll:
		if s.Roll == nil {
			m.say("There is no roll under way.", true)
			return
		}
		a.roll, a.detail = s.Roll.ID, fmt.Sprintf("%d of %d replaced", s.Roll.Replaced, s.Roll.Total)
		if v != abortRoll && s.Roll.Paused {
			a.verb = resumeRoll
		}
	}
	m.prompt = &a
}

// rescale changes the number that the prompt asks for, or opens it.
func (m *model) rescale(by int) {
	if m.prompt == nil || m.prompt.verb != scale {
		m.propose(scale)
	}
	if m.prompt == nil {
		return
	}
	to := m.prompt.to + by
	if to == m.prompt.from {
		to += by // the number that there is would be no change
	}
	if to < 1 {
		m.prompt = nil
		m.say("A pool has one worker at least; rota stop ends it.", true)
		return
	}
	m.prompt.to = to
}
