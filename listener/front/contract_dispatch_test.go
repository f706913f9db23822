package front_test

import (
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rota/listener/front"
)

// holding is a worker that answers a request with its name when it is let go.
type holding struct {
	addr string
	let  chan struct{}
	got  chan string // the target of each request, as it arrives
}

func holds(t *testing.T, name string) *holding {
	h := &holding{let: make(chan struct{}), got: make(chan string, 1000)}
	h.addr = serving(t, func(w http.ResponseWriter, r *http.Request) {
		h.got <- r.RequestURI
		select {
		case <-h.let:
		case <-r.Context().Done():
		case <-t.Context().Done():
		}
		_, _ = io.WriteString(w, name)
	})
	return h
}

// begin sends a request and waits until the worker has it.
func (r *rig) begin(h *holding, target string) *wire {
	r.Helper()
	c := r.dial()
	c.send(request("GET", target, ""))
	expect(r.TB, "the worker got", receive(r.TB, "a request at the worker", h.got), target)
	return c
}

func TestFewestInFlight(t *testing.T) {
	r := start(t)
	var workers [3]*holding
	for i := range workers {
		workers[i] = holds(t, strconv.Itoa(i))
		r.add(uint64(i+1), i, workers[i].addr)
	}
	inFlight := func() (all [3]int) {
		for i := range all {
			all[i] = r.worker(uint64(i + 1)).InFlight
		}
		return all
	}
	for n := 1; n <= 9; n++ {
		r.dial().send(request("GET", "/", ""))
		await(t, "one request more", func() bool { in := inFlight(); return in[0]+in[1]+in[2] == n })
		for i, k := range inFlight() {
			if k < n/3 || k > (n+2)/3 {
				t.Errorf("of %d requests worker %d has %d", n, i, k)
			}
		}
	}
	for range 2 {
		workers[1].let <- struct{}{}
	}
	r.awaitInFlight(2, 1)
	for n := 8; n <= 9; n++ { // the one with room gets both
		r.dial().send(request("GET", "/", ""))
		await(t, "one request more", func() bool { in := inFlight(); return in[0]+in[1]+in[2] == n })
		expect(t, "in flight", inFlight(), [3]int{3, n - 6, 3})
	}
}

func TestTiesInTurn(t *testing.T) {
	const workers, requests = 3, 300
	r := start(t)
	for i := range workers {
		r.add(uint64(i+1), i, named(t, strconv.Itoa(i)).addr)
	}
	shares := map[string]int{}
	c := r.dial()
	for range requests {
		shares[c.get("/").body]++
	}
	for name, n := range shares {
		if n < requests/workers-5 || n > requests/workers+5 {
			t.Errorf("worker %s got %d of %d requests", name, n, requests)
		}
	}
	expect(t, "workers with requests", len(shares), workers)
}

func TestRetiredGetsNone(t *testing.T) {
	r := start(t)
	one, two := named(t, "1"), named(t, "2")
	r.add(1, 0, one.addr)
	r.add(2, 1, two.addr)
	r.get("/")
	r.get("/")
	before := one.saw("")
	receive(t, "an idle worker", r.retire(1))
	for range 50 {
		expect(t, "answered by", r.get("/").body, "2")
	}
	expect(t, "requests at the retired one", one.saw(""), before)
}

func TestIdleOnceAllIsAnswered(t *testing.T) {
	r := start(t)
	old := holds(t, "old")
	r.add(1, 0, old.addr)
	a, b := r.begin(old, "/a"), r.begin(old, "/b")
	r.add(2, 0, named(t, "new").addr)
	idle := r.retire(1)
	for n := 2; n > 0; n-- {
		expect(t, "in flight", r.worker(1).InFlight, n)
		expect(t, "retired", r.worker(1).Retired, true)
		expect(t, "meanwhile", r.get("/").body, "new")
		select {
		case <-idle:
			t.Fatalf("told idle with %d requests left", n)
		default:
		}
		old.let <- struct{}{}
		r.awaitInFlight(1, n-1)
	}
	receive(t, "an idle worker", idle)
	expect(t, "answer", a.answer("GET").body, "old")
	expect(t, "answer", b.answer("GET").body, "old")
}

// The retired worker of which nothing is known is idle: the caller waits for that.
func TestIdleOfUnknown(t *testing.T) {
	r := start(t)
	receive(t, "an idle worker", r.retire(99))
	requests, upgrades := r.front.Cut(99)
	expect(t, "cut", requests+upgrades, 0)
	r.front.Remove(99, nil)
}

func TestMaxConcurrency(t *testing.T) {
	const workers, most, clients = 2, 3, 16
	r := start(t, func(c *front.Config) { c.MaxConcurrency = most })
	var now, peak [workers]atomic.Int64
	for i := range workers {
		r.add(uint64(i+1), i, serving(t, func(w http.ResponseWriter, r *http.Request) {
			n := now[i].Add(1)
			defer now[i].Add(-1)
			for p := peak[i].Load(); n > p && !peak[i].CompareAndSwap(p, n); p = peak[i].Load() {
			}
			<-time.After(time.Millisecond) // its work
		}))
	}
	var wg sync.WaitGroup
	for range clients {
		c := r.dial()
		wg.Go(func() {
			for range 25 {
				if err := c.trySend(request("POST", "/", "x")); err != nil {
					t.Error(err)
					return
				}
				if a, err := c.tryAnswer("POST"); err != nil || a.code() != 200 {
					t.Errorf("%q, %v", a.start, err)
					return
				}
			}
		})
	}
	wg.Wait()
	for i := range peak {
		if n := peak[i].Load(); n != most {
			t.Errorf("worker %d had up to %d requests at once, want %d", i, n, most)
		}
	}
}

// share is how many of the answers until then came from the worker of that name.
func share(t *testing.T, r *rig, name string, until <-chan time.Time) float64 {
	var of, all atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		c := r.dial()
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := c.trySend(request("GET", "/", "")); err != nil {
					t.Error(err)
					return
				}
				a, err := c.tryAnswer("GET")
				if err != nil || a.code() != 200 {
					t.Errorf("%q, %v", a.start, err)
					return
				}
				all.Add(1)
				if a.body == name {
					of.Add(1)
				}
			}
		})
	}
	<-until
	close(stop)
	wg.Wait()
	t.Logf("%s answered %d of %d", name, of.Load(), all.Load())
	return float64(of.Load()) / float64(max(1, all.Load()))
}

// A fresh worker's share rises from little to that of the others.
func TestSlowStart(t *testing.T) {
	const rise = 1500 * time.Millisecond
	slow := func(name string) string {
		return serving(t, func(w http.ResponseWriter, r *http.Request) {
			<-time.After(2 * time.Millisecond)
			_, _ = io.WriteString(w, name)
		})
	}
	r := start(t, func(c *front.Config) { c.SlowStart = rise })
	r.add(1, 0, slow("old"))
	expect(t, "the only one gets all", share(t, r, "old", time.After(rise)), 1)
	r.add(2, 1, slow("fresh"))
	warm := time.After(rise)
	if early := share(t, r, "fresh", time.After(rise/5)); early > 0.33 {
		t.Errorf("the fresh worker's first share is %.2f", early)
	} else if early == 0 {
		t.Error("the fresh worker has nothing to warm up with")
	}
	<-warm
	if late := share(t, r, "fresh", time.After(rise/3)); late < 0.4 || late > 0.6 {
		t.Errorf("the warm worker's share is %.2f", late)
	}
}

func TestMaxRequests(t *testing.T) {
	r := start(t, func(c *front.Config) { c.MaxRequests = 5 })
	r.add(7, 0, named(t, "a").addr)
	for i := range 20 {
		expect(t, "code", r.get("/").code(), 200) // it serves until it is retired
		if i < 4 {
			expect(t, "spent workers", len(r.spent), 0)
		}
	}
	expect(t, "spent", receive(t, "a spent worker", r.spent), 7)
	r.close()
	expect(t, "more spent workers", len(r.spent), 0)
	expect(t, "answers", len(r.answers), 20)
}
