package verdict

import "time"

// outliers are the workers that grow while most do not: what one has that the
// others have not shows in no median.
func (e *evidence) outliers(v Verdict) []Outlier {
	if v.Kind == Leak {
		return nil
	}
	apart := pick(e.live, func(s *shape) bool { return e.apart(s) })
	others := pick(e.live, func(s *shape) bool { return s.told && s.span >= settleTime && (!s.grew || s.calm()) })
	if len(apart) > len(others) || !most(len(apart)+len(others), len(e.live)) {
		return nil
	}
	var found []Outlier
	for _, s := range apart {
		found = append(found, Outlier{Slot: s.slot, PerHour: s.perHour})
	}
	return found
}

// apart tells whether a worker grows by itself, and for long enough.
func (e *evidence) apart(s *shape) bool {
	return s.span >= max(settleTime, e.wisdom) && s.creeps() && s.ratio >= evenRatio
}

// toLimit is when the first worker is there, with what each has to do at present.
func (e *evidence) toLimit(v Verdict) time.Duration {
	if e.limit <= 0 {
		return 0
	}
	const most = 10 * 365 * 24 // hours; who lives longer is not going there
	first := float64(most)
	for _, s := range e.live {
		if rate := e.hourly(v, s); rate > 0 && s.now > 0 {
			first = min(first, max(0, float64(e.limit)-s.now)/rate)
		}
	}
	if first >= most {
		return 0
	}
	return max(time.Duration(first*float64(time.Hour)), 1)
}

// hourly is what a worker grows by in an hour, in bytes.
func (e *evidence) hourly(v Verdict, s *shape) float64 {
	perWork := v.PerCPUSecond
	if s.counted {
		perWork = v.PerRequest
	}
	switch {
	case len(v.Outliers) > 0:
		if !e.apart(s) {
			return 0
		}
		if s.axis == byTime || s.pace < 0 {
			return s.perHour
		}
		return s.perWork * s.pace
	case v.Kind == Steady, v.Kind == Bloat && v.Settles > 0 && v.Settles < e.limit:
		return 0
	case perWork > 0 && s.pace >= 0:
		return perWork * s.pace
	}
	return v.PerHour
}
