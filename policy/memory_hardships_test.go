package policy

import (
	"testing"
	"time"
)

// What is seldom, and once broke a promise, keeps all of them.
func TestMemoryOutcomesOfHardships(t *testing.T) { testOutcomes(t, simHardships()) }

// simHardships are what the other cases are too regular to have.
func simHardships() []simCase {
	// fills takes a while after it is ready to load what it serves from.
	fills := func(to float64, in, boot time.Duration) func(s *simScenario) {
		return func(s *simScenario) {
			s.boot, s.span = boot, 2*time.Hour
			s.trace = simFill(s.fresh, to*s.limit, in)
			// Until it ends it cannot be told from a leak. That it does is learned.
			s.wanted = simPromise{most: 1, atMost: 3, stops: 1}
		}
	}
	return []simCase{
		{"filled in 20 s, boot 20 s", []int{1, 2, 4}, fills(0.8, 20*time.Second, 20*time.Second)},
		{"filled in 1 min, boot 20 s", []int{1, 2, 4}, fills(0.8, time.Minute, 20*time.Second)},
		{"filled in 1 min, boot 1 min", []int{1, 4}, fills(0.8, time.Minute, time.Minute)},
		{"warm-up of 1 min, boot 1 min", []int{1, 2, 4}, func(s *simScenario) {
			s.boot, s.span = time.Minute, 2*time.Hour
			s.trace = simWarmUp(s.fresh, 0.85*s.limit, time.Minute)
			s.wanted = simPromise{never: true, most: 1}
		}},
		{"limit below the warm size, many workers", []int{8, 16}, func(s *simScenario) {
			warm := s.fresh
			s.fresh, s.limit = warm/3, 0.7*warm
			s.container = (float64(s.workers+1)*warm*2 + s.fixed) / 0.85
			s.total, s.spikeUpTo = 0.9*s.container, 0
			s.span = 30 * time.Minute
			s.trace = simWarmUp(s.fresh, warm, 20*time.Second)
			s.wanted = simPromise{brakes: Memory, atMost: 6 + s.workers, trigger: Memory}
		}},
		{"leaks of 5 min beside one that has all that it needs from the start", []int{2, 4, 8}, func(s *simScenario) {
			s.boot, s.noise, s.spikeUpTo, s.span = 10*time.Second, 0.005, 0, time.Hour
			s.container = (float64(s.workers+1)*s.limit + s.fixed) / 0.85 // for one more like it
			s.total = 0.9 * s.container
			s.trace = simOneSlot(0, simFlat(0.95*s.limit), simLeak(s.fresh, (s.limit-s.fresh)/300))
			s.wanted = simPromise{most: 1, trigger: Memory, atLeast: 11 * (s.workers - 1)}
		}},
		{"leaks of 10 min, boots and drains that differ by half", []int{1, 2, 4, 8}, func(s *simScenario) {
			s.boot, s.drain, s.vary, s.span, s.spikeUpTo = 5*time.Second, 2*time.Second, 0.5, 3*time.Hour, 0
			s.trace = simLeak(s.fresh, (s.limit-s.fresh)/600)
			s.wanted = simPromise{most: 1, trigger: Memory, atLeast: 16 * s.workers}
		}},
		{"filled by half in 1 min, boot 1 min", []int{1, 8}, fills(0.6, time.Minute, time.Minute)},
		{"total: leak of 2 h after two early dips", []int{4}, func(s *simScenario) {
			s.fresh, s.noise, s.spikeUpTo = 200*simMiB, 0, 0
			s.onlyTotal(8*s.fresh + s.fixed)
			s.span = 16 * time.Hour
			leak := simLeak(s.fresh, 100*simMiB/3600)
			s.trace = simBoth(leak, simDips(20*simMiB, time.Minute, 2*time.Minute), 0)
			s.wanted = simPromise{trigger: Total, atLeast: 4}
		}},
		{"roll to a release that takes more to start", []int{4}, func(s *simScenario) {
			s.fresh, s.limit, s.boot, s.spikeUpTo = 100*simMiB, 400*simMiB, 10*time.Second, 0
			s.container, s.span = 860*simMiB, time.Hour
			s.total = 0.97 * s.container
			s.trace = func(l *simLife, _ time.Time) float64 {
				if l.id > uint64(s.workers) {
					return 180 * simMiB
				}
				return 145 * simMiB
			}
			s.events = []simEvent{{10 * time.Minute, func(p *simPool) {
				p.fresh = 250 * simMiB
				p.fleet.NewGeneration()
				simRoll(p)
			}}}
			s.wanted = simPromise{stop: true, atMost: 7}
		}},
		{"total: slow leaks in a container that is nearly full", []int{4, 8}, func(s *simScenario) {
			s.fresh, s.boot, s.noise, s.spikeUpTo = 1024*simMiB, 5*time.Second, 0.001, 0
			s.onlyTotal(float64(s.workers) * s.fresh / 0.8)
			s.fixed = 0.07 * s.container
			s.span, s.interval = 48*time.Hour, 10*time.Second
			s.trace = simLeak(s.fresh, 0.15*s.fresh/(12*3600))
			s.wanted = simPromise{trigger: Total, stop: true, peak: 0.98, atLeast: 4 * s.workers}
		}},
		{"total: warm workers of which RSS counts what they share", []int{4}, func(s *simScenario) {
			s.shared, s.fresh, s.limit, s.spikeUpTo, s.counts = 400*simMiB, 60*simMiB, 0, 0, true
			s.total = s.shared + 4*150*simMiB*0.93
			s.container, s.span = 1.6*s.total, 4*time.Hour
			s.trace = simWarmUp(s.fresh, 150*simMiB, 10*time.Minute)
			s.wanted = simPromise{never: true, brakes: Total}
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

// simRoll is an operator's.
func simRoll(p *simPool) {
	p.fleet.StartRoll(BeginRoll{Trigger: Operator, Reason: "an operator asked for it"}, p.now)
}

// simFill rises to a level within so long, and stays there.
func simFill(fresh, level float64, in time.Duration) simTrace {
	return func(l *simLife, now time.Time) float64 {
		return fresh + (level-fresh)*min(1, now.Sub(l.ready).Seconds()/in.Seconds())
	}
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
