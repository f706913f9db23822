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
	told := pick(e.live, func(s *shape) bool { return s.told })
	lived := time.Duration(0)
	for _, s := range e.ended {
		lived = max(lived, s.span)
	}
	if len(told) == 0 || told[0].span < settleTime && lived > 0 && lived < settleTime && len(e.ended) >= leakLives {
		v := Verdict{Kind: Unknown, Why: "the workers have not been looked at for long enough"}
		if lived > 0 {
			v.Why = fmt.Sprintf("no worker lived for more than %s, and that tells nothing yet", took(lived))
		}
		return v
	}
	even := pick(told, func(s *shape) bool { return s.evenly() })
	calm := pick(told, func(s *shape) bool { return !s.evenly() && (s.settled() || s.slows()) })
	longest := told[0].span
	reached := len(pick(e.ended, func(s *shape) bool { return s.ending == ForMemory }))
	still := len(pick(told, func(s *shape) bool { return !s.grew || s.settled() }))

	v := Verdict{Kind: Unknown}
	growing := len(even) > 0 && most(len(even), len(told))
	if growing {
		v = e.measured(Unknown, even, len(told))
	}
	v.Agreeing, v.Observed = 0, len(e.live)
	switch {
	case reached >= leakLives && 2*still >= len(told):
		v.Why = fmt.Sprintf("%d workers reached the limit, while %d of %d hardly grow: something happens to some alone", reached, still, len(told))
	case reached > 0 && reached < leakLives && longest < settleTime:
		v.Why = fmt.Sprintf("%d workers have reached the limit, it takes %d to compare", reached, leakLives)
	case longest < settleTime:
		v.Why = fmt.Sprintf("%s of evidence, at least %s needed", took(longest), took(settleTime))
	case growing && longest <= e.wisdom:
		v.Why = fmt.Sprintf("%d of %d workers grow evenly; earlier ones had settled by the age of %s", len(even), len(told), took(e.wisdom))
	case growing:
		v.Why = fmt.Sprintf("%d of %d workers have grown evenly for %s: it takes %s at least to tell a leak from a cache that fills",
			len(even), len(told), took(longest), took(e.patience(even)))
	case len(even) > 0:
		v.Why = fmt.Sprintf("%d of %d workers grow evenly, by %s an hour; the others do not, or not yet",
			len(even), len(told), size(middle(even, func(s *shape) float64 { return s.perHour })))
	default:
		v.Why = fmt.Sprintf("%d of %d workers settle; the others neither settle nor grow evenly", len(calm), len(told))
	}
	if growing {
		v.Why += "; so far " + rates(v)
	}
	return v
}

// patience is the age from which such growth can be called a leak.
func (e *evidence) patience(of []shape) time.Duration {
	if of[0].axis == byTime {
		return variedLeakTime
	}
	if of[0].varied {
		return variedLeakTime
	}
	return max(leakTime, e.wisdom)
}
