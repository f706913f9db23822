package policy

import (
	"fmt"
	"time"
)

// captures tells whether evidence is to be taken of a worker that leaves for t.
func (c Config) captures(t Trigger) bool {
	return c.Capture && (t == Memory || t == Total)
}

// asked tells whether a capture of the worker was decided about: begun, over, or
// done without.
func (w *Worker) asked() bool { return w.Captured || !w.Capturing.IsZero() }

// Examine applies a Capture.
func (f *Fleet) Examine(a Capture, now time.Time) {
	w := f.Find(a.ID)
	switch {
	case w == nil:
	case a.Skip != "":
		w.Captured = true
	default:
		w.Capturing = now
	}
}

// MarkCaptured notes that the capture of a worker is over, however it went, so
// that the worker may go.
func (f *Fleet) MarkCaptured(id uint64) {
	if w := f.Find(id); w != nil {
		w.Captured = true
	}
}

// heldUntil is until when a worker that is being captured is kept for it; zero
// if it is not. When rota ends, a capture gets no more time than the requests of
// the other workers do.
func (f *Fleet) heldUntil(c Config, w *Worker) time.Time {
	if !c.Capture || w.Captured || w.Capturing.IsZero() {
		return time.Time{}
	}
	until := w.Capturing.Add(c.CaptureTimeout)
	if f.StopSince.IsZero() {
		return until
	}
	if end := f.StopSince.Add(c.ShutdownDelay + c.DrainTimeout); end.Before(until) {
		return end
	}
	return until
}

// capturing says for how long evidence of a worker has been taken; empty if none
// is being taken.
func (f *Fleet) capturing(c Config, now time.Time, w *Worker) string {
	until := f.heldUntil(c, w)
	if until.IsZero() {
		return ""
	}
	return fmt.Sprintf("evidence of it is being taken for %s, %s at most", roughly(now.Sub(w.Capturing)), roughly(until.Sub(w.Capturing)))
}

// evidence is the capture of a draining worker, once that is due: when it has
// finished, or its time to do so is over; at once if there is to be none.
func (f *Fleet) evidence(c Config, now time.Time, w *Worker) (Capture, bool) {
	if !c.captures(w.Leaving) || w.asked() {
		return Capture{}, false
	}
	drained := w.Idle || !now.Before(w.Since.Add(c.DrainTimeout))
	if w.Tight == "" && (c.CaptureServing || !drained) {
		return Capture{}, false
	}
	return Capture{ID: w.ID, Trigger: w.Leaving, Reason: w.Cause, Skip: f.forgo(w)}, true
}

// captureFirst is a drain, or the capture that comes before it where only the
// worker itself could leave the rotation: it serves meanwhile. Nothing is
// answered while that is under way.
func captureFirst(c Config, now time.Time, f *Fleet, d Drain) []Action {
	w := f.Find(d.ID)
	switch {
	case now.Before(f.heldUntil(c, w)):
		return nil
	case !c.CaptureServing || d.NoRoom != "" || !c.captures(d.Trigger) || w.asked():
		return []Action{d}
	}
	return []Action{Capture{ID: d.ID, Trigger: d.Trigger, Reason: f.numbers(d), Skip: f.forgo(w)}}
}

// forgo tells why no evidence is taken of a worker; empty if nothing is against
// it. Another one's capture is not waited for: this worker has to go.
func (f *Fleet) forgo(w *Worker) string {
	if w.Tight != "" {
		return "it needs memory of its own: " + w.Tight
	}
	if !f.StopSince.IsZero() {
		return "rota was asked to end"
	}
	for _, o := range f.Workers {
		if o.ID != w.ID && !o.Capturing.IsZero() && !o.Captured {
			return fmt.Sprintf("another worker, %d, is being captured", o.ID)
		}
	}
	return ""
}

// numbers are those that led to a drain: its own, or those of the successor that
// was started before it.
func (f *Fleet) numbers(d Drain) string {
	if w := f.Find(d.ID); w != nil {
		if next := f.relief(w); next != nil && next.Trigger == d.Trigger && next.Reason != "" {
			return next.Reason
		}
	}
	return d.Reason
}
