package front_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"rota/listener/front"
)

// one lets a worker have one request at a time.
func one(c *front.Config) { c.MaxConcurrency = 1 }

func queue(n int) func(*front.Config) { return func(c *front.Config) { c.Queue = n } }

func expectShed(t *testing.T, a message, told told, why string) {
	t.Helper()
	expect(t, "code", a.code(), 503)
	if a.value("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	expect(t, "why", told.Shed, why)
	expect(t, "code told", told.Code, 503)
	expect(t, "slot told", told.Slot, front.NoSlot)
	expect(t, "failure told", told.Failure, "")
	expect(t, "cut told", told.Cut, false)
}

func TestQueueInOrder(t *testing.T) {
	r := start(t, one)
	w := holds(t, "a")
	r.add(1, 0, w.addr)
	clients := []*wire{r.begin(w, "/0")}
	for i := 1; i < 6; i++ {
		c := r.dial()
		c.send(request("GET", fmt.Sprintf("/%d", i), ""))
		r.awaitQueued(i)
		clients = append(clients, c)
	}
	for i, c := range clients {
		if i > 0 {
			expect(t, "next at the worker", receive(t, "the next request", w.got), fmt.Sprintf("/%d", i))
		}
		w.let <- struct{}{}
		expect(t, "code", c.answer("GET").code(), 200)
		if a := r.answer(); (a.Waited > 0) != (i > 0) || a.Waited > a.Duration {
			t.Errorf("request %d waited for %s of %s", i, a.Waited, a.Duration)
		}
	}
	expect(t, "queued", r.front.Stats().Queued, 0)
}

// What does not fit into the queue is told so at once, and may be tried again on
// the same connection.
func TestQueueFull(t *testing.T) {
	r := start(t, one, queue(1))
	w := holds(t, "a")
	r.add(1, 0, w.addr)
	first := r.begin(w, "/first")
	second := r.dial()
	second.send(request("GET", "/second", ""))
	r.awaitQueued(1)
	c := r.dial()
	for range 3 {
		expectShed(t, c.get("/third"), r.answer(), front.ShedFull)
		expectShed(t, c.post("/third", "body"), r.answer(), front.ShedFull)
	}
	w.let <- struct{}{}
	w.let <- struct{}{}
	expect(t, "first", first.answer("GET").code(), 200)
	expect(t, "second", second.answer("GET").code(), 200)
	expect(t, "at the worker", receive(t, "a request", w.got), "/second")
	expect(t, "more at the worker", len(w.got), 0)
	go func() { w.let <- struct{}{} }()
	expect(t, "third, again", c.get("/third").code(), 200)
}

func TestNoQueue(t *testing.T) {
	r := start(t, one, queue(0))
	w := holds(t, "a")
	r.add(1, 0, w.addr)
	for range 3 {
		c := r.begin(w, "/")
		expectShed(t, r.get("/"), r.answer(), front.ShedFull)
		w.let <- struct{}{}
		expect(t, "code", c.answer("GET").code(), 200)
		expect(t, "code told", r.answer().Code, 200)
	}
}

func TestQueueTimeout(t *testing.T) {
	r := start(t, one, func(c *front.Config) { c.QueueTimeout = shortly })
	w := holds(t, "a")
	r.add(1, 0, w.addr)
	c := r.begin(w, "/")
	began := time.Now()
	a := r.get("/")
	if took := time.Since(began); took < shortly {
		t.Errorf("shed after %s, before its time", took)
	}
	told := r.answer()
	expectShed(t, a, told, front.ShedTimeout)
	if told.Waited < shortly {
		t.Errorf("it waited for %s", told.Waited)
	}
	expect(t, "queued", r.front.Stats().Queued, 0)
	w.let <- struct{}{}
	expect(t, "code", c.answer("GET").code(), 200)
}

func TestNoWorkerReady(t *testing.T) {
	r := start(t, func(c *front.Config) { c.QueueTimeout = shortly })
	expectShed(t, r.get("/"), r.answer(), front.ShedUnready)
}

// Requests wait for the first worker, whatever it takes up to the timeout.
func TestWaitForFirstWorker(t *testing.T) {
	r := start(t)
	var clients []*wire
	for i := range 20 {
		c := r.dial()
		c.send(request("POST", "/", "x"))
		clients = append(clients, c)
		r.awaitQueued(i + 1)
	}
	r.add(1, 4, named(t, "a").addr)
	for _, c := range clients {
		expect(t, "body", c.answer("POST").body, "a")
		expect(t, "slot", r.answer().Slot, 4)
	}
}

// Whoever stops waiting leaves the queue, and no worker hears of it.
func TestClientLeavesQueue(t *testing.T) {
	r := start(t, one, queue(1))
	w := holds(t, "a")
	r.add(1, 0, w.addr)
	first := r.begin(w, "/first")
	for range 3 {
		c := r.dial()
		c.send(request("GET", "/gone", ""))
		r.awaitQueued(1)
		c.Close()
		r.awaitQueued(0)
		a := r.answer()
		expect(t, "code", a.Code, front.CodeClientGone)
		expect(t, "slot", a.Slot, front.NoSlot)
		expect(t, "shed", a.Shed, "")
		expect(t, "cut", a.Cut, false)
	}
	w.let <- struct{}{}
	expect(t, "first", first.answer("GET").code(), 200)
	go func() { w.let <- struct{}{} }()
	expect(t, "next", r.get("/next").code(), 200)
	expect(t, "at the worker", receive(t, "a request", w.got), "/next")
}

// A health check is neither shed nor does it wait behind anybody.
func TestHealthPath(t *testing.T) {
	r := start(t, one, queue(1), func(c *front.Config) { c.HealthPath = "/health" })
	gate := make(chan struct{})
	r.add(1, 0, serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			wait(t, gate)
		}
	}))
	first, second := r.dial(), r.dial()
	first.send(request("GET", "/first", ""))
	r.awaitInFlight(1, 1)
	second.send(request("GET", "/second", ""))
	r.awaitQueued(1)
	for _, target := range []string{"/health", "/health?verbose=1"} {
		expect(t, "health", r.get(target).code(), 200)
		a := r.answer()
		expect(t, "target told", a.target, target)
		expect(t, "waited", a.Waited, 0)
	}
	for _, target := range []string{"/", "/health/", "/healthy", "/x/health"} {
		expectShed(t, r.get(target), r.answer(), front.ShedFull)
	}
	close(gate)
	expect(t, "first", first.answer("GET").code(), 200)
	expect(t, "second", second.answer("GET").code(), 200)
}

// Without any worker a health check waits as all do, and comes first then.
func TestHealthPathComesFirst(t *testing.T) {
	r := start(t, one, queue(2), func(c *front.Config) { c.HealthPath = "/health" })
	for i := range 2 {
		r.dial().send(request("GET", "/", ""))
		r.awaitQueued(i + 1)
	}
	r.dial().send(request("GET", "/health", ""))
	r.awaitQueued(3)
	w := holds(t, "a")
	r.add(1, 0, w.addr)
	expect(t, "first at the worker", receive(t, "a request", w.got), "/health")
	close(w.let)
}

// A higher limit helps those that wait already.
func TestQueueConfigured(t *testing.T) {
	r := start(t, one)
	w := holds(t, "a")
	r.add(1, 0, w.addr)
	r.begin(w, "/first")
	r.dial().send(request("GET", "/second", ""))
	r.awaitQueued(1)
	c := defaults()
	c.MaxConcurrency = 2
	r.front.Configure(c)
	expect(t, "at the worker", receive(t, "a request", w.got), "/second")
	close(w.let)
}
