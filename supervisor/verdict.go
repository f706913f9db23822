package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rota/policy"
	"rota/policy/verdict"
	"rota/procstats"
)

// How often the pool's memory is judged, and how often at most when a worker has
// just ended. Causes take a look at smaps_rollup of every worker.
const (
	judgeEvery  = 10 * time.Second
	judgeRest   = time.Second
	causesEvery = time.Hour
)

// What is told anew: growth that has changed by such a factor since it was told
// last, if it is so many bytes an hour at all.
const (
	toldFactor = 3
	toldGrowth = 1 << 20
)

// learned is what is known of how the workers' memory grows.
type learned struct {
	ledger     *verdict.Ledger
	said       verdict.Verdict
	told       verdict.Verdict // by the last event
	causes     []string
	generation int
	release    int
	releases   []release // the latest last
	ended      bool      // a life has, since it was judged
	judged     time.Time
	asked      time.Time // for causes
}

// release is what generations have in common whose workers are alike.
type release struct {
	number int
	config Config
}

// rememberedReleases is more than a ledger remembers.
const rememberedReleases = 8

func newLearned() *learned {
	unknown := verdict.Verdict{Kind: verdict.Unknown}
	return &learned{ledger: verdict.NewLedger(1), said: unknown, told: unknown, generation: 1, release: 1}
}

// releaseOf is the number of the release that a configuration is of. A roll of the
// same command in the same environment is no other.
func (l *learned) releaseOf(c Config) int {
	next := 1
	for _, r := range l.releases {
		if r.config.sameRelease(c) {
			return r.number
		}
		next = max(next, r.number+1)
	}
	l.releases = append(l.releases, release{next, c})
	l.releases = l.releases[max(0, len(l.releases)-rememberedReleases):]
	return next
}

// learn takes looks at the workers over, and judges when it is time.
func (s *Supervisor) learn(usages []procstats.Usage, now time.Time) {
	l := s.learned
	s.followReleases()
	requests := map[uint64]int64{}
	if s.front != nil {
		for _, w := range s.front.Stats().Workers {
			requests[w.ID] = w.Requests
		}
	}
	for _, u := range usages {
		w := s.fleet.Find(u.ID)
		if w == nil || w.State != policy.Ready || u.Err != nil || u.Private == 0 {
			continue
		}
		if !l.ledger.Knows(u.ID) {
			l.ledger.Began(verdict.Worker{ID: u.ID, Slot: w.Slot, Release: l.releaseOf(s.releases[w.Generation])}, now)
		}
		n, counted := requests[u.ID]
		if !counted {
			n = -1
		}
		l.ledger.Note(u.ID, now, verdict.Look{Private: u.Private, Requests: n, CPU: u.CPU})
	}
	if since := now.Sub(l.judged); since >= judgeEvery || l.ended && since >= judgeRest {
		s.judge(now)
	}
}

// followReleases has the release judged that the fleet is going over to.
func (s *Supervisor) followReleases() {
	l := s.learned
	was := l.generation
	l.generation = s.fleet.Generation
	switch n := l.releaseOf(s.releases[l.generation]); {
	case n != l.release:
		l.release, l.judged = n, time.Time{}
		l.causes, l.asked = nil, time.Time{}
		l.ledger.Release(n)
	case l.generation > was:
		l.ledger.Roll()
	}
}

// endLife notes that a worker serves no more, and why.
func (s *Supervisor) endLife(id uint64, why policy.Trigger) {
	if !s.learned.ledger.Knows(id) {
		return
	}
	ending := verdict.Otherwise
	switch why {
	case policy.Memory, policy.Total:
		ending = verdict.ForMemory
	case policy.Age, policy.Cron, policy.Requests:
		ending = verdict.InTime
	}
	s.learned.ledger.End(id, ending)
	s.learned.ended = true
}

func (s *Supervisor) judge(now time.Time) {
	l := s.learned
	limit := s.config.Policy.MaxMemory
	if s.config.Policy.MemoryMetric != MetricPrivate {
		limit = 0 // private memory does not reach it
	}
	l.said, l.judged, l.ended = l.ledger.Judge(now, limit), now, false
	if worthTelling(l.told, l.said) {
		l.told = l.said
		message := fmt.Sprintf("%s: %s", l.said.Kind, l.said.Why)
		if l.said.ToLimit > 0 {
			message += fmt.Sprintf("; the limit is %s away", l.said.ToLimit.Round(time.Second))
		}
		s.event(Event{Kind: VerdictChanged, Message: message})
	}
	s.seekCauses(now)
}

// judgement is what is known of the workers' memory, and why it may be more than
// they need, where it has grown.
func (s *Supervisor) judgement() (v verdict.Verdict, causes []string) {
	if v = s.learned.said; v.Grew {
		causes = s.learned.causes
	}
	return v, causes
}

// worthTelling tells whether a verdict says what the one that was told does not.
func worthTelling(told, now verdict.Verdict) bool {
	if now.Kind != told.Kind {
		return true
	}
	same := func(a, b verdict.Outlier) bool { return a.Slot == b.Slot }
	if len(now.Outliers) > 0 && !slices.EqualFunc(now.Outliers, told.Outliers, same) {
		return true
	}
	// With the work rather than by the hour where that is known: a day has its course.
	was, is := told.PerHour, now.PerHour
	switch {
	case told.PerRequest > 0 && now.PerRequest > 0:
		was, is = told.PerRequest, now.PerRequest
	case told.PerCPUSecond > 0 && now.PerCPUSecond > 0:
		was, is = told.PerCPUSecond, now.PerCPUSecond
	}
	return was > 0 && is > 0 && max(was/is, is/was) >= toldFactor && max(told.PerHour, now.PerHour) >= toldGrowth
}

// seekCauses looks for what makes the memory look like more than is needed, when
// it has grown and it is time. What was found is kept while the verdict is
// another: it may go to and fro, and to look is expensive.
func (s *Supervisor) seekCauses(now time.Time) {
	if l := s.learned; l.said.Grew && now.Sub(l.asked) >= causesEvery {
		l.asked = now
		s.findCauses()
	}
}

// findCauses looks, beside the loop, for what the workers hold and do not need.
func (s *Supervisor) findCauses() {
	var trees [][]int
	release := s.learned.release
	for _, w := range s.fleet.Workers {
		if p := s.processes[w.ID]; w.State == policy.Ready && len(p.usage.PIDs) > 0 {
			trees = append(trees, p.usage.PIDs)
		}
	}
	go func() {
		held := make([]verdict.Held, 0, len(trees))
		for _, tree := range trees {
			held = append(held, holds(procstats.Host, tree))
		}
		s.post(asked{func() {
			if s.learned.release == release {
				s.foundCauses(verdict.Causes(held))
			}
		}})
	}()
}

// foundCauses tells of causes, if they are not what is known already.
func (s *Supervisor) foundCauses(causes []string) {
	was := s.learned.causes
	s.learned.causes = causes
	if len(causes) > 0 && !slices.Equal(causes, was) {
		s.event(Event{Kind: VerdictChanged, Message: fmt.Sprintf("%s: %s", s.learned.said.Kind, strings.Join(causes, "; "))})
	}
}

// holds adds up what the processes of a worker hold. One that has ended, or that
// may not be read, adds nothing.
func holds(k procstats.Kernel, tree []int) (h verdict.Held) {
	busiest := 0
	for _, pid := range tree {
		if r, err := k.Rollup(pid); err == nil {
			h.Private += r.PrivateClean + r.PrivateDirty + r.Swap
			h.LazyFree += r.LazyFree
			h.HugePages += r.AnonHugePages
			h.Swap += r.Swap
		}
		if stat, err := k.Stat(pid); err == nil && stat.Threads > h.Threads {
			h.Threads, busiest = stat.Threads, pid
		}
	}
	if busiest != 0 {
		h.UnboundedMallocs, _ = k.ArenasUnbounded(busiest)
	}
	return h
}
