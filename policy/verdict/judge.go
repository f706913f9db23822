package verdict

import (
	"math"
	"slices"
	"time"
)

// evidence is what a verdict is found on.
type evidence struct {
	live   []shape // workers of the release
	ended  []shape // lives of it, the latest last
	wisdom time.Duration
	limit  int64
}

// Judge tells what is known. Limit is the private memory in bytes at which a
// worker is cycled, 0 for none.
func (l *Ledger) Judge(now time.Time, limit int64) Verdict {
	e := evidence{ended: l.book(l.release).lives, limit: limit}
	for _, w := range l.workers {
		if w.release == l.release {
			e.live = append(e.live, w.life.shape())
		}
	}
	// In an order that does not change from call to call.
	slices.SortFunc(e.live, func(a, b shape) int { return int(b.span - a.span) })
	e.wisdom = e.settledBy()

	v, ok := e.acrossLives()
	if !ok {
		v, ok = e.withinLives()
	}
	if !ok {
		v, ok = e.settles()
	}
	if !ok {
		v = e.unknown()
	}
	v = l.doubt(v, now, e)
	v.Lives = len(e.ended)
	v.ToLimit = e.toLimit(v)
	l.said = v
	if i := len(l.books) - 2; i >= 0 {
		v.Earlier = l.books[i].said
	}
	return v
}

// doubt keeps to what was said until it was found otherwise for a while: a
// twentieth of the longest life that it could be found on. Nobody is helped by a
// verdict that comes and goes.
func (l *Ledger) doubt(v Verdict, now time.Time, e evidence) Verdict {
	if l.said.Kind == "" || l.said.Kind == Unknown || v.Kind == l.said.Kind {
		l.since = now
		return v
	}
	var longest time.Duration
	for _, s := range append(e.live, e.ended...) {
		longest = max(longest, s.span)
	}
	if now.Sub(l.since) < longest/20 {
		return l.said
	}
	l.since = now
	return v
}

// most tells whether enough of them agree.
func most(agreeing, observed int) bool { return agreeing*majorityOf >= observed*majority }

// tail is the last n of them, or fewer.
func tail(shapes []shape, n int) []shape { return shapes[max(0, len(shapes)-n):] }

// pick is those of which f is true.
func pick(shapes []shape, f func(*shape) bool) []shape {
	var picked []shape
	for i := range shapes {
		if f(&shapes[i]) {
			picked = append(picked, shapes[i])
		}
	}
	return picked
}

// middle is the median of what f says of them.
func middle(shapes []shape, f func(*shape) float64) float64 {
	values := make([]float64, len(shapes))
	for i := range shapes {
		values[i] = f(&shapes[i])
	}
	return median(values)
}

// settledBy is the age at which earlier lives had settled, by which a younger
// worker cannot be held to grow without end; 0 if they did not.
func (e *evidence) settledBy() time.Duration {
	tell := pick(e.ended, func(s *shape) bool { return s.span >= settleTime })
	settled := pick(tell, func(s *shape) bool { return s.settled() || s.slows() })
	if len(settled) < 2 || 2*len(settled) < len(tell) {
		return 0
	}
	return time.Duration(middle(settled, func(s *shape) float64 { return float64(s.span) }))
}

// acrossLives finds on workers that were cycled for their memory: whether they
// leak is not to be seen in one life that is short, but in several alike.
func (e *evidence) acrossLives() (Verdict, bool) {
	lives := tail(pick(e.ended, func(s *shape) bool { return s.ending == ForMemory && s.axis != byTime }), 2*windows)
	if len(lives) < leakLives {
		return Verdict{}, false
	}
	span := time.Duration(middle(lives, func(s *shape) float64 { return float64(s.span) }))
	levelled := func(s *shape) bool { return s.told && s.span >= span && (!s.grew || s.settled() || s.slows()) }
	calm := pick(e.live, levelled)
	others := len(calm) + len(pick(e.ended, func(s *shape) bool { return s.ending != ForMemory && levelled(s) }))
	if len(calm) > 0 && 2*len(calm) >= len(e.live) {
		return Verdict{}, false // it is always the same few that reach the limit
	}

	slow := pick(lives, func(s *shape) bool { return s.grew && s.ratio < slowHigh })
	if others == 0 && most(len(slow), len(lives)) {
		v := e.measured(Bloat, slow, len(lives))
		v.Why = e.slowedLives(v, lives)
		return v, true
	}
	even := pick(lives, func(s *shape) bool { return s.evenly() })
	slope := middle(even, func(s *shape) float64 { return s.perWork })
	alike := pick(even, func(s *shape) bool {
		return s.axis == even[len(even)-1].axis && math.Abs(s.perWork-slope) <= evenShare*slope
	})
	ratio := middle(lives, func(s *shape) float64 { return s.ratio })
	if len(alike) < leakLives || !most(len(alike), len(lives)) || ratio < evenRatio || others >= len(alike) {
		return Verdict{}, false
	}
	v := e.measured(Leak, alike, len(lives))
	v.Why = e.leakyLives(v, span)
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
		middle(leaking, func(s *shape) float64 { return s.ratio }) < evenRatio {
		return Verdict{}, false
	}
	v := e.measured(Leak, leaking, len(voters))
	v.Why = e.leakyWorkers(v, leaking)
	return v, true
}

// settles finds on workers that hardly grow any more, or ever slower.
func (e *evidence) settles() (Verdict, bool) {
	voters := pick(e.live, func(s *shape) bool {
		// One that is younger than others were when they had settled has no say.
		return s.told && s.span >= max(settleTime, e.wisdom)
	})
	voters = append(voters, tail(pick(e.ended, func(s *shape) bool { return s.span >= settleTime }), windows)...)
	calm := pick(voters, func(s *shape) bool { return s.settled() || s.slows() })
	if len(calm) == 0 || !most(len(calm), len(voters)) {
		return Verdict{}, false
	}
	flat := pick(calm, func(s *shape) bool { return s.settled() && s.flat() })
	if most(len(flat), len(voters)) {
		v := e.measured(Steady, flat, len(voters))
		v.Settles = int64(middle(flat, func(s *shape) float64 { return s.level }))
		v.Why = e.steady(v)
		return v, true
	}
	v := e.measured(Bloat, calm, len(voters))
	if settled := pick(calm, func(s *shape) bool { return s.settled() }); most(len(settled), len(calm)) {
		v.Settles = int64(middle(settled, func(s *shape) float64 { return s.level }))
	}
	v.Why = e.bloat(v, calm)
	return v, true
}

// measured is a verdict with the growth of those that it is found on.
func (e *evidence) measured(kind Kind, on []shape, observed int) Verdict {
	v := Verdict{Kind: kind, Agreeing: len(on), Observed: observed}
	if kind == Steady || kind == Bloat {
		v.PerHour = max(0, middle(on, func(s *shape) float64 {
			if s.settled() {
				return s.perDay / 24
			}
			return s.late
		}))
		return v
	}
	v.PerHour = max(0, middle(on, func(s *shape) float64 { return s.perHour }))
	for a, rate := range map[axis]*float64{byRequests: &v.PerRequest, byCPU: &v.PerCPUSecond} {
		*rate = max(0, middle(pick(on, func(s *shape) bool { return s.axis == a }), func(s *shape) float64 { return s.perWork }))
	}
	return v
}

// toLimit is when the first worker is there.
func (e *evidence) toLimit(v Verdict) time.Duration {
	if e.limit <= 0 || v.PerHour <= 0 || v.Kind == Steady || v.Kind == Bloat && v.Settles > 0 && v.Settles < e.limit {
		return 0
	}
	highest := 0.0
	for _, s := range e.live {
		highest = max(highest, s.level)
	}
	if highest == 0 {
		return 0
	}
	hours := max(0, float64(e.limit)-highest) / v.PerHour
	const most = 10 * 365 * 24 // who lives longer is not going there
	if hours > most {
		return 0
	}
	return max(time.Duration(hours*float64(time.Hour)), 1)
}
