package policy

import (
	"math/rand/v2"
	"time"
)

// apply carries out an action as the supervisor and the workers do.
func (p *simPool) apply(a Action) {
	switch a := a.(type) {
	case Start:
		w := p.fleet.Launch(a, p.now)
		rng := rand.New(rand.NewPCG(p.seed, w.ID))
		p.lives[w.ID] = &simLife{
			id: w.ID, slot: w.Slot, started: p.now, boots: p.now.Add(p.varied(p.boot, rng)), rng: rng,
			weight: 0.95 + 0.1*rng.Float64(), phase: rng.Float64(),
		}
	case Drain:
		p.fleet.Retire(p.config, a, p.now)
		p.lives[a.ID].idles = p.now.Add(p.varied(p.drain, p.lives[a.ID].rng))
	case Stop:
		p.fleet.Halt(a, p.now)
		p.end(a.ID, p.exit)
	case Kill:
		p.fleet.Finish(a, p.now)
		p.end(a.ID, 0)
	case Measure:
		p.fleet.Observe(p.config, a.ID, p.sample(p.seen(p.lives[a.ID])), p.now)
	case Brake:
		p.fleet.Pause(a)
	case Resume:
		p.fleet.Unpause(a)
	case BeginRoll:
		p.fleet.StartRoll(a, p.now)
	case EndRoll:
		p.fleet.FinishRoll(p.now)
	case Capture:
		// Evidence is no concern of the memory here.
	default:
		p.out.stuck = true
		p.out.violate("at +%s: %+v", p.since(), a)
	}
}

// varied is how long something takes this time that usually takes d.
func (p *simPool) varied(d time.Duration, rng *rand.Rand) time.Duration {
	if p.vary == 0 {
		return d
	}
	return time.Duration(float64(d) * (1 + p.vary*(2*rng.Float64()-1)))
}

func (p *simPool) end(id uint64, in time.Duration) {
	if l := p.lives[id]; l.ends.IsZero() || l.ends.After(p.now.Add(in)) {
		l.boots, l.ends = time.Time{}, p.now.Add(in)
	}
}
