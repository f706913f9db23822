package integration

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"rota/supervisor/admin/api"
	"rota/supervisor/admin/dashboard"
)

// scenario is a pool that a simulation plays.
type scenario struct {
	workers int
	shared  bool // every worker accepts for itself: nothing is known of requests
	limit   int64
	leak    float64 // bytes a second of a worker under the mean load
	group   int64   // limit of the container; 0 for a machine without one
	before  int     // seconds of history
	change  func(*api.Status)
}

// leaking is a pool as rota is made for.
var leaking = scenario{workers: 4, limit: 200 * mib, leak: 1.1 * mib, group: 1024 * mib, before: 3600}

// simulation is a pool that is not there: it serves the dashboard, and what the
// dashboard asks for, and its time goes as fast as a test wants.
type simulation struct {
	scenario
	random *rand.Rand
	next   uint64 // id of an event or a worker
	hangUp func() // on all clients

	mu      sync.Mutex
	status  api.Status
	history api.History
	events  []api.Event
	clients map[chan message]bool
}

// message is one of the stream of events.
type message struct {
	name string
	id   uint64
	data any
}

// simulate plays the scenario's past, up to now.
func simulate(s scenario) *simulation {
	now := time.Now().Truncate(time.Second).Add(-time.Duration(s.before) * time.Second)
	m := &simulation{scenario: s, random: rand.New(rand.NewPCG(1, 2)), clients: map[chan message]bool{}}
	queue, most := 0, 4096
	m.status = api.Status{
		Time: now, Version: "1.0.0", PID: 4711, StartedAt: now.Add(-26 * time.Hour), Phase: api.PhaseReady,
		Desired: s.workers, Ready: s.workers, Accept: "front", Generation: 3, Paused: map[string]string{}, Cycles: map[string]int{"memory": 212, "age": 3, "crash": 0},
		Listeners: []api.Listener{{Address: "0.0.0.0:8080", QueueLength: &queue, QueueLimit: &most}},
		Verdict: api.Verdict{
			Kind: "leak", Why: "4 of 4 lives grew evenly with the requests and none slowed down", GrowthBytesPerHour: new(s.leak * 3600),
			GrowthBytesPerRequest: new(s.leak / 25), SecondsToLimit: new(97.0),
		},
		Requests: &api.Requests{Total: 4_812_334, Cut: 3, Shed: 1210, WindowSeconds: 10},
	}
	if s.limit > 0 {
		m.status.Memory.LimitBytes = new(s.limit)
	}
	if s.shared {
		m.status.Accept, m.status.Requests = "shared", nil
	}
	for slot := range s.workers {
		m.status.Workers = append(m.status.Workers, m.fresh(slot, now.Add(-time.Duration(slot*97/s.workers)*time.Second)))
	}
	for range s.before {
		m.step()
	}
	if s.change != nil {
		s.change(&m.status)
	}
	return m
}

func (m *simulation) fresh(slot int, began time.Time) api.Worker {
	m.next++
	w := api.Worker{
		ID: m.next, Slot: slot, PID: 20000 + int(m.next), State: "ready", Generation: m.status.Generation, StartedAt: began, ReadyAt: &began,
		CPU: api.CPU{Cores: new(0.2)},
	}
	if !m.shared {
		w.Requests, w.InFlight = new(int64), new(int)
	}
	return w
}

const simulatedBase, simulatedShared = 48 * mib, 14 * mib

// step is a second of the pool, of which every client hears.
func (m *simulation) step() {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.status
	s.Time = s.Time.Add(time.Second)
	load := 1 + 0.4*math.Sin(float64(s.Time.Unix())/240) + 0.06*m.random.NormFloat64()
	workers := append([]api.Worker(nil), s.Workers...) // what was sent is still being written
	point := api.Point{Time: s.Time, Seconds: 1, Ready: s.Ready}
	var private, rss int64
	for i := range workers {
		w := &workers[i]
		m.grow(w, load)
		if m.limit > 0 && *w.Memory.PrivateBytes > m.limit*97/100 {
			m.cycle(w)
			m.grow(w, load)
		}
		private += *w.Memory.PrivateBytes
		rss += *w.Memory.RSSBytes
		point.Workers = append(point.Workers, api.SlotPoint{Slot: w.Slot, ID: w.ID, PrivateBytes: *w.Memory.PrivateBytes, SharedBytes: simulatedShared, RSSBytes: *w.Memory.RSSBytes})
	}
	s.Workers, s.Alive = workers, len(workers)
	total := private + 2*simulatedShared
	s.Memory = api.PoolMemory{TotalBytes: &total, RSSBytes: rss, PrivateBytes: private, SharingRatio: new(0.21), LimitBytes: s.Memory.LimitBytes, Metric: "private"}
	s.Container = api.Container{Machine: m.group == 0, UnreclaimableBytes: new(total + 21*mib), UsageBytes: new(total + 90*mib), LimitBytes: new(int64(16 << 30)), OOMKills: new(int64(0))}
	if m.group > 0 {
		s.Container.LimitBytes = new(m.group)
		s.Memory.BudgetBytes = new(m.group * 9 / 10)
	}
	m.requests(load, &point)
	point.TotalBytes, point.ContainerBytes, point.LimitBytes = &total, s.Container.UsageBytes, s.Container.LimitBytes
	m.history.Points = append(m.history.Points, point)
	if m.change != nil {
		m.change(s)
	}
	m.tell(message{name: api.StreamStatus, data: *s})
}

// grow is a worker's second.
func (m *simulation) grow(w *api.Worker, load float64) {
	age := m.status.Time.Sub(w.StartedAt).Seconds()
	leak := m.leak * (1 + 0.25*math.Sin(float64(w.Slot)))
	private := int64(simulatedBase + leak*age + 2e5*m.random.NormFloat64())
	w.Memory = api.Memory{
		PrivateBytes: &private, RSSBytes: new(private + 3*simulatedShared), PSSBytes: new(private + simulatedShared),
		SharedBytes: new(int64(3 * simulatedShared)), GrowthBytesPerSecond: leak,
	}
	if m.limit > 0 && leak > 0 {
		at := m.status.Time.Add(time.Duration(float64(m.limit-private) / leak * float64(time.Second)))
		w.Memory.LimitAt = &at
	}
	w.CPU.Cores = new(0.2 * load)
	if !m.shared {
		w.Requests, w.InFlight = new(*w.Requests+int64(25*load)), new(int(7*load))
	}
}

func (m *simulation) cycle(w *api.Worker) {
	now := m.status.Time
	reason := fmt.Sprintf("private memory %d MiB, limit %d MiB reached within 3 s", *w.Memory.PrivateBytes/mib, m.limit/mib)
	old := *w
	*w = m.fresh(w.Slot, now)
	w.Trigger, w.LastCycle = "memory", &api.LastCycle{Trigger: "memory", Reason: reason, At: now}
	m.history.Marks = append(m.history.Marks, api.Mark{Time: now, Slot: w.Slot, Trigger: "memory", Reason: reason})
	cycles := map[string]int{"memory": m.status.Cycles["memory"] + 1, "age": 3, "crash": 0}
	m.status.Cycles = cycles
	for _, e := range []api.Event{
		{Kind: "cycle began", Trigger: "memory", Reason: reason, PID: old.PID},
		{Kind: "worker started", PID: w.PID, Trigger: "memory"},
		{Kind: "worker ready", PID: w.PID, Seconds: 0.41},
		{Kind: "cycle done", Trigger: "memory", Reason: reason},
		{Kind: "worker draining", PID: old.PID},
		{Kind: "worker exited", PID: old.PID, Exit: "drained", Status: "exit code 0", Seconds: 0.33},
	} {
		m.next++
		e.ID, e.Time, e.Level, e.Slot, e.Generation = m.next, now, "info", new(w.Slot), 3
		e.Ready, e.Desired, e.Alive = m.workers, m.workers, m.workers
		m.events = append(m.events, e)
		m.tell(message{api.StreamEvent, e.ID, e})
	}
	if len(m.events) > 1000 {
		m.events = m.events[500:]
	}
}

func (m *simulation) requests(load float64, p *api.Point) {
	queue := max(0, int(3*m.random.NormFloat64()))
	p.AcceptQueue = queue
	m.status.Listeners = []api.Listener{{Address: "0.0.0.0:8080", QueueLength: &queue, QueueLimit: new(4096)}}
	if m.shared {
		return
	}
	r := *m.status.Requests
	n := max(0, float64(25*m.workers)*load)
	r.Total += int64(n)
	shed := int64(max(0, 8*(load-1.42)*float64(m.workers)))
	r.Shed += shed
	r.PerSecond, r.InFlight, r.Queued, r.Connections = n, int(7*load)*m.workers, int(max(0, 20*(load-1.3))), 64
	r.P50Seconds, r.P99Seconds = new(0.031*load), new(0.094*load*load*(1+0.1*math.Abs(m.random.NormFloat64())))
	m.status.Requests = &r
	p.Requests, p.Shed, p.Cut = &n, new(float64(shed)), new(0.0)
	p.InFlight, p.Queued, p.P50Seconds, p.P99Seconds = &r.InFlight, &r.Queued, r.P50Seconds, r.P99Seconds
}

// tell waits for a client that is slow: each is to hear of each second.
func (m *simulation) tell(x message) {
	for c := range m.clients {
		c <- x
	}
}

// serve answers as an admin address does.
func (m *simulation) serve(t testing.TB) string {
	t.Helper()
	mux := http.NewServeMux()
	dashboard.New(func() *api.Status {
		m.mu.Lock()
		defer m.mu.Unlock()
		s := m.status
		return &s
	}).Mount(mux)
	mux.HandleFunc("GET /v1/history", func(w http.ResponseWriter, _ *http.Request) {
		m.mu.Lock()
		h := m.history
		m.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(h)
	})
	mux.HandleFunc("GET /v1/events", m.stream)
	server := httptest.NewServer(mux)
	m.hangUp = server.CloseClientConnections
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	return server.URL
}

func (m *simulation) stream(w http.ResponseWriter, r *http.Request) {
	c := make(chan message, 100)
	last, _ := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
	m.mu.Lock()
	missed := append([]api.Event(nil), m.events...)
	status := m.status
	m.clients[c] = true
	m.mu.Unlock()
	defer m.leave(c)
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "retry: 100\n\n")
	for _, e := range missed {
		if e.ID > last {
			deliver(w, message{api.StreamEvent, e.ID, e})
		}
	}
	deliver(w, message{name: api.StreamStatus, data: status})
	for {
		select {
		case x := <-c:
			deliver(w, x)
		case <-r.Context().Done():
			return
		}
	}
}

// leave lets tell find nobody waiting for.
func (m *simulation) leave(c chan message) {
	gone := make(chan struct{})
	go func() {
		for {
			select {
			case <-c:
			case <-gone:
				return
			}
		}
	}()
	m.mu.Lock()
	delete(m.clients, c)
	m.mu.Unlock()
	close(gone)
}

func deliver(w http.ResponseWriter, x message) {
	data, err := json.Marshal(x.data)
	if err != nil {
		panic(err)
	}
	if x.id > 0 {
		fmt.Fprintf(w, "id: %d\n", x.id)
	}
	fmt.Fprintf(w, "event: %s\ndata: %s\n\n", x.name, data)
	w.(http.Flusher).Flush()
}

func (m *simulation) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status.Time
}
