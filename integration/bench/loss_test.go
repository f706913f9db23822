package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"rota/integration/load"
)

func TestLossSheet(t *testing.T) {
	entries := []*entry{{row: "somebody"}, {row: "nobody"}}
	s := newLossSheet(entries)
	for run := range 3 {
		r := lossResult{tallies: map[string]*load.Tally{}, rolls: []time.Duration{time.Second, 2 * time.Second}}
		for i, k := range load.Kinds {
			r.tallies[k.Name] = &load.Tally{
				Answered: 100 + run, Failed: make([]load.Failure, i*run),
				Took: []time.Duration{time.Duration(run+i) * time.Millisecond},
			}
		}
		s.note("somebody", r)
	}
	got := s.table()
	want := []string{"somebody", "0 of 101", "1 (0–2) of 102", "2 (0–4) of 103", "3 (0–6) of 104", "4 (3–5)", "1.5 (1.0–2.0)"}
	if !slices.Equal(got.rows[0], want) {
		t.Errorf("got  %q\nwant %q", got.rows[0], want)
	}
	if nobody := []string{"nobody", "–", "–", "–", "–", "–", "–"}; !slices.Equal(got.rows[1], nobody) {
		t.Errorf("who was not measured has %q", got.rows[1])
	}
}

// TestRota has rota do all that a question asks of a contender, with servers of
// which each worker is one process; and it asks what is lost, of one of them.
func TestRota(t *testing.T) {
	t.Parallel()
	b := testBench(t)
	var err error
	if b.rota, err = b.build("rota"); err != nil {
		t.Fatal(err)
	}
	for _, app := range []string{"go shutdown", "node", "flask"} {
		t.Run(app, func(t *testing.T) {
			t.Parallel()
			c := rotaServing("shared", app)
			if missing := c.missing(b); missing != "" {
				if os.Getenv("ROTA_REQUIRE_SERVERS") != "" {
					t.Fatal(missing)
				}
				t.Skip(missing)
			}
			prove(t, b, c, want{workers: 1, app: app})
		})
	}
	t.Run("loss", func(t *testing.T) {
		t.Parallel()
		nothingLost(t, b)
	})
}

func nothingLost(t *testing.T, b *bench) {
	e := &entry{contender: rotaServing("front", "go"), want: want{workers: lossWorkers, app: "go"}}
	r, err := b.lossOf(e, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.rolls) != 1 {
		t.Errorf("%d rolls", len(r.rolls))
	}
	for _, k := range load.Kinds {
		if seen := r.tallies[k.Name]; len(seen.Failed) != 0 || seen.Answered == 0 {
			t.Errorf("%s: %d answered, lost %v", k.Name, seen.Answered, seen.Lost)
		}
	}
}
