package procstats

import "time"

// spent is what a process has used up: it only grows.
type spent struct {
	cpu          time.Duration
	minor, major int64 // page faults
}

// spent is what the process and its waited-for descendants have.
func (s Stat) spent() spent {
	c := s.childSpent()
	return c.plus(spent{s.User + s.System, s.MinorFaults, s.MajorFaults})
}

// childSpent is what the descendants have that ended and were waited for.
func (s Stat) childSpent() spent {
	return spent{s.ChildUser + s.ChildSystem, s.ChildMinorFaults, s.ChildMajorFaults}
}

func (a spent) plus(b spent) spent { return spent{a.cpu + b.cpu, a.minor + b.minor, a.major + b.major} }

// beyond is what a has more than b.
func (a spent) beyond(b spent) spent {
	return spent{max(0, a.cpu-b.cpu), max(0, a.minor-b.minor), max(0, a.major-b.major)}
}
