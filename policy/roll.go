package policy

import (
	"slices"
	"time"
)

// roll ends a roll that has nobody left to replace, and begins one when the
// schedule fires. Times that passed while rota was busy or the machine asleep
// count once.
func roll(c Config, now time.Time, f *Fleet) Action {
	if f.Roll != nil && f.rolled() {
		return EndRoll{}
	}
	if c.Cron == nil || f.Stable == 0 {
		return nil
	}
	// What fires during a roll is served by it, if it succeeds.
	if at := c.Cron.Next(f.CronAt); !at.IsZero() && !now.Before(at) && f.Roll == nil {
		return BeginRoll{Trigger: Cron, Reason: "the schedule fired for " + at.Format(time.RFC3339)}
	}
	return nil
}

// rolled tells whether every slot is served by a worker of the roll. Merely to
// have no old worker left is not enough: the last may have crashed, and what
// comes in its place is not proven before it is ready.
func (f *Fleet) rolled() bool {
	return f.whole() && !slices.ContainsFunc(f.Workers, func(w Worker) bool { return f.Roll.covers(w) })
}
