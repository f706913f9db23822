package verdict

import (
	"fmt"
	"strings"
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

func (e *evidence) leakyLives(v Verdict, which string, span time.Duration) string {
	return fmt.Sprintf("%d of the last %d workers %s grew evenly with their work for %s, no slower in the end: %s",
		v.Agreeing, v.Observed, which, took(span), rates(v))
}

func (e *evidence) slowedLives(v Verdict, lives []*shape) string {
	ratio := middle(lives, func(s *shape) float64 { return s.ratio })
	return fmt.Sprintf("%d of the last %d workers that reached the limit grew ever slower, in the end by %.0f%% of what a request had cost before: a higher limit may be enough",
		v.Agreeing, v.Observed, 100*ratio)
}

func (e *evidence) leakyWorkers(v Verdict, on []*shape) string {
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

func (e *evidence) bloat(v Verdict, on []*shape) string {
	grown := size(max(0, middle(on, func(s *shape) float64 { return s.level - s.first })))
	if v.Settles == 0 {
		return fmt.Sprintf("%d of %d workers grew by %s, and ever slower: by %s an hour of late", v.Agreeing, v.Observed, grown, size(v.PerHour))
	}
	return fmt.Sprintf("%d of %d workers grew by %s and stay at %s: %s an hour", v.Agreeing, v.Observed, grown, size(float64(v.Settles)), size(v.PerHour))
}

// apart names the workers that grow while most do not.
func apart(all []Outlier) string {
	var names []string
	for _, o := range all {
		names = append(names, fmt.Sprintf("slot %d grows evenly, by %s an hour", o.Slot, size(o.PerHour)))
	}
	return "but " + strings.Join(names, ", ")
}

// formerly says what was known of the release before.
func (v Verdict) formerly() string {
	if v.Kind == Unknown {
		return ""
	}
	text := fmt.Sprintf("; the release before: %s", v.Kind)
	switch {
	case v.Kind == Leak:
		text += " of " + rates(v)
	case v.Settles > 0:
		text += " at " + size(float64(v.Settles))
	}
	return text
}

// workers is a number of them.
func workers(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", n)
}
