package verdict

import (
	"fmt"
	"time"

	"github.com/docker/go-units"
)

func size(bytes float64) string { return units.BytesSize(bytes) }

// took is a time as people say it.
func took(d time.Duration) string {
	switch {
	case d >= 10*time.Hour:
		return d.Round(time.Hour).String()[:len(d.Round(time.Hour).String())-len("0m0s")]
	case d >= time.Minute:
		s := d.Round(time.Minute).String()
		return s[:len(s)-len("0s")]
	}
	return d.Round(100 * time.Millisecond).String()
}

// rates are the growth of a verdict.
func rates(v Verdict) string {
	text := size(v.PerHour) + " an hour"
	switch {
	case v.PerRequest > 0:
		text += ", " + size(v.PerRequest) + " a request"
	case v.PerCPUSecond > 0:
		text += ", " + size(v.PerCPUSecond) + " a second of CPU time"
	}
	return text
}

func (e *evidence) leakyLives(v Verdict, span time.Duration) string {
	return fmt.Sprintf("%d of the last %d workers that reached the limit grew evenly with their work for %s, no slower in the end: %s",
		v.Agreeing, v.Observed, took(span), rates(v))
}

func (e *evidence) slowedLives(v Verdict, lives []shape) string {
	ratio := middle(lives, func(s *shape) float64 { return s.ratio })
	return fmt.Sprintf("%d of the last %d workers that reached the limit grew ever slower, in the end by %.0f%% of what a request had cost before: a higher limit may be enough",
		v.Agreeing, v.Observed, 100*ratio)
}

func (e *evidence) leakyWorkers(v Verdict, on []shape) string {
	with := "their work"
	if on[0].axis == byTime {
		with = "time"
	}
	span := time.Duration(middle(on, func(s *shape) float64 { return float64(s.span) }))
	return fmt.Sprintf("%d of %d workers grew evenly with %s for %s, no slower in the end: %s", v.Agreeing, v.Observed, with, took(span), rates(v))
}

func (e *evidence) steady(v Verdict) string {
	return fmt.Sprintf("%d of %d workers hardly grow: %s an hour, at %s", v.Agreeing, v.Observed, size(v.PerHour), size(float64(v.Settles)))
}

func (e *evidence) bloat(v Verdict, on []shape) string {
	grown := size(max(0, middle(on, func(s *shape) float64 { return s.level - s.first })))
	if v.Settles == 0 {
		return fmt.Sprintf("%d of %d workers grew by %s, and ever slower: by %s an hour of late", v.Agreeing, v.Observed, grown, size(v.PerHour))
	}
	return fmt.Sprintf("%d of %d workers grew by %s and stay at %s: %s an hour", v.Agreeing, v.Observed, grown, size(float64(v.Settles)), size(v.PerHour))
}

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
		v.Why = fmt.Sprintf("%d workers have reached the limit, it takes %d to compare", e.reached(), leakLives)
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
		calm := pick(told, func(s *shape) bool { return s.settled() || s.slows() })
		v.Why = fmt.Sprintf("of %d workers, %d grow evenly and %d settle; the others do neither, or not yet", len(e.live), len(even), len(calm))
	}
	if growing {
		v.Why += "; so far " + rates(v)
	}
	return v
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
func (e *evidence) unlikeLives(told []shape) string {
	still := len(pick(told, func(s *shape) bool { return !s.grew || s.settled() }))
	if 2*still > len(told) {
		return fmt.Sprintf("%d workers reached the limit, while %d of %d hardly grow: something happens to some alone", e.reached(), still, len(told))
	}
	return fmt.Sprintf("%d workers reached the limit, but not alike: neither evenly with their work nor ever slower", e.reached())
}

// doubts says why even growth is not called a leak.
func (e *evidence) doubts(even []shape, longest time.Duration) string {
	patience := max(leakTime, e.wisdom)
	if even[0].varied || even[0].axis == byTime {
		patience = max(variedLeakTime, e.wisdom)
	}
	switch {
	case e.wisdom > 0 && longest <= e.wisdom:
		return fmt.Sprintf("earlier ones had settled by the age of %s", took(e.wisdom))
	case longest < patience:
		return fmt.Sprintf("it takes %s at least to tell a leak from a cache that fills", took(patience))
	case even[0].explained:
		return "but no more than their load has"
	}
	return "too little yet, or not evenly enough, to call it a leak"
}
