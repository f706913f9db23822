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
// just ended. Causes of bloat take a look at smaps_rollup of every worker.
const (
	judgeEvery  = 10 * time.Second
	judgeRest   = time.Second
	causesEvery = time.Hour
)

// learned is what is known of how the workers' memory grows.
type learned struct {
	ledger  *verdict.Ledger
	said    verdict.Verdict
	causes  []string
	release int
	ended   bool // a life has, since it was judged
	judged  time.Time
	asked   time.Time // for causes
}

func newLearned() *learned {
	return &learned{ledger: verdict.NewLedger(1), said: verdict.Verdict{Kind: verdict.Unknown}, release: 1}
}

// learn takes looks at the workers over, and judges when it is time.
func (s *Supervisor) learn(usages []procstats.Usage, now time.Time) {
	l := s.learned
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
			l.ledger.Began(u.ID, w.Generation, now)
		}
		n, counted := requests[u.ID]
		if !counted {
			n = -1
		}
		l.ledger.Note(u.ID, now, verdict.Look{Private: u.Private, Requests: n, CPU: u.CPU})
	}
	if l.release != s.fleet.Generation {
		l.release, l.judged = s.fleet.Generation, time.Time{}
		l.causes, l.asked = nil, time.Time{}
		l.ledger.Release(l.release)
	}
	if since := now.Sub(l.judged); since >= judgeEvery || l.ended && since >= judgeRest {
		s.judge(now)
	}
}

// endLife notes that a worker serves no more, and why.
func (s *Supervisor) endLife(id uint64, why policy.Trigger) {
	if !s.learned.ledger.Knows(id) {
		return
	}
	ending := verdict.Otherwise
	if why == policy.Memory || why == policy.Total {
		ending = verdict.ForMemory
	}
	s.learned.ledger.End(id, ending)
	s.learned.ended = true
}

func (s *Supervisor) judge(now time.Time) {
	l := s.learned
	was := l.said.Kind
	limit := s.config.Policy.MaxMemory
	if s.config.Policy.MemoryMetric != MetricPrivate {
		limit = 0 // private memory does not reach it
	}
	l.said, l.judged, l.ended = l.ledger.Judge(now, limit), now, false
	if l.said.Kind != was {
		message := fmt.Sprintf("%s: %s", l.said.Kind, l.said.Why)
		if l.said.ToLimit > 0 {
			message += fmt.Sprintf("; the limit is %s away", l.said.ToLimit.Round(time.Second))
		}
		s.event(Event{Kind: VerdictChanged, Message: message})
	}
	s.seekCauses(now)
}

// seekCauses looks for the causes of bloat when it is time. What was found is kept
// while the verdict is another: it may go to and fro, and to look is expensive.
func (s *Supervisor) seekCauses(now time.Time) {
	if l := s.learned; l.said.Kind == verdict.Bloat && now.Sub(l.asked) >= causesEvery {
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
		s.event(Event{Kind: VerdictChanged, Message: fmt.Sprintf("%s: %s", verdict.Bloat, strings.Join(causes, "; "))})
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
