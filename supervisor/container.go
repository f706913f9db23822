package supervisor

import (
	"time"

	"rota/policy"
	"rota/procstats"
)

// container is what tells of the memory that all workers share: a
// [procstats.Group]. Its methods may be called at the same time.
type container interface {
	Container() (procstats.Container, error)
	OOMKills() (procstats.OOMKills, error)
	Nests(pid int) bool
}

// contain takes over a look at the container that began at a time.
func (s *Supervisor) contain(c procstats.Container, err error, at, now time.Time) {
	kills := c.Events.OOMKill
	switch {
	case err == nil:
		delete(s.warned, "container") // should it fail again, that is news
	case c.Limit.Bytes > 0:
		s.warn("container", "%v: not all is known of what the container met", err)
		kills, err = s.container.OOMKills()
	default:
		s.warn("container", "%v: limits of the container are not heeded", err)
	}
	if err == nil {
		s.countKills(kills, at, now)
		s.tellKills(now)
	}
	s.uncontained = c.Limit.Bytes == 0
	if s.uncontained { // what the workers have together is known
		s.fleet.Contain(s.config.Policy, s.fleet.Container, now)
		return
	}
	s.noteLimit(c, now)
	s.contained, s.containedAt = c, now
	s.fleet.Contain(s.config.Policy, policy.Container{Limit: c.Limit.Bytes, Needed: c.Unreclaimable, Group: !c.Machine}, now)
}

// survey looks at the container before there is any worker, and warns of what
// would take rota with them.
func (s *Supervisor) survey(now time.Time) {
	c, err := s.container.Container()
	s.contain(c, err, now, now)
	if c.OOMGroup {
		s.warn("oom.group", "%s is 1: when one process is over the limit, the kernel kills all of the container, rota and every worker; "+
			"Kubernetes sets it from 1.28 on with cgroup v2, unless the kubelet has singleProcessOOMKill: true (from 1.32 on); otherwise keep --max-total-memory well below the limit",
			c.OOMGroupSource)
	}
}
