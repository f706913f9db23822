package integration

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// operators are those of a pool whose workers start when their gate is open.
type operators struct {
	*pool
	*api.Client
	ctx  context.Context
	gate string
}

func newOperators(t *testing.T, workers int, flags ...string) *operators {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	o := &operators{ctx: ctx, gate: filepath.Join(dir, "gate")}
	for slot := range workers {
		o.open(slot)
	}
	socket := filepath.Join(dir, "control")
	site := newSite(t, "GATE="+o.gate)
	o.pool = site.start(append([]string{"-w", string(rune('0' + workers)), "--control", socket, "--sample-interval", "100ms"}, flags...))
	o.Client = api.NewClient(socket)
	o.awaitKind("pool ready", 1)
	for slot := range workers {
		o.shut(slot)
	}
	return o
}

func (o *operators) path(slot int) string { return o.gate + string(rune('0'+slot)) }
func (o *operators) shut(slot int)        { os.Remove(o.path(slot)) }
func (o *operators) open(slot int) {
	if err := os.WriteFile(o.path(slot), nil, 0o600); err != nil {
		panic(err)
	}
}

// done fails the test if an answer is none, and returns it.
func done[T any](o *operators, v T, err error) T {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
	return v
}

func (o *operators) status(t *testing.T) *api.Status {
	t.Helper()
	st, err := o.Client.Status(o.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// A roll is paused, goes on, and is aborted: what has begun is finished or ended,
// as is asked for, and nobody's capacity is lost by it.
func TestARollIsSteered(t *testing.T) {
	t.Parallel()
	o := newOperators(t, 3)
	id := func(b *api.Begun, err error) int { return done(o, b, err).ID }(o.Roll(o.ctx))
	o.awaitKind("cycle began", 1)
	paused, err := o.PauseRoll(o.ctx)
	if r := done(o, paused, err); r.ID != id || !r.Paused || r.Replaced != 0 || r.Total != 3 {
		t.Errorf("paused: %+v", r)
	}
	o.open(0)
	o.awaitKind("cycle done", 1) // what was under way is finished

	// A cycle by hand goes on, and brings nothing new while the roll is paused.
	if err := o.Cycle(o.ctx, 1); err != nil {
		t.Fatal(err)
	}
	began := o.awaitWith("cycle began", "trigger", "operator", 1)
	o.open(1)
	o.awaitKind("cycle done", 2)
	o.shut(1)
	var st *api.Status // it is of the moment when the loop is through with what it tells of
	eventually(t, "the status of three workers", func() bool {
		st = o.status(t)
		return len(st.Workers) == 3
	})
	if r := st.Roll; r == nil || !r.Paused || r.Replaced != 1 || began.num("slot") != 1 || st.Cycles["operator"] != 1 || st.Cycles["generation"] != 1 {
		t.Errorf("after a cycle by hand of %v: %+v, %v", began, r, st.Cycles)
	}
	generations := []int{}
	for _, w := range st.Workers {
		generations = append(generations, w.Generation)
		if last := w.LastCycle; w.Slot < 2 && (last == nil || last.Trigger != []string{"generation", "operator"}[w.Slot] || last.Reason == "") {
			t.Errorf("the last cycle of slot %d: %+v", w.Slot, last)
		}
	}
	if !slices.Equal(generations, []int{2, 1, 1}) {
		t.Errorf("generations %v", generations)
	}
	explained, err := o.Explain(o.ctx, 2)
	if e := done(o, explained, err); len(e.Held) != 1 || e.Held[0].By != "paused" {
		t.Errorf("explained as %+v", e)
	}

	if _, err := o.ResumeRoll(o.ctx); err != nil {
		t.Fatal(err)
	}
	o.awaitKind("cycle began", 3)
	o.awaitWith("worker started", "trigger", "generation", 2)
	aborted, err := o.AbortRoll(o.ctx)
	if r := done(o, aborted, err); r.ID != id || r.Result != "aborted" || r.Replaced != 1 || r.Total != 3 || r.EndedAt == nil {
		t.Errorf("aborted: %+v", r)
	}
	o.awaitWith("worker exited", "exit", "stopped", 1)
	for _, kind := range []string{"start failed", "cycle failed", "roll failed"} {
		if o.count(kind) > 0 {
			t.Errorf("%s, although nothing has", kind)
		}
	}
	o.metric(`rota_rolls_total{result="aborted",trigger="generation"}`, 1)
	if st := o.status(t); st.Roll != nil || st.Generation != 1 || st.Ready != 3 || st.Phase != api.PhaseReady {
		t.Errorf("after the roll: %+v", st)
	}
	if _, err := o.PauseRoll(o.ctx); !refusedWith(err, http.StatusConflict) {
		t.Errorf("to pause no roll: %v", err)
	}
	if err := o.Cycle(o.ctx, 3); !refusedWith(err, http.StatusNotFound) {
		t.Errorf("to cycle nobody: %v", err)
	}
	o.neverBelow(3)
}

func refusedWith(err error, code int) bool {
	refusal := new(api.Error)
	return errors.As(err, &refusal) && refusal.Code == code
}

// A roll that is paused is superseded by HUP, which is not, and ended with rota.
func TestAPausedRollIsNotForEver(t *testing.T) {
	t.Parallel()
	o := newOperators(t, 2)
	o.signal(syscall.SIGHUP)
	o.awaitKind("cycle began", 1)
	if _, err := o.PauseRoll(o.ctx); err != nil {
		t.Fatal(err)
	}
	o.signal(syscall.SIGHUP)
	o.awaitKind("roll superseded", 1)
	o.open(0)
	o.open(1)
	o.awaitKind("roll done", 1)
	scaled, err := o.Scale(o.ctx, 1)
	if s := done(o, scaled, err); s.Before != 2 || s.Workers != 1 {
		t.Errorf("scaled: %+v", s)
	}
	o.awaitWith("worker exited", "trigger", "scale", 1)
	o.shut(0)
	rolled, err := o.Roll(o.ctx)
	if r := done(o, rolled, err); r.ID != 3 {
		t.Errorf("roll %d began, want the third", r.ID)
	}
	if _, err := o.PauseRoll(o.ctx); err != nil {
		t.Fatal(err)
	}
	rolls, err := o.Rolls(o.ctx)
	results := []string{}
	for _, r := range done(o, rolls, err).History {
		results = append(results, r.Result)
	}
	if !slices.Equal(results, []string{"done", "superseded"}) || rolls.Current == nil || rolls.Current.BeganAt.After(time.Now()) {
		t.Errorf("%v, %+v", results, rolls.Current)
	}
	o.signal(syscall.SIGTERM)
	if code := o.wait(); code != 0 || o.count("roll aborted") != 1 {
		t.Errorf("ended with %d, %d rolls aborted", code, o.count("roll aborted"))
	}
}
