package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/docker/go-units"
)

// simMiB is a mebibyte, as the floating point number that traces calculate with.
const simMiB = float64(1 << 20)

// simScenario is a pool, what its workers' memory does, and the room that they have.
type simScenario struct {
	workers  int
	span     time.Duration // how long is played
	interval time.Duration // Config.SampleInterval

	fresh     float64 // bytes of a worker that has just become ready
	limit     float64 // Config.MaxMemory; 0 for none
	total     float64 // Config.MaxTotalMemory; 0 for none
	container float64 // its limit
	fixed     float64 // in the container beside the workers: rota itself, and others
	shared    float64 // that all workers have together, copy-on-write

	boot  time.Duration                     // from start to ready
	drain time.Duration                     // from drain until nothing is in a worker's hands
	exit  time.Duration                     // from stop to the end of the process
	load  func(since time.Duration) float64 // requests a second of the whole pool; nil for 10 for each worker
	trace simTrace

	noise      float64       // standard deviation of a sample, as a share of the level
	spikeEvery time.Duration // mean time between two spikes of one worker; 0 for none
	spikeUpTo  float64       // bytes that a spike reaches
	part       float64       // a number drawn from 0 to 1, for levels
	vary       float64       // boots and drains take up to so much more or less than usual, as a share
	counts     bool          // what all workers share counts for each, as RSS does

	events []simEvent // in the order in which they happen
	wanted simPromise
}

// simEvent is something that happens to a pool once.
type simEvent struct {
	after time.Duration
	do    func(p *simPool)
}

// simLife is one worker of a simulated pool, from its start to its end.
type simLife struct {
	id                  uint64
	slot                int
	started, ready      time.Time // ready is zero until it was
	boots, idles, ends  time.Time // what comes next; zero for not on its way
	requests            float64   // that it has had
	rate                float64   // requests a second that it gets now
	busy                float64   // the same, as the memory follows it: a minute late
	weight, phase       float64   // of the load; of whatever is periodic
	spikeFrom, spikeEnd time.Time
	rng                 *rand.Rand
}

// simPool plays a scenario in made-up time. Levels are the truth; samples are
// levels with noise and spikes, taken when the policy wants them.
type simPool struct {
	*simScenario
	config  Config
	fleet   *Fleet
	start   time.Time
	now     time.Time
	sampled time.Time // when the next samples are taken
	lives   map[uint64]*simLife
	seed    uint64
	whole   bool // every slot was served once
	short   map[int]bool
	events  []simEvent // still to come
	out     *simOutcome
}

func (s *simScenario) config(seed uint64) Config {
	return Config{
		MaxMemory: int64(s.limit), MemorySamples: 3, MemoryMetric: "private", MaxTotalMemory: int64(s.total),
		SampleInterval: s.interval, MinUptime: 10 * time.Second, MaxSurge: 1,
		StartTimeout: 2*time.Minute + 2*s.boot, DrainTimeout: 20*time.Second + 2*s.drain, StopTimeout: 5 * time.Second,
		StartTries: 3, Seed: seed,
	}
}

// simulate plays a scenario and holds what happens against what is promised.
func simulate(s *simScenario, seed uint64) *simOutcome {
	began := time.Now()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := &simPool{
		simScenario: s, config: s.config(seed), fleet: NewFleet(s.workers, start), start: start, now: start,
		sampled: start.Add(s.interval), lives: map[uint64]*simLife{}, seed: seed, short: map[int]bool{},
		events: s.events, out: newSimOutcome(s, seed),
	}
	p.look()
	p.settle()
	for end := start.Add(s.span); p.step(end); {
	}
	p.out.finish(s)
	p.out.wall = time.Since(began)
	return p.out
}

// step moves to whatever comes next: a look, a worker's own doing, or a time
// that the policy waits for. It reports false at the end.
func (p *simPool) step(end time.Time) bool {
	next, change := p.sampled, p.look
	consider := func(at time.Time, do func()) {
		if !at.IsZero() && at.Before(next) {
			next, change = at, do
		}
	}
	for _, w := range p.fleet.Workers {
		l := p.lives[w.ID]
		consider(l.boots, func() { p.serve(l) })
		consider(l.idles, func() { l.idles = time.Time{}; p.fleet.MarkIdle(l.id) })
		consider(l.ends, func() { p.fleet.Remove(p.config, l.id, p.now); delete(p.lives, l.id) })
	}
	if len(p.events) > 0 {
		e := p.events[0]
		consider(p.start.Add(e.after), func() { p.events = p.events[1:]; e.do(p) })
	}
	consider(Wake(p.config, p.now, p.fleet), func() {})
	if next.After(end) || p.out.stuck {
		return false
	}
	p.advance(next)
	p.account()
	change()
	p.settle()
	p.account()
	return true
}

// serve makes a worker ready, which is a reason to look.
func (p *simPool) serve(l *simLife) {
	l.boots, l.ready, l.spikeEnd = time.Time{}, p.now, p.now
	p.fleet.MarkReady(p.config, l.id, p.now)
	p.settle()
	p.look()
}

// advance lets the load of the time up to a moment reach those who are ready.
func (p *simPool) advance(to time.Time) {
	dt := to.Sub(p.now).Seconds()
	load := 10 * float64(p.workers)
	if p.load != nil {
		load = p.load(p.now.Add(to.Sub(p.now) / 2).Sub(p.start))
	}
	weight := 0.0
	for _, w := range p.fleet.Workers {
		if w.State == Ready {
			weight += p.lives[w.ID].weight
		}
	}
	late := -math.Expm1(-dt / 60)
	for _, w := range p.fleet.Workers {
		l := p.lives[w.ID]
		l.rate = 0
		if w.State == Ready {
			l.rate = load * l.weight / weight
		}
		l.requests += l.rate * dt
		l.busy += (l.rate - l.busy) * late
	}
	p.now = to
}

// level is the private memory that a worker really has.
func (p *simPool) level(l *simLife) float64 {
	if l.ready.IsZero() {
		done := 1.0
		if p.boot > 0 {
			done = min(1, p.now.Sub(l.started).Seconds()/p.boot.Seconds())
		}
		return p.fresh * (0.1 + 0.9*done)
	}
	return p.trace(l, p.now)
}

// seen is the same as a sample shows it.
func (p *simPool) seen(l *simLife) float64 {
	level := p.level(l)
	level *= 1 + p.noise*max(-2.5, min(2.5, l.rng.NormFloat64()))
	if p.spikeEvery == 0 || l.ready.IsZero() {
		return level
	}
	// Spikes come with requests. One is over before the next sample at the usual
	// pace, and two of them are far enough apart for a row of strikes never to be
	// theirs. What looks faster sees one spike several times.
	for !p.now.Before(l.spikeEnd) {
		gap := 3*p.interval + time.Duration(l.rng.ExpFloat64()*float64(p.spikeEvery))
		l.spikeFrom = l.spikeEnd.Add(gap)
		l.spikeEnd = l.spikeFrom.Add(time.Duration((0.3 + 0.6*l.rng.Float64()) * float64(p.interval)))
	}
	if !p.now.Before(l.spikeFrom) {
		return max(level, p.spikeUpTo)
	}
	return level
}

// look takes the samples of all workers and one of the container, and asks how
// soon the next are due.
func (p *simPool) look() {
	needed := p.fixed + p.shared
	for _, w := range p.fleet.Workers {
		seen := p.seen(p.lives[w.ID])
		needed += seen
		p.fleet.Observe(p.config, w.ID, p.sample(seen), p.now)
	}
	p.fleet.Contain(p.config, Container{Limit: int64(p.container), Needed: int64(needed), Group: true}, p.now)
	pace := Pace(p.config, p.fleet)
	if pace > p.interval || pace < p.interval/10 {
		p.out.violate("at +%s the pace is %s, outside of %s to %s", p.since(), pace, p.interval/10, p.interval)
		pace = max(p.interval/10, min(pace, p.interval))
	}
	p.sampled = p.now.Add(pace)
	p.out.looks++
}

func (p *simPool) sample(seen float64) Sample {
	bytes := seen
	if p.counts {
		bytes += p.shared
	}
	return Sample{
		Bytes: int64(bytes), Private: int64(seen), Exact: true,
		Share: int64(seen + p.shared/float64(len(p.fleet.Workers))),
	}
}

// settle applies what Plan wants until it wants nothing.
func (p *simPool) settle() {
	for range 1000 {
		actions := Plan(p.config, p.now, p.fleet)
		if len(actions) == 0 {
			return
		}
		for _, a := range actions {
			p.note(a)
			p.apply(a)
		}
	}
	p.out.stuck = true
	p.out.violate("at +%s the plan does not settle: %+v", p.since(), p.fleet.Workers)
}

func (p *simPool) since() time.Duration { return p.now.Sub(p.start).Round(time.Millisecond) }

// describe says what a worker is at, for whoever reads why a promise was broken.
func (p *simPool) describe(l *simLife) string {
	level := p.level(l)
	if p.limit == 0 {
		return fmt.Sprintf("worker %d (slot %d, ready for %s) at %s", l.id, l.slot, p.now.Sub(l.ready).Round(time.Millisecond), units.BytesSize(level))
	}
	return fmt.Sprintf("worker %d (slot %d, ready for %s) at %s, %.1f%% of its limit", l.id, l.slot,
		p.now.Sub(l.ready).Round(time.Millisecond), units.BytesSize(level), 100*level/p.limit)
}
