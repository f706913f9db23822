package verdict

import (
	"fmt"
	"time"
)

// unknown says what is missing. The growth so far goes with it.
func (e *evidence) unknown() Verdict {
	v := Verdict{Kind: Unknown}
	told := pick(e.live, func(s *shape) bool { return s.told })
	even := pick(told, func(s *shape) bool { return s.evenly() })
	growing := len(even) > 0 && most(len(even), len(told))
	if growing {
		v = e.measured(Unknown, even, len(told))
	}
	v.Agreeing, v.Observed = 0, len(e.live)
	switch longest, lived := e.ages(); {
	case longest < settleTime && e.reached() >= leakLives:
		v.Why = e.unlikeLives(told)
	case longest < settleTime && e.reached() > 0:
		v.Why = fmt.Sprintf("%s reached the limit, it takes %d to compare", workers(e.reached()), leakLives)
	case longest < settleTime && lived < settleTime && len(e.ended) >= leakLives:
		v.Why = fmt.Sprintf("no worker lived for more than %s, and that tells nothing yet", took(lived))
	case len(told) == 0:
		v.Why = "the workers have not been looked at for long enough"
	case longest < settleTime:
		v.Why = fmt.Sprintf("%s of evidence, at least %s needed", took(longest), took(settleTime))
	case growing:
		v.Why = fmt.Sprintf("%d of %d workers have grown evenly for %s: ", len(even), len(told), took(longest)) + e.doubts(even, longest)
	case e.reached() >= leakLives:
		v.Why = e.unlikeLives(told)
	default:
		calm := pick(told, func(s *shape) bool { return s.calm() })
		v.Why = fmt.Sprintf("of %s, %d grow evenly and %d settle; the others do neither, or not yet", workers(len(e.live)), len(even), len(calm))
	}
	if growing {
		v.Why += "; so far " + rates(v)
	}
	return v
}

// cutShort speaks of workers that reached the limit before it was to be seen
// where their growth leads: it slowed down, and not so much that it ends.
func (e *evidence) cutShort() (Verdict, bool) {
	lives := e.reachedLimit()
	grown := pick(lives, func(s *shape) bool { return s.told && s.grew })
	span := typical(lives)
	calm := pick(e.live, func(s *shape) bool { return s.told && s.span >= span && (!s.grew || s.calm()) })
	if len(lives) < leakLives || !most(len(grown), len(lives)) || len(calm) > 0 && 2*len(calm) >= len(e.live) {
		return Verdict{}, false
	}
	ratio := middle(grown, func(s *shape) float64 { return s.ratio })
	if ratio >= evenRatio || ratio < slowHigh && slowsOn(grown) {
		return Verdict{}, false
	}
	v := Verdict{Kind: Unknown, Observed: len(e.live)}
	as := "as a cache that fills would"
	if ratio < slowHigh {
		v.grows(grown, func(s *shape) *growth { return &s.rest })
		as = "and is still growing by " + rates(v)
	} else {
		v.grows(grown, func(s *shape) *growth { return &s.growth })
		v.PerHour = max(0, middle(grown, func(s *shape) float64 { return s.late }))
	}
	v.Why = fmt.Sprintf("a worker that reaches the limit has slowed down by then, to %.0f%% of what the same work had cost before, %s: a higher --max-memory would tell", 100*ratio, as)
	return v, true
}

// endedEarly speaks of workers that grew evenly until they were cycled in time,
// too soon to tell.
func (e *evidence) endedEarly() (Verdict, bool) {
	lives := tail(pick(e.ended, func(s *shape) bool { return s.ending == InTime && s.grew }), 2*windows)
	like := alike(lives)
	if !isLeak(lives, like) {
		return Verdict{}, false
	}
	least := leakTime
	if 2*len(pick(like, func(s *shape) bool { return s.axis == byTime })) > len(like) {
		least = variedLeakTime
	}
	span, longest := typical(like), e.live[:min(1, len(e.live))]
	if e.wisdom > 0 || len(longest) > 0 && longest[0].span > span+span/4 {
		return Verdict{}, false // those of now live longer
	}
	v := e.measured(Unknown, like, len(lives))
	v.Why = fmt.Sprintf("%d of the last %s grew evenly until they were cycled in time, but they end after %s, ", v.Agreeing, workers(v.Observed), took(span))
	if span < least {
		v.Why += fmt.Sprintf("%s too early to tell a leak from a cache that fills", took(least-span))
	} else {
		v.Why += fmt.Sprintf("and it takes some that began over %s to tell a leak from the course of a day", took(leakSpread))
	}
	v.Why += ": " + rates(v)
	v.Agreeing, v.Observed = 0, len(e.live)
	return v, true
}

// ages are those of the oldest worker and of the longest life that has ended.
func (e *evidence) ages() (longest, lived time.Duration) {
	for _, s := range e.live {
		longest = max(longest, s.span)
	}
	for _, s := range e.ended {
		lived = max(lived, s.span)
	}
	return longest, lived
}

// reached is how many workers were cycled for their memory.
func (e *evidence) reached() int {
	return len(pick(e.ended, func(s *shape) bool { return s.ending == ForMemory }))
}

// unlikeLives says what workers have not in common that reached the limit.
func (e *evidence) unlikeLives(told []*shape) string {
	calm := len(pick(told, func(s *shape) bool { return !s.grew || s.settled() }))
	if 2*calm > len(told) {
		return fmt.Sprintf("%s reached the limit%s, while %d of %d hardly grow: something happens to some alone", workers(e.reached()), e.whereReached(), calm, len(told))
	}
	return fmt.Sprintf("%s reached the limit%s, but not alike: neither evenly with their work nor ever slower", workers(e.reached()), e.whereReached())
}

// whereReached names the slot, if it was always the same.
func (e *evidence) whereReached() string {
	lives := pick(e.ended, func(s *shape) bool { return s.ending == ForMemory })
	for _, s := range lives {
		if s.slot != lives[0].slot {
			return ""
		}
	}
	return fmt.Sprintf(", all in slot %d", lives[0].slot)
}

// doubts says why even growth is not called a leak.
func (e *evidence) doubts(even []*shape, longest time.Duration) string {
	patience := max(leakTime, e.wisdom)
	if even[0].varied || even[0].axis == byTime {
		patience = max(variedLeakTime, e.wisdom)
	}
	cycled := typical(pick(e.ended, func(s *shape) bool { return s.ending == InTime }))
	switch {
	case e.wisdom > 0 && longest <= e.wisdom:
		return fmt.Sprintf("earlier ones had settled by the age of %s", took(e.wisdom))
	case longest < patience && cycled > 0 && cycled < leakTime:
		return fmt.Sprintf("but workers are cycled after %s, %s too early to tell a leak from a cache that fills", took(cycled), took(leakTime-cycled))
	case longest < patience && cycled > 0 && cycled < patience:
		return fmt.Sprintf("but workers are cycled after %s, and those before were not alike enough to tell a leak from a cache that fills", took(cycled))
	case longest < patience:
		return fmt.Sprintf("it takes %s at least to tell a leak from a cache that fills", took(patience))
	case even[0].explained:
		return "but no more than their load has"
	}
	return "too little yet, or not evenly enough, to call it a leak"
}
