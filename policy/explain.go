package policy

import (
	"fmt"
	"time"
)

// Explanation says what would cycle a worker, and what keeps that from beginning.
type Explanation struct {
	Causes []Cause // in the order in which Plan heeds them
	Held   []Hold  // what keeps a cycle of the worker from beginning now
}

// Cause is one trigger, for one worker.
type Cause struct {
	Trigger Trigger
	Off     bool    // its setting is off
	Due     bool    // it wants the worker cycled now
	Text    string  // in words, with the numbers
	Now     float64 // of Unit
	Limit   float64
	Unit    string    // bytes, seconds or requests; empty if there are no numbers
	At      time.Time // when it will be due, as far as can be told; else zero

	held []Hold // what keeps this one alone from being heeded
}

// The units of a Cause.
const (
	unitBytes    = "bytes"
	unitSeconds  = "seconds"
	unitRequests = "requests"
)

// Explain tells of a worker what Plan goes by: with something due and nothing that
// holds it, Plan begins a cycle, if maybe that of another worker first. requests
// are those that it was given so far, negative if that is not known. It is empty
// for a worker that has gone.
func Explain(c Config, now time.Time, f *Fleet, id uint64, requests int64) Explanation {
	w := f.Find(id)
	if w == nil {
		return Explanation{}
	}
	e := Explanation{
		Causes: []Cause{
			explainTotal(c, now, f, w), explainMemory(c, now, f, w), explainOperator(w),
			explainRoll(f, w), explainCron(c, f, w), explainAge(c, now, w), explainRequests(c, w, requests),
		},
		Held: append(f.holdsWorker(c, now, w), f.holdsAll(c, now, w)...),
	}
	e.holdCauses()
	return e
}

// holdCauses adds what holds single causes back, if that leaves none to be heeded.
func (e *Explanation) holdCauses() {
	var held []Hold
	for _, cause := range e.Causes {
		if cause.Due && len(cause.held) == 0 {
			return
		}
		if cause.Due {
			held = append(held, cause.held...)
		}
	}
	e.Held = append(e.Held, held...)
}

func explainTotal(c Config, now time.Time, f *Fleet, w *Worker) Cause {
	e := Cause{Trigger: Total}
	b := f.budget(c)
	if !b.limited {
		e.Off, e.Text = true, "max-total-memory is not set"
		return e
	}
	e.Now, e.Limit, e.Unit = float64(b.used), float64(b.limit), unitBytes
	e.Text = fmt.Sprintf("%s %s of at most %s", b.what, size(b.used), size(b.limit))
	why, _ := f.overBudget(c, now)
	most, reason := total(c, now, f)
	switch {
	case why == "":
	case most == nil:
		e.Text = why + "; no worker has grown so much that a cycle would help"
	case most != w:
		e.Text = fmt.Sprintf("%s; the worker of slot %d has grown most", why, most.Slot)
	default:
		e.Due, e.Text = true, reason
		if id := f.inexact(c, now); id != 0 {
			e.held = append(e.held, Hold{ByMeasuring, fmt.Sprintf("worker %d is looked at exactly first, since what the workers share may have been counted too often", id)})
		}
	}
	return e
}

func explainMemory(c Config, now time.Time, f *Fleet, w *Worker) Cause {
	e := Cause{Trigger: Memory}
	if c.MaxMemory <= 0 {
		e.Off, e.Text = true, "max-memory is not set"
		return e
	}
	if w.trend == nil {
		e.Text = fmt.Sprintf("at most %s; what it has is not known yet", size(c.MaxMemory))
		return e
	}
	e.Now, e.Limit, e.Unit = float64(w.Memory), float64(c.MaxMemory), unitBytes
	e.Text, e.At = fmt.Sprintf("%s memory of %s, of at most %s", c.MemoryMetric, size(w.Memory), size(c.MaxMemory)), w.foreseen.Reaches
	switch {
	case w.Over > 0:
		e.Text += fmt.Sprintf("; over it in %d of %d samples in a row", w.Over, c.MemorySamples)
	case !e.At.IsZero():
		e.Text += fmt.Sprintf("; it grows by %s/s and is expected to reach that in %s", size(int64(w.foreseen.Growth)), roughly(e.At.Sub(now)))
	case w.foreseen.Growth > 0:
		e.Text += fmt.Sprintf("; it grows by %s/s", size(int64(w.foreseen.Growth)))
	}
	if row, start := upcoming(c, now, f); len(row) > 0 && row[0].w == w {
		e.At = start
		if _, reason := spread(c, now, f); reason != "" {
			e.Due, e.Text = true, reason
		}
	}
	if why := w.over(c, now); why != "" {
		e.Due, e.Text, e.At = true, why, time.Time{}
		if until := w.spared(c); now.Before(until) {
			e.At = until
			e.held = append(e.held, Hold{ByMinUptime, fmt.Sprintf("it was over its limit from the start, and is left alone until it is %s old: for another %s", c.MinUptime, roughly(until.Sub(now)))})
		}
	}
	if !e.Due {
		return e
	}
	if why, paused := f.Brakes[Memory]; paused {
		e.held = append(e.held, Hold{ByBrake, why})
	} else if w.over(c, now) != "" && !f.hopes(c, w, now) {
		e.held = append(e.held, Hold{ByBrake, fmt.Sprintf("the last %d cycles did not help", f.learned.futile)})
	}
	if w.unsure(now) {
		e.held = append(e.held, Hold{ByMeasuring, "it is looked at exactly first, since what its processes share may have been counted more than once"})
	}
	return e
}

func explainOperator(w *Worker) Cause {
	if w.Recalled {
		return Cause{Trigger: Operator, Due: true, Text: "an operator asked for it"}
	}
	return Cause{Trigger: Operator, Text: "nobody has asked for it"}
}

// explainRoll is about a roll that is no schedule's.
func explainRoll(f *Fleet, w *Worker) Cause {
	if f.Roll != nil && f.Roll.Trigger != Cron {
		return f.Roll.explain(f, w)
	}
	return Cause{Trigger: Generation, Text: "no roll is under way"}
}

func explainCron(c Config, f *Fleet, w *Worker) Cause {
	switch {
	case f.Roll != nil && f.Roll.Trigger == Cron:
		return f.Roll.explain(f, w)
	case c.Cron == nil:
		return Cause{Trigger: Cron, Off: true, Text: "restart-cron is not set"}
	case f.Roll != nil:
		return Cause{Trigger: Cron, Text: "what fires during a roll is served by it"}
	}
	e := Cause{Trigger: Cron, Text: "the schedule does not fire any more", At: c.Cron.Next(f.CronAt)}
	if !e.At.IsZero() {
		e.Text = "the schedule fires at " + e.At.Format(time.RFC3339)
	}
	return e
}

func (r *Roll) explain(f *Fleet, w *Worker) Cause {
	e := Cause{Trigger: r.Trigger, Due: r.covers(*w)}
	e.Text = fmt.Sprintf("roll %d (%s) has replaced %d of %d workers", r.ID, r.Reason, r.Replaced, r.Total(f.Desired))
	if !e.Due {
		e.Text += "; this one needs no replacement"
	} else if r.Paused {
		e.held = append(e.held, Hold{ByPaused, fmt.Sprintf("roll %d is paused", r.ID)})
	}
	return e
}

func explainAge(c Config, now time.Time, w *Worker) Cause {
	e := Cause{Trigger: Age, At: w.Due}
	switch {
	case c.RestartInterval <= 0:
		e.Off, e.Text = true, "restart-interval is not set"
	case w.Due.IsZero():
		e.Text = "it is not ready yet"
	default:
		age, most := now.Sub(w.ReadyAt), w.Due.Sub(w.ReadyAt)
		e.Now, e.Limit, e.Unit = age.Seconds(), most.Seconds(), unitSeconds
		e.Due, e.Text = w.aged(now), fmt.Sprintf("%s old, and due at %s, so that no two workers are at a time", roughly(age), roughly(most))
	}
	return e
}

func explainRequests(c Config, w *Worker, requests int64) Cause {
	e := Cause{Trigger: Requests}
	if c.MaxRequests <= 0 {
		e.Off, e.Text = true, "max-requests is not set"
		return e
	}
	e.Due, e.Text = w.spent(c), fmt.Sprintf("at most %d requests", c.MaxRequests)
	if requests >= 0 {
		e.Now, e.Limit, e.Unit = float64(requests), float64(c.MaxRequests), unitRequests
		e.Text = fmt.Sprintf("it has had %d of at most %d requests", requests, c.MaxRequests)
	}
	return e
}

// roughly is a duration as people read it.
func roughly(d time.Duration) time.Duration {
	if d < time.Minute {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}
