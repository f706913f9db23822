package verdict

import (
	"math"
	"math/rand/v2"
	"time"
)

const (
	mib  = float64(1 << 20)
	hour = time.Hour
)

// moment is what the memory of a made-up worker depends on.
type moment struct {
	age  float64 // hours
	work float64 // requests so far
	load float64 // of the mean load, now
	now  float64 // hours since the pool began
}

// model makes the memory of one life, in MiB; index is the worker's place.
type model func(r *rand.Rand, index int) func(moment) float64

// trace is a pool that behaves as its name says.
type trace struct {
	name    string
	leaks   bool
	within  time.Duration // when a leak must have been called; 0: it need not be
	never   Kind          // what it must not be called in the later half
	says    string        // what is to be said of it in the end
	last    time.Duration // how long it is watched
	every   time.Duration // between two looks
	workers int           // 0: one to eight, by the seed
	rate    float64       // requests a second for each worker; 0: 20
	daily   bool          // the load has a day and a night
	bursts  bool          // there is work in ten minutes of a day alone
	rising  float64       // by what factor the load has grown in the end; 0: it does not
	blind   bool          // nobody counts the requests
	maxAge  time.Duration // at which workers are cycled; 0: never
	limit   float64       // MiB at which they are; 0: never
	model   model
}

// noisy adds garbage that comes and goes, which is never less than none.
func noisy(share float64, m model) model {
	return func(r *rand.Rand, index int) func(moment) float64 {
		f := m(r, index)
		return func(at moment) float64 {
			x := f(at)
			return x + x*share*math.Abs(r.NormFloat64())
		}
	}
}

func between(r *rand.Rand, a, b float64) float64 { return a * math.Pow(b/a, r.Float64()) }

// flat is a base in MiB with what f adds to it.
func flat(base float64) model {
	return func(*rand.Rand, int) func(moment) float64 { return func(moment) float64 { return base } }
}

// warmUp grows by so much, to 63 % in between a and b hours of work.
func warmUp(by, a, b float64) model {
	return func(r *rand.Rand, _ int) func(moment) float64 {
		tau := between(r, a, b) * 3600 * 20
		return func(at moment) float64 { return 80 + by*(1-math.Exp(-at.work/tau)) }
	}
}

func logBloat(by float64) model {
	return func(r *rand.Rand, _ int) func(moment) float64 {
		soon := between(r, 0.05, 0.5)
		return func(at moment) float64 { return 80 + by*math.Log(1+at.age/soon) }
	}
}

// saw collects its garbage every so many hours, between a and b.
func saw(a, b, height float64) model {
	return func(r *rand.Rand, _ int) func(moment) float64 {
		period := between(r, a, b)
		phase := r.Float64()
		return func(at moment) float64 {
			return 80 + height*math.Mod(at.age/period+phase, 1)
		}
	}
}

// following needs memory for what it does at the moment.
func following(by, power float64) model {
	return func(*rand.Rand, int) func(moment) float64 {
		return func(at moment) float64 { return 80 + by*math.Pow(at.load, power) }
	}
}

// ratchet keeps what the largest request so far took: of sizes with a heavy tail.
func ratchet(alpha float64) model {
	return func(r *rand.Rand, _ int) func(moment) float64 {
		most, seen := 0.0, 0.0
		return func(at moment) float64 {
			// The largest of n sizes of a Pareto distribution, drawn at once.
			if n := at.work - seen; n > 0 {
				seen = at.work
				most = max(most, math.Pow(-n/math.Log(r.Float64()), 1/alpha))
			}
			return 80 + min(most, 400)
		}
	}
}

// wander drifts about a mean, and forgets in a few hours where it was.
func wander(by, hours float64) model {
	return func(r *rand.Rand, _ int) func(moment) float64 {
		x, last := 0.0, 0.0
		return func(at moment) float64 {
			k := math.Exp(-(at.age - last) / hours)
			last = at.age
			x = k*x + math.Sqrt(1-k*k)*by*r.NormFloat64()
			return 150 + x
		}
	}
}

// lru fills evenly in so many hours of work and then is full: no request finds anything in it.
func lru(by, hours float64) model {
	return func(*rand.Rand, int) func(moment) float64 {
		return func(at moment) float64 { return 80 + by*min(1, at.work/(hours*3600*20)) }
	}
}

// leak loses so many KiB with each request, over what another model says.
func leak(kib float64, m model) model {
	return func(r *rand.Rand, index int) func(moment) float64 {
		f := m(r, index)
		return func(at moment) float64 { return f(at) + kib*at.work/1024 }
	}
}

// hourly leaks by the clock.
func hourly(by float64, m model) model {
	return func(r *rand.Rand, index int) func(moment) float64 {
		f := m(r, index)
		return func(at moment) float64 { return f(at) + by*at.age }
	}
}

// perRequest is the leak in KiB a request that makes so many MiB an hour at 20 requests a second.
func perRequest(mibPerHour float64) float64 { return mibPerHour * 1024 / (20 * 3600) }

func one(bad, others model) model {
	return func(r *rand.Rand, index int) func(moment) float64 {
		if index == 0 {
			return bad(r, index)
		}
		return others(r, index)
	}
}

var traces = []trace{
	{name: "flat", model: flat(100)},
	{name: "flat, large", model: flat(900)},
	{name: "wanders", model: wander(20, 2)},
	{name: "wanders, not counted", blind: true, model: wander(10, 1)},
	{name: "warm-up of minutes", model: warmUp(100, 0.05, 0.5)},
	{name: "warm-up of hours", model: warmUp(200, 0.5, 3)},
	{name: "warm-up, daily load", daily: true, model: warmUp(200, 0.5, 3)},
	{name: "log bloat", model: logBloat(20)},
	{name: "log bloat, not counted", blind: true, model: logBloat(40)},
	{name: "log bloat, daily load", daily: true, model: logBloat(20)},
	{name: "saw of seconds", model: saw(0.003, 0.01, 60)},
	{name: "saw of minutes", model: saw(0.05, 0.5, 60)},
	{name: "saw of hours", model: saw(0.5, 6, 100)},
	{name: "daily load", daily: true, model: following(40, 1)},
	{name: "daily load, steep", daily: true, model: following(40, 2)},
	{name: "daily load, not counted", daily: true, blind: true, model: following(100, 1)},
	{name: "load that rises for days", rising: 4, model: following(40, 1)},
	{name: "load that doubles in days", rising: 2, model: following(100, 1)},
	{name: "daily load that rises for days", rising: 4, daily: true, model: following(40, 1)},
	{name: "log bloat, rising load", rising: 4, model: logBloat(20)},
	{name: "nothing to do", rate: 0.00001, model: wander(10, 3)},
	{name: "ratchet", model: ratchet(3)},
	{name: "ratchet, heavy tail", model: ratchet(2)},
	{name: "cache of 12 h", model: warmUp(300, 4, 4)},
	{name: "cache of 12 h, daily load", daily: true, model: warmUp(300, 4, 4)},
	{name: "cache of 12 h, cycled at 6 h", maxAge: 6 * hour, model: warmUp(300, 4, 4)},
	{name: "even cache of 12 h, cycled at 6 h", maxAge: 6 * hour, model: lru(300, 12)},
	{name: "even cache of 6 h", model: lru(300, 6)},
	{name: "even cache of 6 h, cycled daily", maxAge: 24 * hour, model: lru(300, 6)},
	{name: "slow warm-up over its limit", limit: 270, model: warmUp(200, 0.2, 1)},
	{name: "flat, cycled at 10 min", maxAge: hour / 6, last: 12 * hour, model: flat(100)},
	{name: "limit below the start", limit: 70, every: 10 * time.Second, last: 12 * hour, model: flat(100)},
	{name: "one bad worker of 8", workers: 8, says: "slot 0", model: one(leak(perRequest(50), flat(80)), flat(80))},
	{name: "one bad worker of 8, cycled", workers: 8, limit: 300, says: "slot 0", model: one(leak(perRequest(100), flat(80)), flat(80))},
	{name: "log bloat over its limit", limit: 140, model: logBloat(20)},
	{name: "cache cut at a third", limit: 190, says: "higher --max-memory", model: warmUp(300, 4, 4)},
	{name: "cache cut at half", limit: 235, says: "higher --max-memory", model: warmUp(300, 4, 4)},
	{name: "cache cut at half, daily load", daily: true, limit: 235, model: warmUp(300, 4, 4)},
	{name: "cache cut at a third, not counted", blind: true, limit: 190, model: warmUp(300, 4, 4)},
	{name: "cache cut at a third in minutes", every: time.Second, last: 2 * hour, limit: 190, model: warmUp(300, 0.2, 0.2)},
	{name: "cache of a day", last: 96 * hour, model: warmUp(300, 10, 10)},
	{name: "cache of a day, cut at half", last: 96 * hour, limit: 235, model: warmUp(300, 10, 10)},
	{name: "saw, daily load, cycled at 12 h", daily: true, maxAge: 12 * hour, last: 96 * hour, model: saw(0.5, 6, 100)},
	{name: "daily load, cycled at 12 h", daily: true, maxAge: 12 * hour, last: 96 * hour, model: following(40, 1)},
	{name: "daily load, cycled daily", daily: true, maxAge: 24 * hour, last: 96 * hour, model: following(40, 1)},
	{name: "log bloat, daily, cycled at 12 h", daily: true, maxAge: 12 * hour, last: 96 * hour, model: logBloat(20)},
	{name: "ratchet, daily, cycled at 12 h", daily: true, maxAge: 12 * hour, last: 96 * hour, model: ratchet(3)},
	{name: "warm-up, daily, cycled at 12 h", daily: true, maxAge: 12 * hour, last: 96 * hour, model: warmUp(200, 0.5, 3)},
	{name: "cache, daily load, cycled at 12 h", daily: true, maxAge: 12 * hour, last: 96 * hour, model: warmUp(300, 4, 4)},
	{name: "cache of a day, daily, at 12 h", daily: true, maxAge: 12 * hour, last: 96 * hour, model: warmUp(300, 10, 10)},
	{name: "rising load, cycled at 12 h", rising: 4, daily: true, maxAge: 12 * hour, last: 96 * hour, model: following(40, 1)},
	{name: "bursts", bursts: true, model: following(40, 1)},
	{name: "bursts that warm up", bursts: true, model: warmUp(50, 0.1, 0.1)},

	{name: "warm-up and a leak to a limit", leaks: true, never: Bloat, limit: 230, says: "still", model: leak(perRequest(5), warmUp(100, 1.5, 1.5))},
	{name: "leak after a warm-up of hours", leaks: true, within: 48 * hour, model: leak(perRequest(5), warmUp(100, 1.5, 1.5))},
	{name: "leak, cycled at 6 h", leaks: true, maxAge: 6 * hour, says: "end after", model: leak(perRequest(20), flat(80))},
	{name: "leak, daily load, cycled at 6 h", leaks: true, daily: true, maxAge: 6 * hour, says: "end after", model: leak(perRequest(20), flat(80))},
	{name: "leak, daily load, cycled at 12 h", leaks: true, daily: true, maxAge: 12 * hour, last: 96 * hour, within: 72 * hour, model: leak(perRequest(20), flat(80))},
	{name: "leak, daily load, cycled daily", leaks: true, daily: true, maxAge: 24 * hour, last: 120 * hour, within: 96 * hour, model: leak(perRequest(20), flat(80))},
	{name: "bursts, leak by the clock", leaks: true, bursts: true, within: 32 * hour, model: hourly(10, flat(80))},
	{name: "bursts, not counted, by the clock", leaks: true, bursts: true, blind: true, within: 32 * hour, model: hourly(10, flat(80))},

	{name: "leak of 5 MiB/h", leaks: true, within: 9 * hour, model: leak(perRequest(5), flat(80))},
	{name: "leak of 5 MiB/h, large", leaks: true, within: 48 * hour, model: leak(perRequest(5), flat(500))},
	{name: "leak of 50 MiB/h", leaks: true, within: 9 * hour, model: leak(perRequest(50), flat(80))},
	{name: "leak of 50 MiB/h to a limit", leaks: true, within: 16 * hour, limit: 300, model: leak(perRequest(50), flat(80))},
	{name: "leak of 50 MiB/h, cycled at 12 h", leaks: true, within: 9 * hour, maxAge: 12 * hour, model: leak(perRequest(50), flat(80))},
	{name: "leak, not counted", leaks: true, blind: true, within: 9 * hour, model: leak(perRequest(20), flat(80))},
	{name: "leak, daily load", leaks: true, daily: true, within: 48 * hour, model: leak(perRequest(20), flat(80))},
	{name: "leak, rising load", leaks: true, rising: 4, daily: true, within: 60 * hour, model: leak(perRequest(20), flat(80))},
	{name: "leak over a daily need", leaks: true, daily: true, last: 144 * hour, within: 96 * hour, model: leak(perRequest(10), following(40, 1))},
	{name: "leak by the clock, daily load", leaks: true, daily: true, within: 40 * hour, model: hourly(10, flat(80))},
	{name: "leak after a warm-up", leaks: true, within: 36 * hour, model: leak(perRequest(10), warmUp(60, 0.1, 0.5))},
	{name: "leak under a saw", leaks: true, within: 48 * hour, model: leak(perRequest(10), saw(0.05, 0.5, 60))},
	{name: "leak under log bloat", leaks: true, within: 60 * hour, model: leak(perRequest(10), logBloat(20))},
	{name: "fast leak, lives of 10 s", leaks: true, every: time.Second / 2, last: time.Hour / 4, within: time.Minute, limit: 150, rate: 100, model: leak(71, flat(80))},
	{name: "fast leak, lives of 5 min", leaks: true, every: time.Second, last: 2 * hour, within: 20 * time.Minute, limit: 150, model: leak(12, flat(80))},
	{name: "fast leak after a warm-up", leaks: true, every: time.Second, last: 2 * hour, within: 40 * time.Minute, limit: 250, model: leak(12, warmUp(40, 0.005, 0.01))},
	{name: "fast leak, not counted", leaks: true, blind: true, every: time.Second, last: 2 * hour, within: 20 * time.Minute, limit: 150, model: leak(12, flat(80))},
}
