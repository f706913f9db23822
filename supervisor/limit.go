package supervisor

import (
	"fmt"
	"time"

	"github.com/docker/go-units"

	"rota/procstats"
)

// limitRest is how long a change of a limit is kept from being told after another
// one: some managers move memory.high every few seconds.
const limitRest = time.Minute

// limits is what is known of the limits of memory that rota has met.
type limits struct {
	bytes map[string]int64 // by the file that says so
	from  int64            // what it was when it was last told of
	told  time.Time
	moved bool // since then
}

// meet takes over the limit that is nearest. It tells whether it is time to say
// that one has been changed. Another group's coming to be the nearest is no change;
// the first limit of a container that had none, or the end of it, is one.
func (l *limits) meet(c, before procstats.Container, now time.Time) bool {
	if l.bytes == nil {
		l.bytes, l.from = map[string]int64{}, c.Limit.Bytes
	}
	was, known := l.bytes[c.Limit.Source]
	l.bytes[c.Limit.Source] = c.Limit.Bytes
	if known && was != c.Limit.Bytes || before.Limit.Bytes > 0 && before.Machine != c.Machine {
		l.moved = true
	}
	return l.moved && now.Sub(l.told) >= limitRest
}

// noteLimit tells of a limit that was changed while rota runs, as Kubernetes does
// when it resizes a container in place, so that what is a share of it is settled anew.
func (s *Supervisor) noteLimit(c procstats.Container, now time.Time) {
	l := &s.limits
	if !l.meet(c, s.contained, now) {
		return
	}
	of := "the container has"
	if c.Machine {
		of = "the container has no limit; the machine has"
	}
	message := fmt.Sprintf("%s %s, %s before", of, units.BytesSize(float64(c.Limit.Bytes)), units.BytesSize(float64(l.from)))
	l.told, l.moved, l.from = now, false, c.Limit.Bytes
	s.event(Event{Kind: LimitChanged, Message: message})
}
