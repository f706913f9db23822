package history

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"rota/listener"
	"rota/listener/front"
	"rota/policy"
	"rota/procstats"
	"rota/supervisor"
	"rota/supervisor/admin/api"
	"rota/supervisor/admin/journal"
)

// moving is a pool whose state a test changes.
type moving struct {
	status atomic.Pointer[supervisor.Status]
	set    *listener.Set
}

func (m *moving) Status() *supervisor.Status { return m.status.Load() }
func (m *moving) Sockets() *listener.Set     { return m.set }
func (m *moving) Front() *front.Front        { return nil }

func newMoving(t *testing.T) *moving {
	t.Helper()
	a, err := listener.ParseAddress("unix:" + t.TempDir() + "/s")
	if err != nil {
		t.Fatal(err)
	}
	set, err := listener.Hold([]listener.Address{a}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return &moving{set: set}
}

// told is what the API tells of a recorder.
func told(t testing.TB, r *Recorder, since time.Time, step time.Duration) api.History {
	t.Helper()
	var text bytes.Buffer
	if err := r.Since(since, step).WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	var h api.History
	if err := json.Unmarshal(text.Bytes(), &h); err != nil {
		t.Fatalf("%v in %s", err, text.Bytes())
	}
	return h
}

// A worker that grows by a MiB a second and is replaced every hundred seconds, for two hours.
func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newMoving(t)
		events := journal.New(time.Now())
		r := New(events, false)
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx, pool)
		time.Sleep(5*time.Second + time.Millisecond) // before the first status there is nothing to be told
		began := time.Now()
		const seconds = 7200
		for i := range seconds {
			age, id := int64(i%100), uint64(1+i/100)
			pool.status.Store(&supervisor.Status{
				Ready: 2 - i%2, Memory: age << 20, Container: procstats.Container{Limit: procstats.Limit{Bytes: 1 << 30}, Usage: 5 << 20},
				Workers: []supervisor.WorkerStatus{
					{ID: id, Slot: 3, State: policy.Ready, Sampled: true, Measured: true, Private: age<<20 + 4096, PSS: age<<20 + 12288, RSS: age<<20 + 20480},
					{ID: id + 1, Slot: 3, State: policy.Starting, Sampled: true, Private: 1 << 40},
					{ID: 1 << 20, Slot: mostSlots, State: policy.Ready, Sampled: true, Private: 1},
					{ID: 1 << 21, Slot: 5, State: policy.Ready},
				}})
			if age == 99 {
				slot := supervisor.Event{Worker: id, Slot: 3, Trigger: policy.Memory, Time: time.Now()}
				slot.Kind, slot.Reason = supervisor.CycleBegan, "=too large"
				events.Append(slot)
				slot.Kind, slot.Reason, slot.Exit, slot.Cut = supervisor.WorkerExited, "", supervisor.ExitDrained, 1
				events.Append(slot)
				slot.Kind, slot.Exit = supervisor.CycleDone, ""
				events.Append(slot)
			}
			time.Sleep(time.Second)
		}
		cancel()
		synctest.Wait()

		h := told(t, r, time.Time{}, 0)
		fine := 1 // the first of one second
		for fine < len(h.Points) && h.Points[fine].Seconds > 5 {
			fine++
		}
		if n := len(h.Points) - fine; n <= 590 || n > 600 || fine < (seconds-600)/10 {
			t.Errorf("%d points of 10 s, and %d of 1 s", fine, n)
		}
		var total, cut float64
		for i, p := range h.Points {
			want := 10.
			if i >= fine {
				want = 1
			}
			if i != 0 && math.Abs(p.Seconds-want) > .01 { // the first began between two full ten seconds
				t.Errorf("point %d is of %g s", i, p.Seconds)
			}
			if i > 0 {
				if gap := p.Time.Sub(h.Points[i-1].Time).Seconds() - p.Seconds; math.Abs(gap) > .01 {
					t.Errorf("between points %d and %d %g s are missing", i-1, i, gap)
				}
			}
			total, cut = total+p.Seconds, cut+p.Seconds**p.Cut
			if len(p.Workers) != 1 {
				t.Fatalf("point %d: %+v", i, p.Workers)
			}
			w := p.Workers[0]
			age := int64(p.Time.Sub(began).Seconds()+.5) - 1
			if want == 10 && (i == 0 || age%100 < 9) {
				continue // two workers met there
			}
			if w.Slot != 3 || w.ID != uint64(1+age/100) || w.PrivateBytes != (age%100)<<20+4096 || w.SharedBytes != 8192 || w.RSSBytes != (age%100)<<20+20480 {
				t.Errorf("point %d at %d: %+v", i, age, w)
			}
			if *p.TotalBytes != (age%100)<<20 || *p.ContainerBytes != 5<<20 || *p.LimitBytes != 1<<30 || p.Requests != nil || p.InFlight != nil || p.P50Seconds != nil {
				t.Errorf("point %d: %+v", i, p)
			}
			if want == 10 && p.Ready != 1 {
				t.Errorf("point %d: the least ready are %d", i, p.Ready)
			}
		}
		if math.Abs(total-seconds) > 2 || math.Abs(cut-seconds/100) > .01 {
			t.Errorf("%g s and %g cut requests in all", total, cut)
		}
		if n := len(h.Marks); n != seconds/100 || h.Marks[0].Slot != 3 || h.Marks[0].Trigger != "memory" || h.Marks[0].Reason != "=too large" {
			t.Errorf("%d marks: %+v", n, h.Marks)
		}
		for step, want := range map[time.Duration]int{10 * time.Second: seconds / 10, time.Minute: seconds / 60, time.Hour: seconds / 60} {
			if n := len(told(t, r, time.Time{}, step).Points); n < want-1 || n > want {
				t.Errorf("step %s: %d points, want %d", step, n, want)
			}
		}
		h = told(t, r, began.Add((seconds-150)*time.Second), 0)
		if len(h.Points) != 150 || len(h.Marks) != 2 {
			t.Errorf("since 150 s ago: %d points, %d marks", len(h.Points), len(h.Marks))
		}
		table(t, r)
	})
}

// table checks the history as a spreadsheet would read it.
func table(t *testing.T, r *Recorder) {
	var text strings.Builder
	if err := r.Since(time.Time{}, 0).WriteCSV(&text); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(text.String())).ReadAll() // all are equally long, or it says so
	if err != nil {
		t.Fatal(err)
	}
	h := told(t, r, time.Time{}, 0)
	if len(lines) != 1+len(h.Points) {
		t.Errorf("%d lines for %d points", len(lines), len(h.Points))
	}
	column := func(name string) int {
		i := slices.Index(lines[0], name)
		if i < 0 {
			t.Fatalf("no column %s in %v", name, lines[0])
		}
		return i
	}
	at, private, cycles := column("time_utc"), column("slot3_private_bytes"), column("cycles")
	marks := 0
	for i, line := range lines[1:] {
		if line[at] != h.Points[i].Time.Format("2006-01-02 15:04:05") || line[private] != strconv.FormatInt(h.Points[i].Workers[0].PrivateBytes, 10) {
			t.Errorf("line %d is %q", i, line)
		}
		for _, cell := range line {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("line %d: a spreadsheet may take %q for a formula", i, cell)
			}
		}
		marks += strings.Count(line[cycles], "slot 3: memory: =too large")
	}
	if marks != len(h.Marks) {
		t.Errorf("%d cycles are in the table, of %d", marks, len(h.Marks))
	}
}

// Whatever happens and whenever it is read, each request is in one point of the
// excerpt and in no two, and time only rises.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New(nil, true)
		at := time.UnixMilli(rapid.Int64Range(1800000000000, 1800000100000).Draw(t, "start"))
		var total int64
		var holes int
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		readings := rapid.IntRange(1, 2000).Draw(t, "readings")
		if random.IntN(20) == 0 {
			readings += 12000 // all but the coarsest tier have gone round
		}
		for range readings {
			n := random.IntN(1000)
			elapsed := time.Second + time.Duration(n%7-3)*time.Millisecond
			stepped := elapsed
			if random.IntN(5000) == 0 {
				stepped = time.Hour // it was asleep
				holes++
			}
			r.counters.total.Add(int64(n))
			total += int64(n)
			at = at.Add(stepped)
			r.record(&row{ready: 1}, at, elapsed, stepped)
		}
		sum := func(rows []*row) (n float64) {
			for _, r := range rows {
				n += float64(r.requests) * float64(r.seconds)
			}
			return n
		}
		for i := range r.tiers {
			tier := &r.tiers[i]
			all := sum(tier.all()) + float64(r.before.total-tier.since.total)
			if len(tier.rows) < tier.most && math.Abs(all-float64(total)) > .5+1e-5*float64(total) {
				t.Fatalf("%g requests in tier %s, want %d", all, tier.step, total)
			}
		}
		rows := r.Since(time.Time{}, 0).rows
		if all := sum(rows); math.Abs(all-float64(total)) > .5+1e-5*float64(total) {
			t.Fatalf("%g requests in the excerpt, want %d", all, total)
		}
		seen := 0
		for i := 1; i < len(rows); i++ {
			switch hole := rows[i].start() - rows[i-1].end; {
			case hole > 3000000:
				seen++
			case hole < -100 || hole > 100:
				t.Fatalf("row %d begins %d ms after the one before", i, hole)
			}
		}
		if seen > holes || holes > 0 && seen < holes-1 { // one may be before the first point
			t.Fatalf("%d holes, want %d", seen, holes)
		}
	})
}

// A clock that is set back must not make time run backwards in a chart.
func TestClockSetBack(t *testing.T) {
	r := New(nil, true)
	at := time.Unix(1800000000, 0)
	for range 100 {
		at = at.Add(time.Second)
		r.record(&row{}, at, time.Second, time.Second)
	}
	at = at.Add(-time.Minute)
	r.record(&row{}, at, time.Second, -time.Minute)
	rows := r.Since(time.Time{}, 0).rows
	if len(rows) < 30 || rows[len(rows)-1].end != at.UnixMilli() {
		t.Errorf("%d rows", len(rows))
	}
	for i := 1; i < len(rows); i++ {
		if rows[i].end <= rows[i-1].end {
			t.Errorf("row %d is not after the one before", i)
		}
	}
}

func TestMarks(t *testing.T) {
	events := journal.New(time.Now())
	r := New(events, true)
	for i := range 2 * mostMarks {
		events.Append(supervisor.Event{Kind: supervisor.WorkerCrashed, Worker: 1, Slot: i % 7, Trigger: policy.Crash, Status: "signal 9", Time: time.Unix(int64(i), 0)})
		r.observe()
	}
	marks := told(t, r, time.Time{}, 0).Marks
	if len(marks) != mostMarks || marks[0].Time.Unix() != mostMarks || marks[mostMarks-1] != (api.Mark{
		Time: time.Unix(2*mostMarks-1, 0).UTC(), Slot: (2*mostMarks - 1) % 7, Trigger: "crash", Reason: "signal 9"}) {
		t.Errorf("%d marks from %+v", len(marks), marks[0])
	}
}
