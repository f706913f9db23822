package admin

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"time"

	"rota/policy"
	"rota/policy/verdict"
	"rota/supervisor"
	"rota/supervisor/admin/api"
)

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	st := s.current()
	if st == nil {
		refuse(w, http.StatusServiceUnavailable, "rota has only just begun")
		return
	}
	answer(w, st)
}

// current is the pool as it is now; nil before there is anything to tell.
func (s *Server) current() *api.Status {
	st := s.options.Pool.Status()
	if st == nil {
		return nil
	}
	return s.describe(st)
}

// answer sends a value as JSON.
func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	// An error means that the client has gone.
	_ = json.NewEncoder(w).Encode(value)
}

// refuse sends an api.Error.
func refuse(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(api.Error{Message: message})
}

// describe is a pool's state as the API tells it.
func (s *Server) describe(st *supervisor.Status) *api.Status {
	d := &api.Status{
		Time: st.Time.UTC(), Version: s.options.Version, PID: os.Getpid(), StartedAt: s.options.Started.UTC(),
		Desired: st.Desired, Ready: st.Ready, Alive: len(st.Workers), Accept: st.Accept, Generation: st.Generation,
		Listeners: s.listeners(), Memory: describeMemory(st), Container: describeContainer(st), Verdict: describeVerdict(st.Verdict, st.Causes),
		LastCapture: describeCapture(st.LastCapture),
		Cycles:      map[string]int{}, Paused: map[string]string{},
		Requests: s.requests(), Roll: describeRoll(st.Rolls.Current), Next: describeNext(st.Next),
		Workers: make([]api.Worker, len(st.Workers)),
	}
	d.Phase, d.Why = phase(st)
	for _, t := range policy.Triggers {
		d.Cycles[string(t)] = st.Cycles[t]
	}
	for t, why := range st.Paused {
		d.Paused[string(t)] = why
	}
	fronted := s.options.Pool.Front() != nil
	for i := range st.Workers {
		d.Workers[i] = describeWorker(&st.Workers[i], fronted)
	}
	slices.SortFunc(d.Workers, func(a, b api.Worker) int { return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.ID, b.ID)) })
	return d
}

// phase is the pool in a word, and what is missing.
func phase(st *supervisor.Status) (api.Phase, string) {
	switch {
	case st.Stopping:
		return api.PhaseStopping, "rota was asked to end"
	case st.Ready >= st.Desired && st.Desired > 0:
		return api.PhaseReady, ""
	case st.EverReady:
		return api.PhaseDegraded, st.Missing
	}
	return api.PhaseStarting, st.Missing
}

// listeners are asked for what waits now: the pool does not look.
func (s *Server) listeners() []api.Listener {
	all := []api.Listener{}
	sockets := s.options.Pool.Sockets()
	for _, socket := range sockets.Served() {
		l := api.Listener{Address: socket.Address().String()}
		if length, limit, ok := sockets.Queue(socket); ok {
			l.QueueLength, l.QueueLimit = &length, &limit
		}
		all = append(all, l)
	}
	return all
}

// requests are what the front knows now and what was counted; nil without a front.
func (s *Server) requests() *api.Requests {
	f := s.options.Pool.Front()
	if f == nil {
		return nil
	}
	now, recent := f.Stats(), s.options.History.Recent()
	r := &api.Requests{
		Queued: now.Queued, Connections: now.Connections,
		PerSecond: recent.PerSecond, P50Seconds: recent.P50Seconds, P99Seconds: recent.P99Seconds, WindowSeconds: recent.WindowSeconds,
	}
	r.Total, r.Cut, r.Shed = s.options.History.Totals()
	for _, w := range now.Workers {
		r.InFlight += w.InFlight
	}
	return r
}

func describeMemory(st *supervisor.Status) api.PoolMemory {
	m := api.PoolMemory{
		BudgetBytes: positive(st.Budget), LimitBytes: positive(st.MaxMemory), Metric: st.MemoryMetric,
	}
	sampled := false
	for i := range st.Workers {
		if w := &st.Workers[i]; w.Sampled {
			sampled = true
			m.RSSBytes += w.RSS
			m.PrivateBytes += w.Private
		}
	}
	m.TotalBytes = known(st.Memory, sampled && !slices.ContainsFunc(st.Workers, hidden))
	m.SharingRatio = known(sharing(st.Workers))
	return m
}

func describeContainer(st *supervisor.Status) api.Container {
	c := st.Container
	if c.Limit.Bytes <= 0 { // it could not be looked at
		return api.Container{}
	}
	count := func(n uint64) *int64 {
		m := int64(n)
		return &m
	}
	d := api.Container{
		Machine: c.Machine, LimitBytes: &c.Limit.Bytes, LimitSource: c.Limit.Source, UsageBytes: &c.Usage, WorkingSetBytes: &c.WorkingSet,
		UnreclaimableBytes: &c.Unreclaimable, SwapBytes: &c.Swap, OOMGroup: &c.OOMGroup,
		OOMKills: count(c.Events.OOMKill.Total()), OOMs: count(c.Events.OOM), Throttled: count(c.Events.High), LimitMet: count(c.Events.Max),
	}
	if p := c.Pressure; p.Known {
		d.Pressure = &api.Pressure{Source: p.Source, SomeSeconds: p.Some.Seconds(), FullSeconds: p.Full.Seconds()}
	}
	return d
}

func describeVerdict(v verdict.Verdict, causes []string) api.Verdict {
	d := api.Verdict{
		Kind: string(v.Kind), Why: v.Why, Causes: append([]string{}, causes...), Outliers: []api.Outlier{},
		GrowthBytesPerHour:      known(v.PerHour, v.PerHour > 0 || v.Kind != verdict.Unknown && v.Kind != ""),
		GrowthBytesPerRequest:   positive(v.PerRequest),
		GrowthBytesPerCPUSecond: positive(v.PerCPUSecond),
		SettlesBytes:            positive(v.Settles),
		SecondsToLimit:          positive(v.ToLimit.Seconds()),
		Agreeing:                v.Agreeing, Observed: v.Observed, Lives: v.Lives,
		ObservedSeconds: v.Age.Seconds(), Earlier: string(v.Earlier),
	}
	for _, o := range v.Outliers {
		d.Outliers = append(d.Outliers, api.Outlier{Slot: o.Slot, GrowthBytesPerHour: o.PerHour})
	}
	if d.Kind == "" {
		d.Kind = string(verdict.Unknown)
	}
	return d
}

func describeNext(n *policy.Next) *api.Next {
	if n == nil {
		return nil
	}
	return &api.Next{Slot: known(n.Slot, n.Slot >= 0), Trigger: string(n.Trigger), At: n.At.UTC()}
}

func describeWorker(w *supervisor.WorkerStatus, fronted bool) api.Worker {
	d := api.Worker{
		ID: w.ID, Slot: w.Slot, PID: w.PID, State: string(w.State), Generation: w.Generation, Trigger: string(w.Trigger),
		StartedAt: w.Started.UTC(), ReadyAt: moment(w.ReadyAt), DueAt: moment(w.Due),
		Memory: api.Memory{
			RSSBytes: known(w.RSS, w.Sampled), PSSBytes: known(w.PSS, w.Measured), PrivateBytes: known(w.Private, w.Sampled),
			SharedBytes: known(w.Shared, w.Measured), SharedCleanBytes: known(w.SharedClean, w.Measured), SharedDirtyBytes: known(w.SharedDirty, w.Measured),
			LazyFreeBytes: known(w.LazyFree, w.Measured), HugeBytes: known(w.HugePages, w.Measured), SwapBytes: known(w.Swap, w.Sampled),
			MinorFaults: known(w.MinorFaults, w.Sampled), MajorFaults: known(w.MajorFaults, w.Sampled), Denied: w.Denied,
			GrowthBytesPerSecond: w.Foreseen.Growth, LimitAt: moment(w.Foreseen.Reaches),
		},
		CPU: api.CPU{Seconds: known(w.CPU.Seconds(), w.Sampled), Cores: known(w.Cores, w.Timed)},
		// A worker that the front does not have yet, or any more, has nothing in its hands.
		InFlight: known(w.InFlight, fronted), Requests: known(w.Requests, fronted),
	}
	if last := w.LastCycle; last != nil {
		d.LastCycle = &api.LastCycle{Trigger: string(last.Trigger), Reason: last.Reason, At: last.At.UTC()}
	}
	if c := w.Capture; c != nil {
		d.Capture = &api.Capture{BeganAt: c.Began.UTC(), TimeoutSeconds: c.Timeout.Seconds()}
	}
	return d
}

func describeCapture(c *supervisor.LastCapture) *api.LastCapture {
	if c == nil {
		return nil
	}
	return &api.LastCapture{
		Slot: c.Slot, PID: c.PID, Trigger: string(c.Trigger), Result: c.Result, Why: c.Message,
		Path: known(c.Path, c.Path != ""), Bytes: c.Bytes, At: c.Began.Add(c.Duration).UTC(), Seconds: c.Duration.Seconds(),
	}
}

// known is a value, or null where there is none.
func known[T any](v T, is bool) *T {
	if !is {
		return nil
	}
	return &v
}

// positive is a number that 0 means the absence of.
func positive[T int64 | float64](v T) *T { return known(v, v > 0) }

// moment is a time that the zero time means the absence of.
func moment(t time.Time) *time.Time { return known(t.UTC(), !t.IsZero()) }
