package integration

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
	"rota/supervisor/admin/api"
)

// meddleTime is how long operators meddle with a pool.
const meddleTime = 6 * time.Second

// meddlers are operators who know nothing of each other.
type meddlers struct {
	*matrix
	*api.Client
	random *rand.Rand
	done   map[string]int // what they did
}

// TestNothingIsLostWhileOperatorsMeddle has rolls begun, paused, resumed and
// aborted, slots cycled and the pool scaled at random, all at once.
func TestNothingIsLostWhileOperatorsMeddle(t *testing.T) {
	t.Parallel()
	for accept, ways := range map[string][]load.Kind{"front": nil, "steered": newWays} {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			meddle(t, accept, &load.Clients{Of: 2, Pause: 20 * time.Millisecond, Ways: ways})
		})
	}
}

func meddle(t *testing.T, accept string, clients *load.Clients) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m := &meddlers{
		matrix: newMatrix(t, accept, clients, unmodifiedNamed("static go")), // which dies of SIGTERM
		random: rand.New(rand.NewPCG(seed, 0)), done: map[string]int{},
	}
	m.Client = api.NewClient(m.control())
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for end := time.After(meddleTime); ; {
		select {
		case <-end:
			m.settle()
			clients.Halt()
			nothingLost(t, clients)
			if n := m.cut(); n != 0 {
				t.Errorf("%v requests were cut, as rota counts them", n)
			}
			m.capacity()
			t.Logf("%v; %d cycles, %d requests answered", m.done, m.count("cycle done"), clients.Answered())
			return
		case <-every.C:
			m.meddle()
		}
	}
}

// meddle does one thing, which the pool may be in no state for.
func (m *meddlers) meddle() {
	m.t.Helper()
	ctx := m.t.Context()
	what, err := "", error(nil)
	switch m.random.IntN(11) {
	case 0, 1, 2:
		what = "roll"
		_, err = m.Roll(ctx)
	case 3:
		what = "HUP"
		m.signal(syscall.SIGHUP)
	case 4, 5:
		what = "pause"
		_, err = m.PauseRoll(ctx)
	case 6:
		what = "resume"
		_, err = m.ResumeRoll(ctx)
	case 7:
		what = "abort"
		_, err = m.AbortRoll(ctx)
	case 8:
		what = "scale"
		_, err = m.Scale(ctx, 2+m.random.IntN(3))
	default:
		what = "cycle"
		err = m.Cycle(ctx, m.random.IntN(4))
	}
	refusal := new(api.Error)
	switch {
	case err == nil:
		m.done[what]++
	case errors.As(err, &refusal) && (refusal.Code == http.StatusConflict || refusal.Code == http.StatusNotFound):
		m.done[what+" refused"]++
	default:
		m.t.Fatalf("%s: %v", what, err)
	}
}

// settle waits until the pool has done all that was asked of it.
func (m *meddlers) settle() {
	m.t.Helper()
	_, _ = m.ResumeRoll(m.t.Context()) // an error is that there is none
	for deadline := time.Now().Add(patience); ; {
		m.mu.Lock()
		news := m.news
		m.mu.Unlock()
		st, err := m.Status(m.t.Context())
		if err != nil {
			m.t.Fatal(err)
		}
		if st.Phase == api.PhaseReady && st.Alive == st.Desired && st.Roll == nil {
			return
		}
		select {
		case <-news:
		case <-time.After(100 * time.Millisecond): // not all that ends is an event's
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("the pool does not settle: %+v", st)
		}
	}
}

// capacity checks that no worker was taken away that was needed, that never more
// than one too many were started, and that nothing had failed.
func (m *meddlers) capacity() {
	m.t.Helper()
	ready, alive, reached := 0, 0, false
	for _, e := range m.history() {
		if _, ok := e["ready"]; !ok {
			continue
		}
		if now := e.num("ready"); reached && now < ready && now < e.num("desired") {
			m.t.Errorf("from %d workers ready to %v", ready, e)
		}
		if now := e.num("alive"); now > alive && now > e.num("desired")+1 {
			m.t.Errorf("from %d workers alive to %v", alive, e)
		}
		ready, alive, reached = e.num("ready"), e.num("alive"), reached || e.is("pool ready")
	}
	for _, kind := range []string{"worker crashed", "start failed", "cycle failed", "roll failed"} {
		if n := m.count(kind); n > 0 {
			m.t.Errorf("%s %d times", kind, n)
		}
	}
}
