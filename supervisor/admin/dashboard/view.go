package dashboard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rota/supervisor/admin/api"
)

// view is what page.html is filled with: words, and positions in percent.
// web/view.js makes the same of later states.
type view struct {
	Version  string
	Title    string
	Phase    api.Phase
	Headline string
	Why      string
	Time     string
	Facts    []pair
	Traffic  []pair // what charts show where there is a script
	Verdict  verdict
	Bar      bar
	Roll     *roll
	Notices  []string
	Rows     []row
	Total    row
	Desired  int
}

// pair is a number with what it is of.
type pair struct{ Name, Value, Hover string }

type verdict struct {
	Kind, Name, Why string
	Numbers         []pair
}

type roll struct {
	Text, Command   string
	Replaced, Total int
}

func viewOf(s *api.Status) view {
	if s == nil {
		s = &api.Status{Phase: api.PhaseStarting}
	}
	v := view{
		Version: s.Version, Phase: s.Phase, Headline: headline(s), Why: s.Why, Facts: facts(s), Traffic: traffic(s),
		Verdict: verdictOf(s), Bar: barOf(s), Roll: rollOf(s.Roll), Notices: notices(s), Desired: s.Desired,
	}
	v.Title = fmt.Sprintf("%d/%d rota %s", s.Ready, s.Desired, addresses(s))
	if !s.Time.IsZero() {
		v.Time = s.Time.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	for _, w := range s.Workers {
		v.Rows = append(v.Rows, rowOf(s, w))
	}
	v.Total = totalOf(s)
	return v
}

func headline(s *api.Status) string {
	ready := fmt.Sprintf("%d of %s", s.Ready, plural(s.Desired, "worker", "workers"))
	switch s.Phase {
	case api.PhaseStarting:
		if s.Desired == 0 {
			return "Starting"
		}
		return "Starting: " + ready + " ready"
	case api.PhaseStopping:
		return "Stopping: " + plural(s.Alive, "worker is", "workers are") + " left"
	case api.PhaseDegraded:
		return "Degraded: " + ready + " ready"
	}
	return ready + " ready"
}

func addresses(s *api.Status) string {
	var all []string
	for _, l := range s.Listeners {
		all = append(all, l.Address)
	}
	return strings.Join(all, ", ")
}

func facts(s *api.Status) []pair {
	if s.Time.IsZero() {
		return nil
	}
	f := []pair{{"Serves", or(addresses(s)), ""}}
	accepts := map[string]string{"front": "by rota, in front", "shared": "by the workers", "steered": "by the workers, steered"}[s.Accept]
	if accepts == "" {
		accepts = s.Accept
	}
	f = append(f, pair{"Accepted", or(accepts), "--accept " + s.Accept}, pair{"Generation", fmt.Sprint(s.Generation), ""},
		pair{"Up", between(s.StartedAt, s.Time), s.StartedAt.UTC().Format(time.RFC3339)},
		pair{"Cycles", cycles(s), ""}, pair{"Next cycle", next(s), ""}, pair{"Last evidence", evidence(s), evidencePath(s)},
		pair{"rota", strings.TrimSpace(s.Version + " pid " + fmt.Sprint(s.PID)), ""})
	return f
}

func or(text string) string {
	if text == "" {
		return unknown
	}
	return text
}

// traffic is what comes in, and what becomes of it.
func traffic(s *api.Status) (all []pair) {
	for _, l := range s.Listeners {
		if l.QueueLength != nil {
			all = append(all, pair{"Waiting at " + l.Address, count(int64(*l.QueueLength)), ""})
		}
	}
	r := s.Requests
	if r == nil {
		return all
	}
	return append(all, pair{"Waiting for a worker", count(int64(r.Queued)), ""},
		pair{"Requests", rate(r.PerSecond) + "/s", ""}, pair{"Latency p50", latency(r.P50Seconds), ""}, pair{"Latency p99", latency(r.P99Seconds), ""},
		pair{"Shed so far", count(r.Shed), ""}, pair{"Cut so far", count(r.Cut), ""})
}

// cycles are those so far, the most frequent cause first.
func cycles(s *api.Status) string {
	var names []string
	for name, n := range s.Cycles {
		if n > 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := s.Cycles[b] - s.Cycles[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", s.Cycles[name], name)
	}
	if len(names) == 0 {
		return "none yet"
	}
	return strings.Join(names, ", ")
}

func next(s *api.Status) string {
	if s.Next == nil {
		return "none foreseen"
	}
	who := "all"
	if s.Next.Slot != nil {
		who = fmt.Sprintf("slot %d", *s.Next.Slot)
	}
	return fmt.Sprintf("%s, %s, in %s", who, s.Next.Trigger, between(s.Time, s.Next.At))
}

// evidence is what became of the last that was taken, and where it is.
func evidence(s *api.Status) string {
	c := s.LastCapture
	if c == nil {
		return "none"
	}
	what := size(float64(c.Bytes))
	if c.Result != api.CaptureDone {
		what = c.Result + ": " + c.Why
	}
	return fmt.Sprintf("slot %d, %s ago: %s", c.Slot, between(c.At, s.Time), what)
}

func evidencePath(s *api.Status) string {
	if c := s.LastCapture; c != nil && c.Path != nil {
		return *c.Path
	}
	return ""
}

// verdictOf says what the memory does.
func verdictOf(s *api.Status) verdict {
	v := s.Verdict
	name := map[string]string{"steady": "Steady", "bloat": "Bloat", "leak": "Leak"}[v.Kind]
	if name == "" {
		name = "Not known yet"
	}
	d := verdict{Kind: v.Kind, Name: name, Why: v.Why}
	add := func(name, value string) { d.Numbers = append(d.Numbers, pair{Name: name, Value: value}) }
	if v.GrowthBytesPerHour != nil {
		add("Growth of a worker", size(*v.GrowthBytesPerHour)+"/h")
	}
	if v.GrowthBytesPerRequest != nil {
		add("With each request", size(*v.GrowthBytesPerRequest))
	}
	if v.GrowthBytesPerCPUSecond != nil {
		add("With each second of CPU", size(*v.GrowthBytesPerCPUSecond))
	}
	if v.SettlesBytes != nil {
		add("Settles at", size(float64(*v.SettlesBytes)))
	}
	if v.SecondsToLimit != nil {
		add("Limit reached in", span(*v.SecondsToLimit))
	}
	if len(v.Causes) > 0 {
		add("Causes", strings.Join(v.Causes, "; "))
	}
	return d
}

func rollOf(r *api.Roll) *roll {
	if r == nil {
		return nil
	}
	d := &roll{Replaced: r.Replaced, Total: r.Total, Command: "rota roll pause"}
	d.Text = fmt.Sprintf("Roll %d to generation %d: %d of %d replaced", r.ID, r.Generation, r.Replaced, r.Total)
	if r.Reason != "" {
		d.Text += " (" + r.Reason + ")"
	}
	if r.Paused {
		d.Text, d.Command = d.Text+", paused", "rota roll resume"
	}
	return d
}

// notices are what somebody should look at, in the order of their names.
func notices(s *api.Status) (all []string) {
	var paused []string
	for trigger := range s.Paused {
		paused = append(paused, trigger)
	}
	slices.Sort(paused)
	for _, trigger := range paused {
		all = append(all, fmt.Sprintf("Cycles for %s are paused: %s", trigger, s.Paused[trigger]))
	}
	if n := s.Container.OOMKills; n != nil && *n > 0 {
		all = append(all, fmt.Sprintf("The kernel has killed %s for memory.", plural(int(*n), "process", "processes")))
	}
	return all
}
