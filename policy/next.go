package policy

import "time"

// Next is a cycle that will come by itself.
type Next struct {
	Slot    int // -1 for all of them
	Trigger Trigger
	At      time.Time // now if it only waits for its turn
}

// Foresee tells the next cycle that can be foreseen: of an age that ends, of the
// schedule, or of a worker that grows to its limit; nil if none can.
func Foresee(c Config, now time.Time, f *Fleet) *Next {
	if !f.StopSince.IsZero() {
		return nil
	}
	next := Next{}
	add := func(slot int, t Trigger, at time.Time) {
		if !at.IsZero() && (next.At.IsZero() || at.Before(next.At)) {
			next = Next{slot, t, at}
		}
	}
	r := f.roster()
	for i := range f.Workers {
		if w := &f.Workers[i]; f.replaceable(r, w) {
			add(w.Slot, Age, w.Due)
		}
	}
	if c.Cron != nil && f.Roll == nil {
		add(-1, Cron, c.Cron.Next(f.CronAt))
	}
	if _, paused := f.Brakes[Memory]; !paused {
		if row, start := upcoming(c, now, f); len(row) > 0 {
			add(row[0].w.Slot, Memory, start)
		}
	}
	if next.At.IsZero() {
		return nil
	}
	if next.At.Before(now) {
		next.At = now
	}
	return &next
}
