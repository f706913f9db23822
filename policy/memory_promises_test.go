package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// simPromise is what a scenario must come out as, beside what holds for all of
// them: the container never passes its limit, one cycle at once, nobody missing
// but in a cycle that was reported as stop-first, and never all of two or more.
type simPromise struct {
	never   bool    // no cycle at all
	most    float64 // of the limit: a serving worker's memory never passes it; 0 for no matter
	first   float64 // the same for those who were started first, if it must be more
	least   float64 // of the limit: nobody is cycled sooner
	peak    float64 // of the container's limit; 0 for all of it
	trigger Trigger // of each cycle; empty for any
	stop    bool    // each cycle is stop-first; else none is
	stops   int     // but for so many
	brakes  Trigger // the trigger that is paused at the end, after at most three cycles; empty for none
	quiet   bool    // there is no reason to look more often than usual
	only    int     // the one slot, counted from 1, that is cycled; 0 for any
	atMost  int     // cycles; 0 for no matter
	atLeast int     // cycles
}

// simOutcome is what came out of a scenario.
type simOutcome struct {
	name       string
	workers    int
	seed       uint64
	span, wall time.Duration
	cycles     map[Trigger]int
	ahead      int     // cycles begun before the limit
	stopFirst  int     // cycles that began with the drain
	lowest     float64 // of the limit, when a cycle began
	highest    float64 // of the limit, of a worker that was in the rotation
	peak       float64 // of the container's limit
	overlap    int     // cycles at once
	leastReady int
	looks      int
	paused     []Trigger // ever
	brakes     int
	pausing    map[Trigger]bool // now
	story      []string         // each cycle and each brake
	broken     []string         // promises
	stuck      bool
}

func newSimOutcome(s *simScenario, seed uint64) *simOutcome {
	return &simOutcome{
		workers: s.workers, seed: seed, span: s.span, cycles: map[Trigger]int{}, pausing: map[Trigger]bool{}, lowest: math.Inf(1), leastReady: s.workers,
	}
}

func (o *simOutcome) all() int {
	n := 0
	for _, of := range o.cycles {
		n += of
	}
	return n
}

// violate notes a broken promise. A few of them tell enough.
func (o *simOutcome) violate(format string, args ...any) {
	if len(o.broken) < 5 {
		o.broken = append(o.broken, fmt.Sprintf(format, args...))
	}
}

// account holds the present against the promises.
func (p *simPool) account() {
	o := p.out
	used := p.fixed + p.shared
	for _, w := range p.fleet.Workers {
		l := p.lives[w.ID]
		level := p.level(l)
		used += level
		if w.State == Ready && p.limit > 0 {
			p.accountWorker(l, level/p.limit)
		}
	}
	most := p.wanted.peak
	if most == 0 {
		most = 1
	}
	if part := used / p.container; part > o.peak {
		if part > most && o.peak <= most {
			p.violate("the container is %.1f%% full, promised is %.0f%%: %s", 100*part, 100*most, p.census())
		}
		o.peak = part
	}
	p.accountReady()
}

func (p *simPool) accountWorker(l *simLife, part float64) {
	most := p.wanted.most
	if l.id <= uint64(p.workers) && p.wanted.first > 0 {
		most = p.wanted.first
	}
	if most > 0 && part > most && p.out.highest <= most {
		f := p.fleet.Foresee(p.fleet.Find(l.id))
		p.violate("%s, promised is %.0f%%; foreseen are %.3f MiB/s and the limit at %s", p.describe(l), 100*most, f.Growth/simMiB, p.at(f.Reaches))
	}
	p.out.highest = max(p.out.highest, part)
}

// accountReady counts who is missing, and the slots in motion, once all were there.
func (p *simPool) accountReady() {
	moving, missing, ready := 0, 0, p.fleet.Count(Ready)
	for slot := range p.workers {
		serving, others := 0, 0
		for _, w := range p.fleet.Workers {
			switch {
			case w.Slot != slot:
			case w.State == Ready:
				serving++
			default:
				others++
			}
		}
		if serving > 0 {
			delete(p.short, slot)
		} else if !p.short[slot] {
			missing++
		}
		if serving != 1 || others > 0 {
			moving++
		}
	}
	p.whole = p.whole || ready == p.workers
	if !p.whole {
		return
	}
	if missing > 0 && p.out.leastReady > ready {
		p.violate("%d of %d ready, and that was not reported: %s", ready, p.workers, p.census())
	}
	if ready == 0 && p.workers > 1 && p.out.leastReady > 0 {
		p.violate("nobody is ready: %s", p.census())
	}
	if moving > 1 && p.out.overlap <= 1 {
		p.violate("%d cycles at once: %s", moving, p.census())
	}
	p.out.leastReady, p.out.overlap = min(p.out.leastReady, ready), max(p.out.overlap, moving)
}

// note holds an action against the promises, before it is applied.
func (p *simPool) note(a Action) {
	switch a := a.(type) {
	case Start:
		if a.Replaces != 0 {
			p.noteCycle(p.fleet.Find(a.Replaces), a.Trigger, a.Reason, "")
		}
	case Drain:
		if w := p.fleet.Find(a.ID); p.fleet.relief(w) == nil {
			p.short[w.Slot] = a.NoRoom != ""
			p.noteCycle(w, a.Trigger, a.Reason, a.NoRoom)
		}
	case Resume:
		delete(p.out.pausing, a.Trigger)
		p.out.story = append(p.out.story, fmt.Sprintf("+%s: %s resumed", p.since(), a.Trigger))
	case Brake:
		p.out.brakes, p.out.pausing[a.Trigger] = p.out.brakes+1, true
		if !slices.Contains(p.out.paused, a.Trigger) {
			p.out.paused = append(p.out.paused, a.Trigger)
		}
		p.out.story = append(p.out.story, fmt.Sprintf("+%s: %s paused: %s", p.since(), a.Trigger, a.Reason))
		if a.Trigger != p.wanted.brakes {
			p.violate("%s is paused: %s", a.Trigger, a.Reason)
		} else if p.wanted.atMost > 0 && p.out.cycles[a.Trigger] > p.wanted.atMost {
			p.violate("%s is paused after %d cycles: %s", a.Trigger, p.out.cycles[a.Trigger], a.Reason)
		}
		if a.Reason == "" {
			p.violate("%s is paused without a reason", a.Trigger)
		}
	}
}

func (p *simPool) noteCycle(w *Worker, trigger Trigger, reason, noRoom string) {
	o, l := p.out, p.lives[w.ID]
	told := fmt.Sprintf("+%s: %s: %s: %s", p.since(), p.describe(l), trigger, reason)
	if noRoom != "" {
		o.stopFirst++
		told += "; stop-first: " + noRoom
	}
	o.story = append(o.story, told)
	o.cycles[trigger]++
	if p.limit > 0 {
		part := p.level(l) / p.limit
		o.lowest = min(o.lowest, part)
		if part < p.wanted.least {
			p.out.violate("cycled below %.0f%% of the limit: %s", 100*p.wanted.least, told)
		}
	}
	if p.limit > 0 && p.level(l) < p.limit || p.limit == 0 && p.sum() < p.total {
		o.ahead++
	}
	switch {
	case p.wanted.never:
		p.out.violate("cycled: %s", told)
	case p.wanted.trigger != "" && trigger != p.wanted.trigger:
		p.out.violate("cycled for another reason than %s: %s", p.wanted.trigger, told)
	case p.wanted.only != 0 && w.Slot != p.wanted.only-1:
		p.out.violate("cycled in another slot than %d: %s", p.wanted.only-1, told)
	case o.pausing[trigger]:
		p.out.violate("cycled while paused: %s", told)
	case !p.wanted.stop && noRoom != "" && o.stopFirst > p.wanted.stops:
		p.out.violate("stop-first: %s", told)
	}
	if reason == "" {
		p.out.violate("no reason: %s", told)
	}
}

// sum is what all workers really have together.
func (p *simPool) sum() float64 {
	n := p.shared
	for _, w := range p.fleet.Workers {
		n += p.level(p.lives[w.ID])
	}
	return n
}

func (p *simPool) violate(format string, args ...any) {
	p.out.violate("at +%s: %s", p.since(), fmt.Sprintf(format, args...))
}

func (p *simPool) at(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return fmt.Sprintf("+%s", t.Sub(p.start).Round(time.Millisecond))
}

func (p *simPool) census() string {
	var all []string
	for _, w := range p.fleet.Workers {
		all = append(all, fmt.Sprintf("%d in slot %d %s %.0f MiB", w.ID, w.Slot, w.State, p.level(p.lives[w.ID])/simMiB))
	}
	return strings.Join(all, ", ")
}

// finish holds the whole against the promises.
func (o *simOutcome) finish(s *simScenario) {
	n := o.all()
	if n < s.wanted.atLeast {
		o.violate("%d cycles, promised are at least %d", n, s.wanted.atLeast)
	}
	if s.wanted.stop && o.stopFirst == 0 {
		o.violate("none of %d cycles is stop-first", n)
	}
	if s.wanted.atMost > 0 && n > s.wanted.atMost {
		o.violate("%d cycles, promised are at most %d", n, s.wanted.atMost)
	}
	if b := s.wanted.brakes; b != "" && !slices.Contains(o.paused, b) {
		o.violate("%s is never paused, after %v cycles", b, o.cycles)
	}
	// A pause is news for people; one that comes and goes all day is noise.
	if most := 3; o.brakes > most {
		o.violate("paused %d times, promised are at most %d", o.brakes, most)
	}
	if usual := int(s.span/s.interval) * 105 / 100; s.wanted.quiet && o.looks > usual {
		o.violate("%d looks, promised are at most %d", o.looks, usual)
	}
}

// report is what broke, and the story of the last cycles.
func (o *simOutcome) report() string {
	story := o.story
	if len(story) > 12 {
		story = append(append(slices.Clone(story[:6]), fmt.Sprintf("... %d more", len(o.story)-12)), story[len(story)-6:]...)
	}
	return fmt.Sprintf("%s, %d workers, seed %d: %d cycles, highest %.3f, peak %.3f\nbroken:\n  %s\nstory:\n  %s",
		o.name, o.workers, o.seed, o.all(), o.highest, o.peak, strings.Join(o.broken, "\n  "), strings.Join(story, "\n  "))
}
