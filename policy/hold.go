package policy

import (
	"fmt"
	"strings"
	"time"
)

// Hold is something that a cycle waits for.
type Hold struct {
	By   HoldBy
	Text string // in words, with the numbers
}

// HoldBy is what holds a cycle back.
type HoldBy string

// What may hold a cycle back.
const (
	BySpacing   HoldBy = "spacing"    // another worker comes or goes
	BySurge     HoldBy = "surge"      // there is no room for one more
	ByBrake     HoldBy = "brake"      // it would not help
	ByMinUptime HoldBy = "min-uptime" // the worker has only just begun
	ByBackoff   HoldBy = "backoff"    // a replacement has failed lately
	ByPaused    HoldBy = "paused"     // an operator has paused the roll
	ByMeasuring HoldBy = "measuring"  // an exact look at its memory is waited for
	ByStopping  HoldBy = "stopping"   // rota ends
)

// holdsWorker is why a worker is not replaceable.
func (f *Fleet) holdsWorker(c Config, now time.Time, w *Worker) []Hold {
	text := ""
	switch {
	case f.replaceable(f.roster(), w):
		return nil
	case w.State != Ready:
		text = fmt.Sprintf("it does not serve: it is %s", w.State)
		if taken := f.capturing(c, now, w); taken != "" {
			text += ", and " + taken
		}
	case f.examined(c, now, w):
		text = f.capturing(c, now, w)
	case w.Slot >= f.Desired:
		text = fmt.Sprintf("it is to go without a successor: %d workers wanted", f.Desired)
	default:
		text = "its successor is there, or on its way"
	}
	return []Hold{{BySpacing, text}}
}

// holdsAll is what keeps any cycle from beginning, but for what is under way for w.
func (f *Fleet) holdsAll(c Config, now time.Time, w *Worker) []Hold {
	if !f.StopSince.IsZero() {
		return []Hold{{ByStopping, "rota was asked to end"}}
	}
	var held []Hold
	if f.crowded(c, now) {
		held = append(held, Hold{BySpacing, f.traffic(c, now)})
	}
	if at := cycleRetryAt(c, f); now.Before(at) {
		held = append(held, Hold{ByBackoff, fmt.Sprintf("%d replacements in a row did not get ready; the next is tried in %s", f.CycleFails, roughly(at.Sub(now)))})
	}
	if len(held) > 0 {
		return held
	}
	switch way, noRoom := f.way(c, now); {
	case way == noWay && noRoom != "":
		return []Hold{{BySurge, noRoom + "; and no worker can go first, since as it is not all slots are served, or none would be"}}
	case way == noWay:
		return []Hold{{BySpacing, fmt.Sprintf("%d of %d workers are ready and %d alive; a surge of %d and %d that may be missing leave no room",
			f.Count(Ready), f.Desired, len(f.Workers), c.MaxSurge, c.MaxUnavailable)}}
	case way == unavailable:
		if first, _, _ := mostUrgent(c, now, f); first != nil && f.examined(c, now, first) {
			return []Hold{{BySpacing, fmt.Sprintf("the worker in slot %d goes next, and %s", first.Slot, f.capturing(c, now, first))}}
		}
	}
	return nil
}

// traffic says which workers come and go.
func (f *Fleet) traffic(c Config, now time.Time) string {
	const most = 3
	var who []string
	n := 0
	for i := range f.Workers {
		w := &f.Workers[i]
		if w.State == Ready && !f.examined(c, now, w) {
			continue
		}
		if n++; n > most {
			continue
		}
		text := fmt.Sprintf("slot %d has a worker %s for %s", w.Slot, w.State, roughly(now.Sub(w.Since)))
		if taken := f.capturing(c, now, w); taken != "" {
			text += ", and " + taken
		}
		who = append(who, text)
	}
	if n > most {
		who = append(who, fmt.Sprintf("%d more", n-most))
	}
	return fmt.Sprintf("%s; no more than %d may come and go at a time", strings.Join(who, ", "), c.MaxSurge+c.MaxUnavailable)
}
