package history

import (
	"sync/atomic"

	"rota/listener/front"
)

// counters count the requests that are over.
type counters struct {
	total atomic.Int64
	cut   atomic.Int64
	shed  atomic.Int64
	took  latencies // of those that a worker was given; without upgraded connections
}

func (c *counters) answered(a *front.Answer) {
	c.total.Add(1)
	if a.Cut {
		c.cut.Add(1)
	}
	if a.Shed != "" {
		c.shed.Add(1)
	}
	if a.Slot != front.NoSlot && a.Kind != front.KindUpgrade {
		c.took.add(a.Duration)
	}
}

// counts is a copy of counters.
type counts struct {
	total, cut, shed int64
	took             observed
}

func (c *counters) copy(to *counts) {
	to.total, to.cut, to.shed = c.total.Load(), c.cut.Load(), c.shed.Load()
	c.took.copy(&to.took)
}
