package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

// stubborn are the servers of the loss matrix: some drain on SIGTERM, some end
// at once, some close idle connections early, some keep none.
var stubborn = []struct {
	name    string
	command func(t *testing.T, port string) []string
	race    bool // run it with the race detector too, which makes all of this slow
}{
	{"go without Shutdown", unmodifiedNamed("static go"), true},
	{"node without a handler", unmodifiedNamed("node"), true},
	{"flask's own server", unmodifiedNamed("flask"), false},
	{"gunicorn sync", gunicorn(), false},
	{"gunicorn gthread", gunicorn("--worker-class", "gthread", "--threads", "4"), false},
	{"uvicorn", unmodifiedNamed("uvicorn"), false},
	{"puma", unmodifiedNamed("puma"), false},
	{"java's HttpServer", unmodifiedNamed("java"), false},
}

func unmodifiedNamed(name string) func(*testing.T, string) []string {
	for _, s := range unmodified {
		if s.name == name {
			return s.command
		}
	}
	panic("no server is named " + name)
}

// matrix is a pool under load that is cycled for one cause after another.
type matrix struct {
	*pool
	t       *testing.T
	clients *load.Clients
	config  string         // the path of its file
	command []string       // what it runs
	cycles  map[string]int // by cause, so far
}

// matrixWorkers is how many are kept, matrixCycles how many are cycled at least
// for each cause.
const (
	matrixWorkers = 3
	matrixCycles  = 10
)

// newMatrix starts the pool, whose workers get their requests in one of the ways
// of --accept. c becomes its load.
func newMatrix(t *testing.T, accept string, c *load.Clients, command func(*testing.T, string) []string) *matrix {
	t.Helper()
	port := freePort(t)
	m := &matrix{
		t: t, clients: c, cycles: map[string]int{},
		config:  filepath.Join(t.TempDir(), "rota.yaml"),
		command: command(t, strconv.Itoa(port)),
	}
	m.write("")
	m.pool = start(t, []string{"--accept", accept, "--config", m.config}, quiet(t))
	m.awaitKind("pool ready", 1)
	c.Addr = fmt.Sprintf("127.0.0.1:%d", port)
	begin(t, c)
	return m
}

// cut is how many requests were ended unfinished, as the pool counts them.
func (p *pool) cut() (n float64) {
	p.t.Helper()
	values, _ := p.scrape()
	for series, value := range values {
		if strings.HasPrefix(series, "rota_requests_cut_total") {
			n += value
		}
	}
	return n
}

func (m *matrix) write(more string) {
	m.t.Helper()
	quoted := make([]string, len(m.command))
	for i, arg := range m.command {
		quoted[i] = strconv.Quote(arg)
	}
	put(m.t, m.config, fmt.Sprintf("command: [%s]\nworkers: %d\nsample-interval: 100ms\nmemory-samples: 2\nmin-uptime: 0s\n%s",
		strings.Join(quoted, ", "), matrixWorkers, more), 0o600)
}

// set changes the pool's settings, and waits until they have taken effect.
func (m *matrix) set(more string) {
	m.t.Helper()
	changed := func(e event) bool { return e.is("configuration read again") && e.str("message") == m.config+" changed" }
	before := m.have(changed)
	m.write(more)
	m.await("the settings to change", before+1, changed)
}

// have counts the events that satisfy want so far.
func (m *matrix) have(want func(event) bool) int {
	n := 0
	for _, e := range m.history() {
		if want(e) {
			n++
		}
	}
	return n
}

// further waits for so many events more than there are, for each with patience.
func (m *matrix) further(what string, n int, want func(event) bool) {
	m.t.Helper()
	before := m.have(want)
	for i := range n {
		m.await(what, before+i+1, want)
	}
}

func cycleDone(trigger string) func(event) bool {
	return func(e event) bool { return e.is("cycle done") && e.str("trigger") == trigger }
}

// round cycles workers for every cause, so many for each at least.
func (m *matrix) round(cycles int) {
	m.t.Helper()
	before := len(m.history())
	m.roll(cycles)
	m.age(cycles)
	m.memory(cycles)
	for _, e := range m.history()[before:] {
		if _, ok := e["ready"]; ok && e.num("ready") < matrixWorkers {
			m.t.Errorf("%d workers ready, want at least %d, at %v", e.num("ready"), matrixWorkers, e)
		}
	}
	m.scale(cycles)
}

func (m *matrix) roll(cycles int) {
	m.t.Helper()
	done := func(e event) bool { return e.is("roll done") }
	for replaced := 0; replaced < cycles; replaced += matrixWorkers {
		before := m.have(done)
		m.signal(syscall.SIGHUP)
		m.await("a roll", before+1, done)
		m.cycles["HUP"] += matrixWorkers
	}
}

func (m *matrix) age(cycles int) {
	m.t.Helper()
	m.set("restart-interval: 3s\n")
	m.further("cycles for age", cycles, cycleDone("age"))
	m.set("")
	m.cycles["age"] += cycles
}

// memory has the requests leak under a limit that is not far above what the
// workers have, so that each is over it after about a second.
func (m *matrix) memory(cycles int) {
	m.t.Helper()
	const room = 32 * mib
	rate := m.clients.Rate() / matrixWorkers
	var most float64
	awaitSamples(m.t, m.pool, 1, func(values map[string]float64) {
		for name, value := range values {
			if strings.HasPrefix(name, "rota_worker_memory_private_bytes{") {
				most = max(most, value)
			}
		}
	})
	m.clients.Leak.Store(max(4, int64(room/rate)>>10))
	m.set(fmt.Sprintf("max-memory: %d\n", int64(most)+room))
	m.further("cycles for memory", cycles, cycleDone("memory"))
	m.clients.Leak.Store(0)
	m.set("")
	m.cycles["memory"] += cycles
}

// scale takes a worker away and adds one again.
func (m *matrix) scale(cycles int) {
	m.t.Helper()
	fewer := func(e event) bool { return e.is("worker exited") && e.str("trigger") == "scale" }
	more := func(e event) bool {
		return e.is("worker ready") && e.num("ready") == matrixWorkers && e.num("desired") == matrixWorkers
	}
	for changed := 0; changed < cycles; changed += 2 {
		ended, begun := m.have(fewer), m.have(more)
		m.signal(syscall.SIGTTOU)
		m.await("one fewer", ended+1, fewer)
		m.signal(syscall.SIGTTIN)
		m.await("one more", begun+1, more)
		m.cycles["TTOU and TTIN"] += 2
	}
}

// finish ends the load and the pool, and checks that nobody noticed anything.
func (m *matrix) finish() {
	m.t.Helper()
	m.clients.Halt()
	nothingLost(m.t, m.clients)
	if n := m.cut(); n != 0 {
		m.t.Errorf("%v requests were cut, as rota counts them", n)
	}
	for _, k := range load.Kinds {
		m.t.Logf("%-18s %s", k.Name, m.clients.Tallies[k.Name])
	}
	m.t.Logf("cycles: %v", m.cycles)
	proveEnd(m.t, m.pool, matrixWorkers-1) // TTOU took one
}

// TestLossMatrix cycles servers, most of which lose requests when they are told
// to stop, for every cause under every kind of client. rota knows what each has
// in hands, so nothing is lost.
func TestLossMatrix(t *testing.T) {
	t.Parallel()
	for _, s := range stubborn {
		if os.Getenv("TEST_RACE") != "" && !s.race {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // as many at once as there are processors
			// New workers need the processor too: a client that waited for nothing
			// would take all of it.
			m := newMatrix(t, "front", &load.Clients{Of: 2, Pause: 20 * time.Millisecond}, s.command)
			m.round(matrixCycles)
			m.finish()
		})
	}
}
