package verdict

import (
	"math"
	"time"
)

// reachedLimit are the last lives that ended at the limit, as far as they tell.
func (e *evidence) reachedLimit() []*shape {
	return tail(pick(e.ended, func(s *shape) bool { return s.ending == ForMemory && s.axis != byTime }), 2*windows)
}

// acrossLives finds on workers that were cycled for their memory: whether they
// leak is not to be seen in one life that is short, but in several alike.
func (e *evidence) acrossLives() (Verdict, bool) {
	lives := e.reachedLimit()
	if len(lives) < leakLives {
		return Verdict{}, false
	}
	span := typical(lives)
	levelled := func(s *shape) bool { return s.told && s.span >= span && (!s.grew || s.calm()) }
	calm := pick(e.live, levelled)
	others := len(calm) + len(pick(e.ended, func(s *shape) bool { return s.ending != ForMemory && levelled(s) }))
	if len(calm) > 0 && 2*len(calm) >= len(e.live) {
		return Verdict{}, false // it is always the same few that reach the limit
	}

	slow := pick(lives, func(s *shape) bool { return s.grew && s.ratio < slowHigh })
	if others == 0 && most(len(slow), len(lives)) && slowsOn(slow) {
		v := e.measured(Bloat, slow, len(lives))
		v.Why = e.slowedLives(v, lives)
		return v, true
	}
	like := alike(lives)
	if !isLeak(lives, like) || others >= len(like) {
		return Verdict{}, false
	}
	v := e.measured(Leak, like, len(lives))
	v.Why = e.leakyLives(v, "that reached the limit", span)
	return v, true
}

// inTime finds on workers that were cycled by age, at set times or by requests.
// One life of an even load tells as much by itself; under one that varied, several
// that began at all hours do.
func (e *evidence) inTime() (Verdict, bool) {
	lives := pick(e.ended, func(s *shape) bool {
		return s.ending == InTime && s.axis != byTime && s.span >= leakTime && s.span > e.wisdom
	})
	if len(lives) < leakLives || lives[len(lives)-1].began.Sub(lives[0].began) < leakSpread {
		return Verdict{}, false
	}
	calm := pick(e.live, func(s *shape) bool { return s.span >= leakTime && s.calm() })
	like := alike(lives)
	if !isLeak(lives, like) || len(calm) > 0 && 2*len(calm) >= len(e.live) {
		return Verdict{}, false
	}
	v := e.measured(Leak, like, len(lives))
	v.Why = e.leakyLives(v, "that were cycled in time", typical(like))
	return v, true
}

// withinLives finds on workers that have lived long.
func (e *evidence) withinLives() (Verdict, bool) {
	long := func(s *shape) bool { return s.told && s.span >= leakTime && s.span > e.wisdom }
	voters := append(pick(e.live, long), tail(pick(e.ended, long), windows)...)
	if 2*len(voters) < len(e.live) {
		return Verdict{}, false // one worker alone may have come by it otherwise
	}
	leaking := pick(voters, func(s *shape) bool { return s.leaks() })
	if len(leaking) == 0 || !most(len(leaking), len(voters)) ||
		middle(leaking, func(s *shape) float64 { return s.ratio }) < oneRatio {
		return Verdict{}, false
	}
	v := e.measured(Leak, leaking, len(voters))
	v.Why = e.leakyWorkers(v, leaking)
	return v, true
}

// alike are the lives that grew evenly, and by the same with the same work.
func alike(lives []*shape) []*shape {
	even := pick(lives, func(s *shape) bool { return s.evenly() })
	slope := middle(even, func(s *shape) float64 { return s.perWork })
	return pick(even, func(s *shape) bool {
		return s.axis == even[len(even)-1].axis && math.Abs(s.perWork-slope) <= evenShare*slope
	})
}

// isLeak tells whether lives are evidence of a leak, of which some are alike.
func isLeak(lives, alike []*shape) bool {
	return len(alike) >= leakLives && most(len(alike), len(lives)) && goesOn(lives)
}

// goesOn tells whether lives grew as much in the end as before, and there are so
// many that it is no chance. A cache of which they have filled but a third slows
// down by a sixth.
func goesOn(lives []*shape) bool {
	ratio, off := ratioOf(lives, func(s *shape) *growth { return &s.growth })
	return ratio >= evenRatio && ratio-off >= slowRatio
}

// slowsOn tells whether lives slowed down in their later half too, and there are
// so many that it is no chance: else what comes after the first may go on for ever.
func slowsOn(lives []*shape) bool {
	ratio, off := ratioOf(lives, func(s *shape) *growth { return &s.rest })
	return ratio+off <= restRatio
}

// ratioOf is the median ratio of lives, or of a part of each, and by how much it
// may be off, as a standard deviation: by how much the lives differ, or by their
// noise where few are alike by chance.
func ratioOf(lives []*shape, in func(*shape) *growth) (ratio, off float64) {
	ratio = middle(lives, func(s *shape) float64 { return in(s).ratio })
	off = max(
		1.4826*middle(lives, func(s *shape) float64 { return math.Abs(in(s).ratio - ratio) }),
		middle(lives, func(s *shape) float64 { return (in(s).ratio - in(s).low) / sigmas }))
	// 1.25 is the deviation of a median, of that of a mean.
	return ratio, 1.25 * off / math.Sqrt(float64(len(lives)))
}

// typical is how long such lives were.
func typical(lives []*shape) time.Duration {
	return time.Duration(middle(lives, func(s *shape) float64 { return float64(s.span) }))
}
