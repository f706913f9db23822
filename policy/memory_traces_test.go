package policy

import (
	"math"
	"time"
)

// simTrace is the private memory in bytes of a worker that is or was ready.
type simTrace func(l *simLife, now time.Time) float64

// simFlat stays where it begins.
func simFlat(fresh float64) simTrace {
	return func(*simLife, time.Time) float64 { return fresh }
}

// simWarmUp rises ever more slowly to the level where it settles; after tau it
// has 63 % of the way behind it.
func simWarmUp(fresh, settles float64, tau time.Duration) simTrace {
	return func(l *simLife, now time.Time) float64 {
		return fresh + (settles-fresh)*-math.Expm1(-now.Sub(l.ready).Seconds()/tau.Seconds())
	}
}

// simBloat grows with the logarithm of its age, as heaps that fragment do, and
// has reached a level at a certain age.
func simBloat(fresh, level float64, at time.Duration) simTrace {
	scale := (level - fresh) / math.Log1p(at.Minutes())
	return func(l *simLife, now time.Time) float64 {
		return fresh + scale*math.Log1p(now.Sub(l.ready).Minutes())
	}
}

// simSaw is a heap that a garbage collector empties at once, each time it is
// full. All begin together, but no two have quite the same period.
func simSaw(low, peak float64, period time.Duration) simTrace {
	return func(l *simLife, now time.Time) float64 {
		_, done := math.Modf(now.Sub(l.ready).Seconds() / period.Seconds() / (0.9 + 0.2*l.phase))
		return low + (peak-low)*done
	}
}

// simLoaded has memory for the requests that it is busy with: peak at a rate of
// so many a second.
func simLoaded(fresh, peak, rate float64) simTrace {
	return func(l *simLife, _ time.Time) float64 { return fresh + (peak-fresh)*l.busy/rate }
}

// simRatchet steps up at noon of each day, half of the way that is left to the
// level where it settles, within five minutes.
func simRatchet(fresh, settles float64, noon func(time.Time) float64) simTrace {
	return func(l *simLife, now time.Time) float64 {
		steps := noon(now) - noon(l.ready)
		return fresh + (settles-fresh)*(1-math.Pow(0.5, steps))
	}
}

// simNoons counts the noons up to a time; each takes five minutes to pass.
func simNoons(t time.Time) float64 {
	days, part := math.Modf(float64(t.Unix()) / 86400)
	return days + max(0, min(1, (part-0.5)*288))
}

// simLeak grows by so many bytes a second.
func simLeak(fresh, rate float64) simTrace {
	return func(l *simLife, now time.Time) float64 { return fresh + rate*now.Sub(l.ready).Seconds() }
}

// simRequestLeak grows by so many bytes with each request.
func simRequestLeak(fresh, bytes float64) simTrace {
	return func(l *simLife, _ time.Time) float64 { return fresh + bytes*l.requests }
}

// simLater keeps still for a time and does what another trace does from there on.
func simLater(calm time.Duration, then simTrace) simTrace {
	return func(l *simLife, now time.Time) float64 {
		begun := *l
		begun.ready = l.ready.Add(calm)
		if now.Before(begun.ready) {
			return then(&begun, begun.ready)
		}
		return then(&begun, now)
	}
}

// simBoth adds to a trace what another one has above its own base.
func simBoth(a, b simTrace, base float64) simTrace {
	return func(l *simLife, now time.Time) float64 { return a(l, now) + b(l, now) - base }
}

// simOneSlot has one trace in a slot and another in all others.
func simOneSlot(slot int, its, others simTrace) simTrace {
	return func(l *simLife, now time.Time) float64 {
		if l.slot == slot {
			return its(l, now)
		}
		return others(l, now)
	}
}

// simOneLife has one trace in the worker with an id and another in all others.
func simOneLife(id uint64, its, others simTrace) simTrace {
	return func(l *simLife, now time.Time) float64 {
		if l.id == id {
			return its(l, now)
		}
		return others(l, now)
	}
}

// simDay is a load that follows the day: so many requests a second at noon, and
// a tenth of that at midnight.
func simDay(noon float64) func(time.Duration) float64 {
	return func(since time.Duration) float64 {
		return noon * (0.55 - 0.45*math.Cos(2*math.Pi*since.Hours()/24))
	}
}

// simSteady is a load that is always the same.
func simSteady(rate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return rate }
}
