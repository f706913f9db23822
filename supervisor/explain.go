package supervisor

import (
	"time"

	"rota/policy"
	"rota/policy/verdict"
)

// Explanation says what would cycle a worker, and what keeps that from beginning.
type Explanation struct {
	Worker WorkerStatus
	policy.Explanation
	MaxSurge       int
	MaxUnavailable int
	// Verdict and Reasons are as in Status.
	Verdict verdict.Verdict
	Reasons []string
}

// Explain tells of the worker that serves a slot, or is about to, what policy goes
// by. The error is ErrNoWorker if the slot has none.
func (s *Supervisor) Explain(slot int) (e Explanation, err error) {
	err = ErrStopping
	s.ask(func() { e, err = s.explain(slot, time.Now()) })
	return e, err
}

func (s *Supervisor) explain(slot int, now time.Time) (e Explanation, err error) {
	w := s.fleet.Serving(slot)
	for i := range s.fleet.Workers {
		if o := &s.fleet.Workers[i]; w == nil && o.Slot == slot {
			w = o
		}
	}
	if w == nil {
		return e, noWorker(slot)
	}
	c := s.config.Policy
	e = Explanation{MaxSurge: c.MaxSurge, MaxUnavailable: c.MaxUnavailable}
	e.Verdict, e.Reasons = s.judgement()
	s.describe(w, &e.Worker)
	requests := int64(-1)
	if s.front != nil {
		s.load(&e.Worker, s.loads())
		requests = e.Worker.Requests
	}
	e.Explanation = policy.Explain(c, now, s.fleet, w.ID, requests)
	return e, nil
}
