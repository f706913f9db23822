package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

// TestCrash kills one worker after another under load. Whoever asked it gets
// 502 if it cannot be known whether the worker has acted; nobody else notices,
// and nobody is left without an answer.
func TestCrash(t *testing.T) {
	t.Parallel()
	addr := func(t *testing.T) string { return fmt.Sprintf("127.0.0.1:%d", freePort(t)) }
	t.Run("a socket that outlives it", func(t *testing.T) {
		t.Parallel()
		addr := addr(t)
		crash(t, addr, goServer(t), "-addr", addr)
	})
	t.Run("a socket of its own", func(t *testing.T) {
		t.Parallel()
		addr := addr(t)
		crash(t, addr, goServer(t), "-addr", "127.0.0.1:{port}")
	})
}

func crash(t *testing.T, addr string, command ...string) {
	t.Helper()
	const workers, kills = 3, 20
	args := []string{"--accept", "front", "--listen", addr, "-w", fmt.Sprint(workers), "--min-uptime", "0s"}
	if slices.Contains(command, "127.0.0.1:{port}") {
		args = append(args, "--handoff", "port")
	}
	p := start(t, slices.Concat(args, []string{"--"}, command))
	p.awaitKind("pool ready", 1)
	// Held for so long that each worker always has some.
	c := &load.Clients{Addr: addr, Of: 2, Pause: 5 * time.Millisecond, Hold: "0.05"}
	begin(t, c)

	type kill struct{ began, noticed time.Time }
	var killed []kill
	for i := range kills {
		answered := c.Answered()
		eventually(t, "every client was answered again", func() bool { return c.Answered() >= answered+2*c.Of*len(load.Kinds) })
		k := kill{began: time.Now()}
		if err := syscall.Kill(p.workers()[i%workers], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		k.noticed = p.awaitKind("worker crashed", i+1).at(t)
		killed = append(killed, k)
		p.awaitKind("worker ready", workers+i+1)
	}
	c.Halt()

	at := make([]int, kills)
	for _, f := range c.Failures() {
		if f.Why != "status: 502" {
			t.Errorf("a request was not answered: %v", f)
		}
		found := false
		for i, k := range killed {
			if !f.Began.After(k.noticed) && !f.Ended.Before(k.began) {
				found = true
				at[i]++
			}
		}
		if !found {
			t.Errorf("no worker was killed meanwhile: %v", f)
		}
	}
	for i, n := range at {
		if n > c.Of*len(load.Kinds) {
			t.Errorf("%d requests failed with kill %d, of %d in flight", n, i, c.Of*len(load.Kinds))
		}
	}
	t.Logf("%d killed, %d answered, lost %v", kills, c.Answered(), c.Lost())
	failed := len(c.Failures())
	if failed == 0 {
		t.Error("nothing was in a worker's hands when it was killed: that proves nothing")
	}
	if n := p.cut(); int(n) != failed {
		t.Errorf("rota counts %v requests as cut, the clients %d", n, failed)
	}
	for name, seen := range c.Tallies {
		if seen.Answered == 0 || seen.Idle > 0 {
			t.Errorf("%s: %s", name, seen)
		}
	}
}

// gated starts a pool that accepts at once, and whose workers are not ready
// before the file of the returned name is there.
func gated(t *testing.T, workers int, args ...string) (p *pool, addr, gate string) {
	t.Helper()
	addr = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	gate = filepath.Join(t.TempDir(), "gate")
	args = append([]string{"--accept", "front", "--listen", addr, "--ready", "notify", "-w", fmt.Sprint(workers), "--min-uptime", "0s"}, args...)
	p = start(t, append(args, "--", goServer(t), "-addr", addr, "-gate", gate))
	p.awaitKind("worker started", 1)
	return p, addr, gate
}

// TestNoWorkerReady asks a pool in which nobody can answer. Requests wait; none
// is refused.
func TestNoWorkerReady(t *testing.T) {
	t.Parallel()
	const waiting = "rota_http_queue_length"

	t.Run("first start", func(t *testing.T) {
		t.Parallel()
		p, addr, gate := gated(t, 2, "--queue-timeout", "80s")
		c := &load.Clients{Addr: addr, Of: 2, Pause: 5 * time.Millisecond}
		begin(t, c)
		p.metric(waiting, float64(c.Of*len(load.Kinds)))
		if n := c.Answered(); n > 0 {
			t.Errorf("%d requests were answered by workers that were not ready", n)
		}
		put(t, gate, "", 0o600)
		eventually(t, "all are answered", func() bool { return c.Answered() > 10*c.Of*len(load.Kinds) })
		c.Halt()
		nothingLost(t, c)
		p.metric(waiting, 0)
	})

	t.Run("all crashed", func(t *testing.T) {
		t.Parallel()
		p, addr, gate := gated(t, 2, "--queue-timeout", "80s")
		put(t, gate, "", 0o600)
		p.awaitKind("pool ready", 1)
		c := &load.Clients{Addr: addr, Of: 2, Pause: 5 * time.Millisecond}
		begin(t, c)
		eventually(t, "all are answered", func() bool { return c.Answered() > 10*c.Of*len(load.Kinds) })
		if err := os.Remove(gate); err != nil {
			t.Fatal(err)
		}
		for _, pid := range p.workers() {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		p.metric(waiting, float64(c.Of*len(load.Kinds)))
		answered, lost := c.Answered(), c.Lost()
		put(t, gate, "", 0o600)
		eventually(t, "all are answered again", func() bool { return c.Answered() > answered+10*c.Of*len(load.Kinds) })
		c.Halt()
		for why, n := range c.Lost() {
			if why != "status: 502" || n != lost[why] {
				t.Errorf("%d lost, %d of them when the workers were killed: %s", n, lost[why], why)
			}
		}
		if n := p.cut(); int(n) != len(c.Failures()) {
			t.Errorf("rota counts %v requests as cut, the clients %d", n, len(c.Failures()))
		}
	})

	t.Run("none in time", func(t *testing.T) {
		t.Parallel()
		const patience = 300 * time.Millisecond
		p, addr, gate := gated(t, 1, "--queue-timeout", patience.String())
		for _, k := range load.Kinds {
			conn, err := load.Connect(addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for range 2 {
				began := time.Now()
				response, body, err := conn.Exchange(k, "/", make([]byte, k.Body))
				if err != nil {
					t.Fatalf("%s: %v", k.Name, err)
				}
				if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
					t.Errorf("%s: answered %s %v %q, want 503 with Retry-After", k.Name, response.Status, response.Header, body)
				}
				if took := time.Since(began); took < patience {
					t.Errorf("%s: answered after %s, want %s at least", k.Name, took, patience)
				}
				if conn.Ends {
					break
				}
			}
		}
		put(t, gate, "", 0o600)
		p.awaitKind("pool ready", 1)
		if _, err := load.Get(addr, "/"); err != nil {
			t.Errorf("not answered by a worker that is ready: %v", err)
		}
	})
}
