package policy

import (
	"slices"
	"time"
)

// roll ends a roll that has nobody left to replace, and begins one when the
// schedule fires. Times that passed while rota was busy or the machine asleep
// count once.
func roll(c Config, now time.Time, f *Fleet) Action {
	if f.Roll != nil && !slices.ContainsFunc(f.Workers, func(w Worker) bool { return w.ID < f.Roll.Before }) {
		return EndRoll{}
	}
	if c.Cron == nil || f.Stable == 0 {
		return nil
	}
	if at := c.Cron.Next(f.CronAt); !at.IsZero() && !now.Before(at) {
		return BeginRoll{Trigger: Cron, Reason: "the schedule fired for " + at.Format(time.RFC3339)}
	}
	return nil
}
