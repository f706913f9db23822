package verdict

import (
	"cmp"
	"slices"
	"time"
)

// evidence is what a verdict is found on.
type evidence struct {
	live   []*shape // workers of the release
	ended  []*shape // lives of it, the latest last
	wisdom time.Duration
	limit  int64
}

// Judge tells what is known. Limit is the private memory in bytes at which a
// worker is cycled, 0 for none.
func (l *Ledger) Judge(now time.Time, limit int64) Verdict {
	b := l.book(l.release)
	e := evidence{ended: b.lives, limit: limit}
	for _, w := range l.workers {
		if w.release == l.release {
			e.live = append(e.live, w.life.shape())
		}
	}
	// In an order that does not change from call to call.
	slices.SortFunc(e.live, func(a, b *shape) int {
		return cmp.Or(cmp.Compare(b.span, a.span), cmp.Compare(a.slot, b.slot))
	})
	e.wisdom = e.settledBy()
	e.hear(b.round)

	var v Verdict
	ok := false
	for _, find := range []func() (Verdict, bool){e.acrossLives, e.inTime, e.withinLives, e.cutShort, e.settles, e.endedEarly} {
		if v, ok = find(); ok {
			break
		}
	}
	if !ok {
		v = e.unknown()
	}
	if v.Outliers = e.outliers(v); len(v.Outliers) > 0 {
		v.Why += "; " + apart(v.Outliers)
	}
	v = l.doubt(v, now, e)
	longest, lived := e.ages()
	v.Lives, v.Age = len(e.ended), max(longest, lived)
	v.Grew = e.grew(v)
	v.ToLimit = e.toLimit(v)
	l.said = v
	if i := len(l.books) - 2; i >= 0 && l.books[i].said.Kind != "" {
		before := l.books[i].said
		v.Earlier = before.Kind
		v.Why += before.formerly()
	}
	return v
}

// hear leaves out what the lives before the last roll taught, once half of those
// since then are found to be otherwise that are as old, or old enough to tell by
// themselves: the same command may have become another program.
func (e *evidence) hear(round int) {
	since := slices.IndexFunc(e.ended, func(s *shape) bool { return s.round == round })
	if since < 0 {
		since = len(e.ended)
	}
	before, after := e.ended[:since], e.ended[since:]
	if len(before) == 0 {
		return
	}
	span := min(typical(before), max(leakTime, e.wisdom))
	even := 2*len(pick(before, func(s *shape) bool { return s.evenly() })) > len(before)
	as := pick(append(slices.Clone(after), e.live...), func(s *shape) bool {
		return s.round == round && s.told && s.span >= span
	})
	unlike := pick(as, func(s *shape) bool { return s.evenly() != even })
	if len(unlike) >= max(1, min(leakLives, len(e.live))) && 2*len(unlike) >= len(as) {
		e.ended = after
		e.wisdom = e.settledBy()
	}
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
func tail(shapes []*shape, n int) []*shape { return shapes[max(0, len(shapes)-n):] }

// pick is those of which f is true.
func pick(shapes []*shape, f func(*shape) bool) []*shape {
	var picked []*shape
	for _, s := range shapes {
		if f(s) {
			picked = append(picked, s)
		}
	}
	return picked
}

// middle is the median of what f says of them.
func middle(shapes []*shape, f func(*shape) float64) float64 {
	values := make([]float64, len(shapes))
	for i, s := range shapes {
		values[i] = f(s)
	}
	return median(values)
}

// settledLives are the earlier lives that had settled, if those that lived for
// long enough mostly did.
func (e *evidence) settledLives() []*shape {
	tell := pick(e.ended, func(s *shape) bool { return s.span >= settleTime })
	settled := pick(tell, func(s *shape) bool { return s.calm() })
	if len(settled) < 2 || 2*len(settled) < len(tell) {
		return nil
	}
	return settled
}

// settledBy is the age by which earlier lives had settled for sure: of a younger
// worker it cannot be said that it grows without end. 0 if they did not settle.
func (e *evidence) settledBy() time.Duration {
	return time.Duration(middle(e.settledLives(), func(s *shape) float64 { return float64(min(s.span, s.settledAt+s.settledAt/2)) }))
}

// settles finds on workers that hardly grow any more, or ever slower.
func (e *evidence) settles() (Verdict, bool) {
	// One that is younger than others were that had settled has no say.
	least := max(settleTime, typical(e.settledLives()))
	voters := pick(e.live, func(s *shape) bool { return s.told && s.span >= least })
	voters = append(voters, tail(pick(e.ended, func(s *shape) bool { return s.span >= settleTime }), windows)...)
	calm := pick(voters, func(s *shape) bool { return s.calm() })
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
func (e *evidence) measured(kind Kind, on []*shape, observed int) Verdict {
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
	v.grows(on, func(s *shape) *growth { return &s.growth })
	return v
}

// grows takes over the growth of some lives, as a whole or in a part of each.
func (v *Verdict) grows(on []*shape, in func(*shape) *growth) {
	v.PerHour = max(0, middle(on, func(s *shape) float64 { return in(s).perHour }))
	for a, rate := range map[axis]*float64{byRequests: &v.PerRequest, byCPU: &v.PerCPUSecond} {
		*rate = max(0, middle(pick(on, func(s *shape) bool { return s.axis == a }), func(s *shape) float64 { return in(s).perWork }))
	}
}

// grew tells whether workers have grown by what is worth asking for the causes of.
func (e *evidence) grew(v Verdict) bool {
	grown := pick(e.live, func(s *shape) bool { return s.told && s.grew })
	return v.Kind == Leak || v.Kind == Bloat || v.Kind == Unknown && len(grown) > 0 && 2*len(grown) >= len(e.live)
}
