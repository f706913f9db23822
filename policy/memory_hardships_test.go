package policy

import (
	"testing"
	"time"
)

// What is seldom, and once broke a promise, keeps all of them.
func TestMemoryOutcomesOfHardships(t *testing.T) { testOutcomes(t, simHardships()) }

// simHardships are what the other cases are too regular to have.
func simHardships() []simCase {
	return []simCase{
		{"total: leak of 2 h after two early dips", []int{4}, func(s *simScenario) {
			s.fresh, s.noise, s.spikeUpTo = 200*simMiB, 0, 0
			s.onlyTotal(8*s.fresh + s.fixed)
			s.span = 16 * time.Hour
			leak := simLeak(s.fresh, 100*simMiB/3600)
			s.trace = simBoth(leak, simDips(20*simMiB, time.Minute, 2*time.Minute), 0)
			s.wanted = simPromise{trigger: Total, atLeast: 4}
		}},
		{"total: leak of 5 h that is less than the noise", []int{4}, func(s *simScenario) {
			s.fresh, s.boot, s.spikeUpTo = 8192*simMiB, time.Minute, 0
			s.onlyTotal(1.4 * 4 * s.fresh)
			s.span, s.interval = 24*time.Hour, 10*time.Second
			s.trace = simLeak(s.fresh, 400*simMiB/3600)
			s.wanted = simPromise{trigger: Total, stop: true, atLeast: 8}
		}},
	}
}

// onlyTotal sets a total budget, for a container of a size, and no limit for each worker.
func (s *simScenario) onlyTotal(container float64) {
	s.limit, s.container, s.total = 0, container, 0.9*container
}

// simDips are short falls by so much, at some ages.
func simDips(depth float64, ages ...time.Duration) simTrace {
	return func(l *simLife, now time.Time) float64 {
		for _, at := range ages {
			if age := now.Sub(l.ready); age > at && age < at+5*time.Second {
				return -depth
			}
		}
		return 0
	}
}
