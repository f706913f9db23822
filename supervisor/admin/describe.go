package admin

import (
	"rota/policy"
	"rota/supervisor"
	"rota/supervisor/admin/api"
)

// describeRolls is the pool's rolls as the API tells them.
func (s *Server) describeRolls() *api.Rolls {
	all := &api.Rolls{History: []api.Roll{}}
	st := s.options.Pool.Status()
	if st == nil {
		return all
	}
	all.Current = describeRoll(st.Rolls.Current)
	for i := range st.Rolls.Ended {
		ended := &st.Rolls.Ended[i]
		r := rollOf(&ended.Roll, ended.Of)
		r.EndedAt, r.Result, r.Why = moment(ended.Ended), string(ended.Result), ended.Why
		all.History = append(all.History, r)
	}
	return all
}

// describeRoll is the roll under way; nil without one.
func describeRoll(r *supervisor.Roll) *api.Roll {
	if r == nil {
		return nil
	}
	d := rollOf(&r.Roll, r.Total)
	return &d
}

func rollOf(r *policy.Roll, total int) api.Roll {
	return api.Roll{
		ID: r.ID, Trigger: string(r.Trigger), Reason: r.Reason, Generation: r.Generation, BeganAt: r.Began.UTC(),
		Paused: r.Paused, Replaced: r.Replaced, Total: total,
	}
}

// explanation says what would cycle the worker of a slot. The errors are those of
// supervisor.Explain.
func (s *Server) explanation(slot int) (*api.Explanation, error) {
	e, err := s.options.Pool.Explain(slot)
	if err != nil {
		return nil, err
	}
	d := &api.Explanation{
		Worker:   describeWorker(&e.Worker, s.options.Pool.Front() != nil),
		Triggers: []api.Cause{}, Held: []api.Hold{},
		Settings: api.Settings{MaxSurge: e.MaxSurge, MaxUnavailable: e.MaxUnavailable},
		Verdict:  describeVerdict(e.Verdict, e.Reasons),
	}
	for _, c := range e.Causes {
		numbers := c.Unit != ""
		d.Triggers = append(d.Triggers, api.Cause{
			Trigger: string(c.Trigger), Off: c.Off, Due: c.Due, Text: c.Text,
			Now: known(c.Now, numbers), Limit: known(c.Limit, numbers), Unit: c.Unit, At: moment(c.At),
		})
	}
	for _, h := range e.Held {
		d.Held = append(d.Held, api.Hold{By: string(h.By), Text: h.Text})
	}
	return d, nil
}
