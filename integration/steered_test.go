package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
	"rota/supervisor/admin/api"
)

// newWays are clients that make a connection for each request, keptWays such that
// use one for all.
var (
	newWays  = []load.Kind{{Name: "new GET"}, {Name: "new POST 64 KiB", Body: 64 << 10}}
	keptWays = []load.Kind{{Name: "kept GET", Keep: true}, {Name: "kept POST 1 KiB", Body: 1 << 10, Keep: true}}
)

// closedMeanwhile is how a request may be lost that a client sends on a kept
// connection just when the worker closes it. No server without a front in its way
// can know better.
var closedMeanwhile = []string{"send: reset", "answer: closed unanswered", "answer: reset"}

// steered starts a pool whose workers are steered to.
func steered(t *testing.T, workers int, flags, command []string) *pool {
	t.Helper()
	args := []string{"--accept", "steered", "-w", strconv.Itoa(workers), "--min-uptime", "0s"}
	p := start(t, slices.Concat(args, flags, []string{"--"}, command), quiet(t))
	p.awaitKind("pool ready", 1)
	if accept := p.status().Accept; accept != "steered" {
		t.Fatalf("the pool accepts %s: %v", accept, p.warnings())
	}
	return p
}

// status is what the pool says of itself.
func (p *pool) status() *api.Status {
	p.t.Helper()
	st, err := api.NewClient(p.control()).Status(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return st
}

// warnings are what the pool warned of.
func (p *pool) warnings() []event {
	return slices.DeleteFunc(p.history(), func(e event) bool { return e.str("@level") != "warn" })
}

// nothingNewLost checks that every request on a connection of its own was answered,
// or lost in a way that is known, and that the others were lost in no way but one.
func nothingNewLost(t *testing.T, c *load.Clients, known ...string) {
	t.Helper()
	for _, k := range c.Ways {
		got, may := c.Tallies[k.Name], known
		if k.Keep {
			may = append(slices.Clone(known), closedMeanwhile...)
		}
		for _, f := range got.Failed {
			if !slices.Contains(may, f.Why) {
				t.Errorf("lost: %s", f)
			}
		}
		if got.Answered == 0 {
			t.Errorf("%s: none was answered: that is no load", k.Name)
		}
		t.Logf("%-16s %s %v", k.Name, got, got.Lost)
	}
}

// TestSteeredLoss rolls servers of which most do nothing about the stop signal.
// What comes on a new connection is never lost, neither when workers are replaced
// nor, but for being refused, when all end.
func TestSteeredLoss(t *testing.T) {
	t.Parallel()
	atOnce := []string{"--max-surge", "0", "--max-unavailable", "1"}
	tests := []struct {
		name    string
		workers int
		cycles  int
		flags   []string
		command func(t *testing.T, port string) []string
		race    bool // run it with the race detector too, which makes all of this slow
	}{
		{"go without a handler", 2, 24, nil, unmodifiedNamed("static go"), true},
		{"one alone, stopped first", 1, 8, atOnce, unmodifiedNamed("static go"), true},
		{"node without a handler", 2, 12, nil, unmodifiedNamed("node"), false},
		{"flask's own server", 2, 6, nil, unmodifiedNamed("flask"), false},
		{"gunicorn with 4 children", 2, 4, nil, gunicorn("--workers", "4"), false},
		{"behind a shell", 2, 4, nil, unmodifiedNamed("behind a shell"), false},
		{"npm start", 2, 2, nil, unmodifiedNamed("npm start"), false},
	}
	for _, test := range tests {
		if os.Getenv("TEST_RACE") != "" && !test.race {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			p := steered(t, test.workers, test.flags, test.command(t, strconv.Itoa(port)))
			c := &load.Clients{Addr: fmt.Sprintf("127.0.0.1:%d", port), Of: 2, Pause: 20 * time.Millisecond, Ways: slices.Concat(newWays, keptWays)}
			begin(t, c)
			for rolled := range test.cycles / test.workers {
				p.signal(syscall.SIGHUP)
				p.awaitKind("roll done", rolled+1)
			}
			p.await("the last cycle", test.cycles, cycleDone("generation"))
			c.Halt()
			nothingNewLost(t, c)
			if test.flags == nil {
				p.neverBelow(test.workers)
			}
			begin(t, c)
			eventually(t, "all are answered", func() bool { return c.Answered() > 10*c.Of*len(c.Ways) })
			if code := p.stop(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			c.Halt()
			nothingNewLost(t, c, "connect: refused")
			for _, kind := range []string{"worker crashed", "start failed", "roll failed", "worker killed"} {
				if n := p.count(kind); n > 0 {
					t.Errorf("%d times %q", n, kind)
				}
			}
		})
	}
}

// handoffs are the ways in which a steered worker gets its socket.
var handoffs = map[string]func(addr string) (flags, command []string){
	"adopt": func(addr string) ([]string, []string) {
		return []string{"--handoff", "adopt"}, []string{"-addr", addr}
	},
	"inherit": func(addr string) ([]string, []string) {
		return []string{"--handoff", "inherit", "--listen", addr}, []string{"-inherit"}
	},
}

// TestSteeredCrash kills one worker after another under load. Only what was in
// its hands is lost, and what waited at its seat goes on.
func TestSteeredCrash(t *testing.T) {
	t.Parallel()
	const workers, kills = 2, 6
	for name, handoff := range handoffs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
			flags, args := handoff(addr)
			p := steered(t, workers, flags, slices.Concat([]string{goServer(t)}, args))
			c := &load.Clients{Addr: addr, Of: 4, Pause: 5 * time.Millisecond, Hold: "0.02", Ways: newWays}
			begin(t, c)
			most := c.Of * len(c.Ways)
			var killed []time.Time
			for i := range kills {
				answered := c.Answered()
				eventually(t, "every client was answered again", func() bool { return c.Answered() >= answered+4*most })
				killed = append(killed, time.Now())
				if err := syscall.Kill(p.workers()[i%workers], syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				p.awaitKind("worker crashed", i+1)
				p.awaitKind("worker ready", workers+i+1)
			}
			answered := c.Answered()
			eventually(t, "every client was answered again", func() bool { return c.Answered() >= answered+4*most })
			c.Halt()
			lost := make([]int, kills)
			for _, f := range c.Failures() {
				i := slices.IndexFunc(killed, func(at time.Time) bool { return !f.Ended.Before(at) && f.Began.Before(at) })
				if i < 0 {
					t.Errorf("not in the hands of a worker that was killed: %s", f)
					continue
				}
				lost[i]++
			}
			for i, n := range lost {
				if n > most {
					t.Errorf("%d lost with kill %d, of %d clients", n, i, most)
				}
			}
			t.Logf("%d answered, lost with each kill: %v", c.Answered(), lost)
		})
	}
}

// TestSteeredQueue has connections wait at the seat of a worker that does not
// take them, and ends it: somebody else does.
func TestSteeredQueue(t *testing.T) {
	t.Parallel()
	tests := map[string]func(p *pool, pid int){
		// Who comes in its place takes its seat over.
		"crash": func(p *pool, pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) },
		// Its successor has a seat already, and nobody else comes: what waits is handed on.
		"cycle": func(p *pool, pid int) {
			if err := api.NewClient(p.control()).Cycle(p.t.Context(), 0); err != nil {
				p.t.Error(err)
			}
			p.await("the worker is killed", 1, func(e event) bool { return e.is("worker killed") && e.num("pid") == pid })
		},
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const requests = 24
			addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
			p := steered(t, 2, []string{"--drain-timeout", "500ms", "--stop-timeout", "500ms"}, []string{goServer(t), "-addr", addr})
			pid := p.workers()[0]
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			// One of its threads tells the others, when it has a processor; until then they
			// go on and may accept what they never answer.
			eventually(t, "all of the worker has stopped", func() bool { return allStopped(pid) })
			var wg sync.WaitGroup
			var answered atomic.Int64
			for range requests {
				wg.Go(func() {
					if _, err := load.Get(addr, "/"); err != nil {
						t.Errorf("lost: %v", err)
						return
					}
					answered.Add(1)
				})
			}
			waiting := 0
			eventually(t, "each is answered or waits", func() bool {
				values, _ := p.scrape()
				waiting = int(values[fmt.Sprintf("rota_listener_accept_queue_length{listener=%q}", addr)])
				return waiting > 0 && int(answered.Load())+waiting == requests
			})
			end(p, pid)
			wg.Wait()
			t.Logf("%d of %d waited", waiting, requests)
			if n := p.cut(); n != 0 {
				t.Errorf("%v requests were cut, as rota counts them", n)
			}
		})
	}
}

// allStopped tells whether each thread of a process is stopped.
func allStopped(pid int) bool {
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, file := range stats {
		if text := strings.Join(lines(file), ""); !strings.HasPrefix(text[strings.LastIndexByte(text, ')')+1:], " T ") {
			return false
		}
	}
	return len(stats) > 0
}

// TestSteeredDrain cycles a worker that has a request in its hands: it gets the
// signal when that is answered, or when its time is over, and then it is counted.
func TestSteeredDrain(t *testing.T) {
	t.Parallel()
	ask := func(t *testing.T, hold, drain time.Duration) (p *pool, answered chan error) {
		addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
		p = steered(t, 1, []string{"--drain-timeout", drain.String()}, []string{goServer(t), "-addr", addr})
		answered = make(chan error, 1)
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer conn.Close()
			_, err := load.Exchange(conn, addr, fmt.Sprintf("/?hold=%v", hold.Seconds()))
			answered <- err
		}()
		if err := api.NewClient(p.control()).Cycle(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		return p, answered
	}
	t.Run("in time", func(t *testing.T) {
		t.Parallel()
		p, answered := ask(t, 2*time.Second, patience)
		if err := <-answered; err != nil {
			t.Errorf("not answered: %v", err)
		}
		if e := p.awaitKind("worker exited", 1); e.str("exit") != "drained" || p.cut() != 0 {
			t.Errorf("%v, and %v cut", e, p.cut())
		}
	})
	t.Run("too long", func(t *testing.T) {
		t.Parallel()
		p, answered := ask(t, patience/2, 200*time.Millisecond)
		if err := <-answered; err == nil {
			t.Error("answered, although the server dies of the signal")
		}
		if e := p.awaitKind("worker exited", 1); e.num("cut") != 1 || p.cut() != 1 {
			t.Errorf("%v, and %v cut, want 1", e, p.cut())
		}
	})
}

// TestSteeredSlowStart has a fresh worker get fewer connections than one which has
// warmed up, and as many in the end.
func TestSteeredSlowStart(t *testing.T) {
	t.Parallel()
	const rise = 4 * time.Second
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p := steered(t, 2, []string{"--slow-start", rise.String()}, []string{goServer(t), "-addr", addr})
	ready := p.awaitKind("pool ready", 1).at(t)
	// share is how many of the requests that began until then the worker answered.
	share := func(pid int, until time.Time) (part float64, of int) {
		own := 0
		for ; of < 50 || time.Now().Before(until); of++ {
			body, err := load.Get(addr, "/")
			if err != nil {
				t.Fatal(err)
			}
			a, err := parseAnswer(body)
			if err != nil {
				t.Fatal(err)
			}
			if a.pid == pid {
				own++
			}
			if of > 2000 && time.Now().After(until) {
				break
			}
			time.Sleep(2 * time.Millisecond) // or the workers would get no processor
		}
		return float64(own) / float64(of), of
	}
	old := p.workers()[0]
	if part, of := share(old, ready.Add(rise)); part < 0.2 || part > 0.8 {
		t.Errorf("of two that began together one got %.2f of %d", part, of)
	}
	if err := api.NewClient(p.control()).Cycle(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	e := p.await("a fresh worker", 1, func(e event) bool { return e.is("worker ready") && e.str("trigger") == "operator" })
	part, of := share(e.num("pid"), e.at(t).Add(rise/4)) // 6 % to 24 % of that of the other
	if time.Since(e.at(t)) < rise/2 && part > 0.35 {
		t.Errorf("a fresh worker got %.2f of %d", part, of)
	}
	t.Logf("a fresh worker got %.2f of %d", part, of)
	eventually(t, "it has warmed up", func() bool { return time.Since(e.at(t)) > rise })
	if part, of := share(e.num("pid"), time.Now().Add(rise/8)); part < 0.2 || part > 0.8 {
		t.Errorf("one that has warmed up got %.2f of %d", part, of)
	}
}

// TestSteeredElsewhere asks for what cannot be had: rota says so and goes on.
func TestSteeredElsewhere(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(runtimeFolder(t), "app.sock")
	p := start(t, []string{"--accept", "steered", "--listen", "unix:" + socket, "-w", "2", "--", goServer(t), "-inherit"})
	p.awaitKind("pool ready", 1)
	p.awaitKind("cannot steer connections: unix:"+socket+" is no TCP address; going on as with --accept shared", 1)
	if st := p.status(); st.Accept != "shared" {
		t.Errorf("the status says %q, want shared", st.Accept)
	}
	proveRoll(t, p, askUnix(socket), 2)
	if warnings := p.warnings(); len(warnings) != 1 {
		t.Errorf("%d warnings, want the one: %v", len(warnings), warnings)
	}
}
