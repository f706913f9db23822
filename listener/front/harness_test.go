package front_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rota/listener/front"
)

// patience is how long anything may take that should take no time, on a machine
// that does much else.
const patience = 10 * time.Second

// noDeadline takes one away.
var noDeadline time.Time

// told is an Answer, and what is worth keeping of its request.
type told struct {
	front.Answer
	method, target string
}

// rig is a front that listens, and what it told.
type rig struct {
	testing.TB
	front   *front.Front
	network string
	addr    string
	socket  *os.File // as rota holds it: open for as long as the front lives
	answers chan told
	spent   chan uint64
	refused chan front.Answer
	short   atomic.Int64
	clients []net.Conn
	ids     []uint64
	closed  bool
	before  map[string]string // goroutines that an earlier test left behind, which said so
}

// defaults are a configuration in which nothing comes to its limit.
func defaults() front.Config {
	return front.Config{
		Queue:         1000,
		QueueTimeout:  patience,
		HeaderTimeout: patience,
		IdleTimeout:   time.Minute,
		MaxHeader:     64 << 10,
	}
}

// start makes a front on a loopback port. Each change is made to the defaults.
func start(t testing.TB, changes ...func(*front.Config)) *rig {
	t.Helper()
	return startOn(t, "tcp", "127.0.0.1:0", changes...)
}

// startUnix makes one on a unix socket.
func startUnix(t testing.TB, changes ...func(*front.Config)) *rig {
	t.Helper()
	return startOn(t, "unix", filepath.Join(t.TempDir(), "s"), changes...)
}

func startOn(t testing.TB, network, addr string, changes ...func(*front.Config)) *rig {
	t.Helper()
	c := defaults()
	for _, change := range changes {
		change(&c)
	}
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		TB: t, network: network, addr: ln.Addr().String(),
		answers: make(chan told, 1<<16), spent: make(chan uint64, 1<<10), refused: make(chan front.Answer, 1<<16),
	}
	r.before = goroutines()
	if unix, ok := ln.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false)
	}
	r.socket, err = ln.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	ln.Close() // the copy lives
	r.front = front.New(c, front.Hooks{Answered: r.answered, Refused: r.refusal, Short: func(error) { r.short.Add(1) }, Spent: func(id uint64) { r.spent <- id }})
	t.Cleanup(r.stop)
	if err := r.front.Listen(int(r.socket.Fd()), true); err != nil {
		t.Fatalf("the front cannot listen: %s", err)
	}
	return r
}

func (r *rig) answered(a front.Answer) {
	kept := told{Answer: a}
	if a.Request == nil {
		r.Errorf("an Answer of no request: %+v", a)
	} else {
		kept.method, kept.target = a.Request.Method, a.Request.RequestURI
	}
	kept.Request = nil
	r.answers <- kept
}

func (r *rig) refusal(a front.Answer) {
	if a.Request != nil {
		r.Errorf("a refusal of a request: %+v", a)
	}
	r.refused <- a
}

// stop closes the front, after which nothing of it may be left.
func (r *rig) stop() {
	for _, c := range r.clients {
		c.Close()
	}
	r.close()
	for _, id := range r.ids {
		r.front.Cut(id)
		r.front.Remove(id, nil)
	}
	r.socket.Close()
	await(r.TB, "the end of the front's goroutines", func() bool { return len(r.left()) == 0 })
	for _, g := range r.left() {
		r.Log(g)
	}
}

// left are the front's goroutines.
func (r *rig) left() map[string]string {
	all := goroutines()
	for id := range r.before {
		delete(all, id)
	}
	return all
}

// close closes the front, once, and waits until it is done.
func (r *rig) close() {
	r.Helper()
	if r.closed {
		return
	}
	receive(r.TB, "the end of Close", r.closing())
}

// closing closes the front and returns what is sent to when it is done.
func (r *rig) closing() <-chan struct{} {
	r.closed = true
	done := make(chan struct{}, 1)
	var calls atomic.Int32
	r.front.Close(func() {
		if calls.Add(1) == 1 {
			done <- struct{}{}
			return
		}
		r.Errorf("Close told %d times that it was done", calls.Load())
	})
	return done
}

// goroutines are those with a function of the front in their stack, or made by
// one: the stacks, by "goroutine 1".
func goroutines() map[string]string {
	buf := make([]byte, 4<<20)
	own := map[string]string{}
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "rota/listener/front.") {
			id, _, _ := strings.Cut(g, " [")
			own[id] = g
		}
	}
	return own
}

// add gives the front a worker that is reached at addr.
func (r *rig) add(id uint64, slot int, addr string) {
	r.addDialed(id, slot, func() (net.Conn, error) { return net.Dial("tcp", addr) })
}

func (r *rig) addDialed(id uint64, slot int, dial func() (net.Conn, error)) {
	r.ids = append(r.ids, id)
	r.front.Add(id, slot, dial)
}

// retire retires a worker and returns what is sent to when it is idle.
func (r *rig) retire(id uint64) <-chan struct{} {
	idle := make(chan struct{}, 1)
	var calls atomic.Int32
	r.front.Retire(id, func() {
		if calls.Add(1) == 1 {
			idle <- struct{}{}
			return
		}
		r.Errorf("worker %d was told idle %d times", id, calls.Load())
	})
	return idle
}

// dial connects a client.
func (r *rig) dial() *wire {
	r.Helper()
	c, err := net.DialTimeout(r.network, r.addr, patience)
	if err != nil {
		r.Fatalf("a connection was refused: %s", err)
	}
	r.clients = append(r.clients, c)
	return newWire(c, r.Fatalf)
}

// get sends one request on a connection of its own and returns its answer.
func (r *rig) get(target string) message {
	r.Helper()
	c := r.dial()
	defer c.Close()
	return c.get(target)
}

// post is get with a body.
func (r *rig) post(target, body string) message {
	r.Helper()
	c := r.dial()
	defer c.Close()
	return c.post(target, body)
}

// answer is the next one that the front tells of.
func (r *rig) answer() told {
	r.Helper()
	return receive(r.TB, "the Answer of a request", r.answers)
}

// worker is what Stats says of one.
func (r *rig) worker(id uint64) front.WorkerStats {
	for _, w := range r.front.Stats().Workers {
		if w.ID == id {
			return w
		}
	}
	return front.WorkerStats{}
}

func (r *rig) awaitQueued(n int) {
	r.Helper()
	await(r.TB, fmt.Sprintf("a queue of %d", n), func() bool { return r.front.Stats().Queued == n })
}

func (r *rig) awaitInFlight(id uint64, n int) {
	r.Helper()
	await(r.TB, fmt.Sprintf("%d requests in the hands of worker %d", n, id), func() bool { return r.worker(id).InFlight == n })
}

// await waits for what nothing tells of.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("waited in vain for %s", what)
			return
		}
	}
}

// receive waits for a value of a channel.
func receive[T any](t testing.TB, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}

// expect compares.
func expect[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
