package supervisor

import (
	"fmt"
	"syscall"
	"time"

	"github.com/docker/go-units"

	"rota/policy"
	"rota/procstats"
)

// dying is how long a process may take to end that the kernel has chosen to
// kill: it gives its memory back first, some seconds for tens of GiB.
const dying = 5 * time.Second

// kills keeps account of the processes that the kernel killed for want of memory,
// those of our own control group or those of the groups within it. The kernel counts
// each before it kills it, so the end of a process always finds its kill counted; but
// the count may be seen long before the end is.
type kills struct {
	total uint64      // as last read
	read  time.Time   // when that was
	open  []time.Time // when those were seen of which nobody's end is known yet, oldest first
	short string      // what there was and what was needed before the last of them
}

// count takes over what the counter said at a time or just after it. A reading
// that was overtaken by a younger one says nothing new. The counter falls when
// a group within ours is removed, or when rota is moved to another one. It
// reports whether anybody was killed since the last reading.
func (k *kills) count(total uint64, at time.Time) bool {
	if at.Before(k.read) {
		return false
	}
	if k.read.IsZero() {
		k.total = total // those were before our time
	}
	// Nobody is killed so often: it is another group's counter.
	n := min(total-min(total, k.total), 1000)
	for range n {
		k.open = append(k.open, at)
	}
	k.total, k.read = total, at
	return n > 0
}

// claim lays one kill to the account of a process that has ended.
func (k *kills) claim() bool {
	if len(k.open) == 0 {
		return false
	}
	k.open = k.open[1:]
	return true
}

// unclaimed are the kills of which no worker's leader has ended in time, and
// since when. They are told once.
func (k *kills) unclaimed(now time.Time) (n int, since time.Time) {
	for n < len(k.open) && now.Sub(k.open[n]) >= dying {
		n++
	}
	if n > 0 {
		since, k.open = k.open[0], k.open[n:]
	}
	return n, since
}

// countKills takes a reading of the counters over that began at a time. What was
// needed is of interest as it was before: who is killed needs nothing.
func (s *Supervisor) countKills(n procstats.OOMKills, at, now time.Time) {
	if s.kills.count(n.Own, at) {
		s.kills.short = s.shortage(now)
	}
	if s.nested.count(n.Nested, at) {
		s.nested.short = s.shortage(now)
	}
}

// killsLike are the kills of which one may be p's: somebody else's in another
// group are not.
func (s *Supervisor) killsLike(p *process) *kills {
	if p.nested {
		return &s.nested
	}
	return &s.kills
}

// outOfMemory tells whether it was the kernel that ended a worker whose leader
// has just ended, for want of memory, and with what numbers; empty if not.
func (s *Supervisor) outOfMemory(p *process, now time.Time) string {
	w := s.fleet.Find(p.id)
	if w.Killed || s.config.StopSignal == syscall.SIGKILL && (p.groupTold || !p.signalled.IsZero()) {
		return ""
	}
	// What leads a server may survive it, and then end in any way of its own.
	behind := p.status.Exited() && (w.State == policy.Starting || w.State == policy.Ready)
	if !slain(p.status) && !behind {
		return ""
	}
	if n, err := s.container.OOMKills(); err == nil {
		s.countKills(n, now, now)
	}
	if !slain(p.status) && s.othersLost(p) || !s.killsLike(p).claim() {
		return ""
	}
	text := "the kernel killed it for want of memory: " + s.killsLike(p).short
	if p.usage.RSS > 0 {
		text += fmt.Sprintf("; it had %s when last looked at", units.BytesSize(float64(p.usage.Private)))
	}
	return text
}

// slain tells whether a process ended by SIGKILL, or as a shell does whose
// command ended so.
func slain(status syscall.WaitStatus) bool {
	return exitCodeOf(status) == 128+int(syscall.SIGKILL)
}

// othersLost tells whether a worker but p has lost a process since somebody was
// killed of whom nothing is known yet, so that it may have been that one.
func (s *Supervisor) othersLost(p *process) bool {
	open := s.killsLike(p).open
	if len(open) == 0 {
		return false
	}
	for _, o := range s.processes {
		if o == p || o.nested != p.nested {
			continue
		}
		if o.lostSince(open[0].Add(-s.config.Policy.SampleInterval)) {
			return true
		}
		for _, pid := range o.usage.PIDs {
			if stat, err := procstats.Host.Stat(pid); pid != o.pid && (err != nil || stat.State == 'Z') {
				return true
			}
		}
	}
	return false
}

// lostSince tells whether a process of the worker's was found to have gone since t.
func (p *process) lostSince(t time.Time) bool { return !p.shrank.IsZero() && !p.shrank.Before(t) }

// shortage says how much there was and how much was needed at the last look.
func (s *Supervisor) shortage(now time.Time) string {
	c := s.contained
	if c.Limit.Bytes == 0 {
		return "how much there was cannot be read"
	}
	whose := "the container may have"
	if c.Machine {
		whose = "the machine has"
	}
	return fmt.Sprintf("%s %s, and %s of it could not be taken back %s before", whose,
		units.BytesSize(float64(c.Limit.Bytes)), units.BytesSize(float64(c.Unreclaimable)), now.Sub(s.containedAt).Round(time.Millisecond))
}

// tellKills tells of processes killed for memory that were no worker's leader:
// those of a server with children of its own, or not of a worker at all. A
// worker is named if no other has lost a process since.
func (s *Supervisor) tellKills(now time.Time) {
	s.tellKillsOf(&s.kills, false, now)
	s.tellKillsOf(&s.nested, true, now)
}

func (s *Supervisor) tellKillsOf(k *kills, nested bool, now time.Time) {
	n, since := k.unclaimed(now)
	if n == 0 {
		return
	}
	whose := "container's"
	if s.contained.Machine {
		whose = "machine's"
	}
	e := Event{Kind: OOMKill, Reason: k.short, Message: fmt.Sprintf("%d of the %s processes, and no worker's first one", n, whose)}
	losers := 0
	for _, p := range s.processes {
		// A look just before may have found the process gone that was counted just after.
		if p.nested == nested && p.lostSince(since.Add(-s.config.Policy.SampleInterval)) {
			losers++
			e.Worker = p.id
		}
	}
	if losers != 1 {
		e.Worker = 0
	}
	s.event(e)
}

// The kernel kills the process with the highest score when memory runs out: what
// it has, plus its oom_score_adj in thousandths of the limit. Also the smallest
// worker is to go before rota, which matters when a large one is ending already,
// has not given its memory back yet, and is not looked at any more. So the score
// is to weigh more than rota ever does, and at least a tenth of the limit.
const (
	weighsMore = 128 << 20
	leastScore = 100
	mostScore  = 1000
)

// score is how much more a worker's oom_score_adj is than rota's, under a limit
// in bytes; 0 for one that is not known.
func score(limit int64) int {
	if limit <= 0 {
		return leastScore
	}
	return int(min(max(leastScore, (weighsMore*mostScore+limit-1)/limit), mostScore))
}
