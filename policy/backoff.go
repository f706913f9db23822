package policy

import (
	"fmt"
	"time"
)

// The pause before a slot is filled again doubles with each failure, as crash
// loops are treated everywhere; half a minute is short enough that a pool
// recovers soon after its database did.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
)

// A failed replacement leaves a worker in place, so there is no hurry, and each
// attempt costs the memory of a surge.
const (
	firstCyclePause = 5 * time.Second
	lastCyclePause  = 5 * time.Minute
)

// pause is how long to wait after n failures in a row: nothing for none, then
// first, doubling up to last, less up to a quarter of it at random.
func pause(n int, first, last time.Duration, seed, id uint64) time.Duration {
	if n <= 0 {
		return 0
	}
	d := last
	if n < 30 { // a longer shift would overflow
		d = min(first<<(n-1), last)
	}
	return d - jitter(seed, id<<8+uint64(n), d/4)
}

// retryAt is when a slot may be filled again.
func retryAt(c Config, f *Fleet, slot int) time.Time {
	s := f.Slots[slot]
	if s.Failures == 0 {
		return time.Time{}
	}
	return s.Failed.Add(pause(s.Failures, firstPause, lastPause, c.Seed, uint64(slot)))
}

// cycleRetryAt is when the next replacement may be tried.
func cycleRetryAt(c Config, f *Fleet) time.Time {
	if f.CycleFails == 0 {
		return time.Time{}
	}
	return f.CycleFail.Add(pause(f.CycleFails, firstCyclePause, lastCyclePause, c.Seed, 0))
}

// hopeless says why a pool that never had a ready worker is given up; empty if
// it is not. A pool that once worked is never given up.
func hopeless(c Config, f *Fleet) string {
	if f.Stable != 0 {
		return ""
	}
	for slot, s := range f.Slots {
		if s.Failures >= c.StartTries {
			return fmt.Sprintf("no worker ever became ready: slot %d failed %d times in a row", slot, s.Failures)
		}
	}
	return ""
}
