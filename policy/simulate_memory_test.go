package policy

import (
	"math/rand/v2"
	"time"

	"pgregory.net/rapid"
)

// memoryWorld is what a world has of memory: looks at it, and a container.
type memoryWorld struct {
	next      time.Time // the next look; zero for none
	rng       *rand.Rand
	shared    bool // workers have processes that share memory
	refuses   int  // percent of exact looks that are not to be had
	container Container
	over      map[uint64]time.Time // since when workers are over their limit
}

// memoryFate is what a worker's memory does.
type memoryFate struct {
	kind    string
	level   float64 // bytes
	percent float64 // of the limit, that it moves a minute
	at      time.Time
}

var memoryKinds = []string{"flat", "leak", "steps", "walk", "saw", "nothing", "much"}

// limitOfMemory is what levels are drawn from, whatever limits there are.
const limitOfMemory = 100 * mib

func (w *world) drawLooks() {
	c, m := &w.config, &w.memory
	m.over = map[uint64]time.Time{}
	if rapid.IntRange(0, 3).Draw(w.t, "looks") == 0 {
		return
	}
	c.SampleInterval = rapid.SampledFrom([]time.Duration{10 * time.Millisecond, time.Second, 10 * time.Second, 10 * time.Minute}).Draw(w.t, "sample interval")
	m.rng = rand.New(rand.NewPCG(rapid.Uint64().Draw(w.t, "memory seed"), 1))
	m.shared = rapid.Bool().Draw(w.t, "shares")
	m.refuses = rapid.SampledFrom([]int{0, 50, 100}).Draw(w.t, "refuses")
	m.next = w.now
	if c.SampleInterval < time.Second { // not for long: there are so many of them
		m.next = time.Time{}
	}
	w.drawLimits()
}

// drawLimits are none, or about what workers have, or far from it.
func (w *world) drawLimits() {
	draw := func(most int64, what string) int64 {
		percent := rapid.SampledFrom([]int64{0, 0, 1, 30, 60, 80, 100, 120, 150, 1000}).Draw(w.t, what)
		return most * percent / 100
	}
	all := int64(w.fleet.Desired+1) * limitOfMemory
	w.config.MaxMemory = draw(limitOfMemory, "max-memory")
	w.config.MaxTotalMemory = draw(all*2/3, "max-total-memory")
	w.memory.container = Container{Limit: draw(all, "container"), Group: rapid.IntRange(0, 2).Draw(w.t, "group") > 0}
}

// disturbMemory changes limits, the operator's or the container's.
func (w *world) disturbMemory() {
	m := &w.memory
	switch rapid.IntRange(0, 3).Draw(w.t, "memory disturbance") {
	case 0:
		w.drawLimits()
		w.fleet.Release()
	case 1:
		m.container.Limit = m.container.Limit * 4 / 5
	case 2:
		m.refuses = rapid.SampledFrom([]int{0, 50, 100}).Draw(w.t, "refuses")
	default: // a copy has a past of its own
		before := Plan(w.config, w.now, w.fleet)
		g := w.fleet.Clone()
		for _, o := range g.Workers {
			g.Observe(w.config, o.ID, Sample{Bytes: 1, Shared: true, Exact: true}, w.now.Add(time.Hour))
		}
		g.Contain(w.config, Container{Limit: 1, Needed: 1, Group: true}, w.now.Add(time.Hour))
		if after := Plan(w.config, w.now, w.fleet); len(before) != len(after) {
			w.t.Fatalf("what happened to a copy changed the plan: %+v, %+v", before, after)
		}
	}
}

func (w *world) drawMemory() memoryFate {
	if w.memory.rng == nil {
		return memoryFate{}
	}
	r := w.memory.rng
	m := memoryFate{kind: memoryKinds[r.IntN(len(memoryKinds))], level: limitOfMemory * (0.1 + 0.8*r.Float64()), percent: 200 * r.Float64() * r.Float64() * r.Float64(), at: w.now}
	if w.calm {
		m.kind = []string{"leak", "steps"}[r.IntN(2)]
		m.level, m.percent = limitOfMemory/4, 1.5+r.Float64()
	}
	if m.kind == "much" {
		m.level *= 3
	}
	return m
}

// pass lets time pass for a worker's memory, and tells how much it has.
func (m *memoryFate) pass(now time.Time, r *rand.Rand) int64 {
	minutes := now.Sub(m.at).Minutes()
	m.at = now
	step := limitOfMemory * m.percent / 100
	switch m.kind {
	case "leak":
		m.level += step * minutes
	case "steps":
		if r.Float64() < minutes/3 {
			m.level += step * max(3, minutes)
		}
	case "walk":
		m.level = max(0, m.level+step*minutes*3*r.NormFloat64())
	case "saw":
		if m.level += step * minutes; m.level > 1.2*limitOfMemory {
			m.level /= 4
		}
	case "nothing":
		m.level = 0
	}
	if r.IntN(200) == 0 { // for one look
		return int64(m.level * 1.5)
	}
	return int64(m.level)
}

// look is one at all workers and at the container.
func (w *world) look() {
	m := &w.memory
	needed := int64(20 * mib)
	for _, worker := range w.fleet.Workers {
		f := w.fates[worker.ID]
		bytes := f.memory.pass(w.now, m.rng)
		needed += bytes
		s := Sample{Bytes: bytes, Private: bytes, Share: bytes, Shared: m.shared, Exact: !m.shared}
		if m.shared && worker.State == Ready && m.rng.IntN(10) == 0 && m.rng.IntN(100) >= m.refuses {
			s.Exact = true
		}
		if !s.Exact {
			s.Bytes += bytes / 10
			s.Private, s.Share = s.Bytes, s.Bytes
		}
		w.fleet.Observe(w.config, worker.ID, s, w.now)
		if o := w.fleet.Find(worker.ID); w.config.MaxMemory == 0 || bytes <= w.config.MaxMemory || o.State != Ready {
			delete(m.over, worker.ID)
		} else if m.over[worker.ID].IsZero() {
			m.over[worker.ID] = w.now
		}
	}
	k := m.container
	k.Needed = needed
	w.fleet.Contain(w.config, k, w.now)
	pace := Pace(w.config, w.fleet)
	if pace < w.config.SampleInterval/fineness || pace > w.config.SampleInterval {
		w.t.Fatalf("pace of %s at an interval of %s", pace, w.config.SampleInterval)
	}
	m.next = w.now.Add(pace)
}

// measure is an exact look, if one is to be had.
func (w *world) measure(id uint64) bool {
	f := w.fates[id]
	worker := w.fleet.Find(id)
	bytes := worker.Memory
	if r := w.memory.rng; r != nil {
		if r.IntN(100) < w.memory.refuses {
			return false
		}
		bytes = int64(f.memory.level)
	}
	w.fleet.Observe(w.config, id, Sample{Bytes: bytes, Private: bytes, Share: bytes, Shared: true, Exact: true}, w.now)
	return true
}

// checkMemory: no surge that does not fit; stop-first only where everybody serves
// and somebody goes on; nothing for a cause that is paused.
func (w *world) checkMemory(a Action) {
	f, c := w.fleet, w.config
	paused := func(t Trigger) {
		if why, is := f.Brakes[t]; is && f.StopSince.IsZero() {
			w.t.Fatalf("%+v, though %s is paused: %s", a, t, why)
		}
	}
	switch a := a.(type) {
	case Start:
		why := f.noRoom(c, w.now)
		if why != "" && (a.Replaces != 0 || f.leaving()) {
			w.t.Fatalf("start of %+v without room: %s", a, why)
		}
		if a.Replaces != 0 {
			paused(a.Trigger)
		}
	case Drain:
		if f.relief(f.Find(a.ID)) == nil {
			paused(a.Trigger)
		}
		if a.NoRoom == "" {
			return
		}
		for slot := range f.Desired {
			if !f.roster().served(slot) {
				w.t.Fatalf("stop-first of %+v while slot %d is not served", a, slot)
			}
		}
		if f.Count(Ready) < 2 && f.Desired > 1 || c.MaxSurge == 0 || f.noRoom(c, w.now) == "" {
			w.t.Fatalf("stop-first of %+v: %+v", a, f.Workers)
		}
	case Measure:
		if !f.Find(a.ID).Shared {
			w.t.Fatalf("exact look at %+v", *f.Find(a.ID))
		}
	case Brake:
		paused(a.Trigger)
	case Resume:
		if _, is := f.Brakes[a.Trigger]; !is {
			w.t.Fatalf("%+v, but it is not paused", a)
		}
	}
}

// relieves: when all is calm, whoever grows over its limit within a life that is
// not short is cycled for it.
func (w *world) relieves() {
	m, c := &w.memory, &w.config
	if m.rng == nil || w.gaveUp {
		return
	}
	m.refuses = 0
	// Without room for one more they still take turns.
	m.container = Container{Limit: int64(w.fleet.Desired) * limitOfMemory * rapid.SampledFrom([]int64{0, 11, 15, 30}).Draw(w.t, "calm container") / 10, Group: true}
	c.MaxMemory, c.MaxTotalMemory = limitOfMemory, 0
	c.SampleInterval = min(time.Minute, max(c.SampleInterval, 5*time.Second))
	if rapid.Bool().Draw(w.t, "new release") {
		w.fleet.NewGeneration()
		w.fleet.StartRoll(BeginRoll{Trigger: Generation}, w.now)
	}
	w.fleet.Release()
	for _, worker := range w.fleet.Workers {
		w.fates[worker.ID].memory = w.drawMemory()
	}
	clear(m.over)
	m.next = w.now
	patience := c.MinUptime + time.Duration(c.MemorySamples+4)*c.SampleInterval + 30*time.Second*time.Duration(w.fleet.Desired)
	for until := w.now.Add(2 * time.Hour); w.step(until); {
		for id, since := range m.over {
			if worker := w.fleet.Find(id); worker == nil || worker.State != Ready {
				delete(m.over, id)
			} else if w.now.Sub(since) > patience && w.fleet.Brakes[Memory] == "" {
				w.t.Fatalf("over its limit since %s of %s: %+v", w.now.Sub(since), w.now, *worker)
			}
		}
	}
	if why := w.fleet.Brakes[Memory]; why != "" {
		w.t.Fatalf("paused: %s", why)
	}
}
