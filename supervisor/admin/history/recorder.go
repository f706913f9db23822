// Package history keeps what a pool was like over the last day, for charts: the
// last minutes second by second, hours ago more coarsely, in a memory that is
// bounded whatever happens.
package history

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"rota/listener/front"
	"rota/supervisor"
	"rota/supervisor/admin/api"
	"rota/supervisor/admin/journal"
)

const (
	readEvery = time.Second
	// longest is what a reading may be late by. A machine that was asleep, or rota
	// itself, leaves a hole then, instead of a line that nobody has seen.
	longest   = 5 * time.Second
	mostMarks = 500
)

// Recorder reads a pool once a second. The loop never waits for it: it reads what
// the loop has published, and events from the journal, as any client does.
type Recorder struct {
	fronted  bool
	counters counters
	journal  *journal.Journal
	recent   atomic.Pointer[Recent]

	last   time.Time // of the last reading, with the monotonic clock
	before *counts   // of the last reading; never changed
	window window
	cursor uint64         // in the journal
	begun  map[int]string // why the cycle of a slot that is under way began

	mu    sync.Mutex // between Run and Since
	tiers []tier
	marks []api.Mark // oldest first
}

// New makes an empty Recorder. fronted says whether Answered will tell of requests;
// otherwise there are no numbers of requests but of those that events say were cut.
func New(j *journal.Journal, fronted bool) *Recorder {
	r := &Recorder{fronted: fronted, journal: j, tiers: newTiers(), before: &counts{}, begun: map[int]string{}}
	r.recent.Store(&Recent{})
	return r
}

// Answered counts a request that is over. Any number of goroutines may call it; it
// takes some tens of nanoseconds and does not block.
func (r *Recorder) Answered(a front.Answer) { r.counters.answered(&a) }

// Run reads the pool until ctx ends.
func (r *Recorder) Run(ctx context.Context, pool Pool) {
	every := time.NewTicker(readEvery)
	defer every.Stop()
	r.last = time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		now := time.Now()
		r.observe()
		if reading := read(pool); reading != nil {
			r.record(reading, now.Round(0), now.Sub(r.last), now.Round(0).Sub(r.last.Round(0)))
		}
		r.last = now
	}
}

// observe takes over what has happened since the last time.
func (r *Recorder) observe() {
	for {
		events, _ := r.journal.Read(r.cursor, 100)
		for _, e := range events {
			r.event(&e.Event)
			r.cursor = e.ID
		}
		if len(events) == 0 {
			return
		}
	}
}

func (r *Recorder) event(e *api.Event) {
	if e.Exit != "" && !r.fronted {
		r.counters.cut.Add(int64(e.Cut))
	}
	if e.Slot == nil {
		return
	}
	mark := api.Mark{Time: e.Time.UTC(), Slot: *e.Slot, Trigger: e.Trigger, Reason: e.Reason}
	switch supervisor.Kind(e.Kind) {
	case supervisor.CycleBegan:
		r.begun[mark.Slot] = e.Reason
		return
	case supervisor.CycleDone:
		mark.Reason = cmp.Or(mark.Reason, r.begun[mark.Slot])
		delete(r.begun, mark.Slot)
	case supervisor.WorkerCrashed:
		mark.Reason = cmp.Or(mark.Reason, e.Status)
	default:
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.marks) == mostMarks {
		r.marks = append(r.marks[:0:0], r.marks[1:]...)
	}
	r.marks = append(r.marks, mark)
}

// record adds a reading. wall is the time of it, elapsed what has passed since the
// one before, and stepped what the clock on the wall says of that, which includes
// the time that the machine was asleep.
func (r *Recorder) record(reading *row, wall time.Time, elapsed, stepped time.Duration) {
	now := &counts{}
	r.counters.copy(now)
	hole := elapsed > longest || (stepped-elapsed).Abs() > longest
	elapsed = min(elapsed, longest)
	reading.end, reading.seconds = wall.UnixMilli(), float32(elapsed.Seconds())
	r.recent.Store(r.window.add(now, elapsed))
	began := wall.Add(-stepped)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.tiers {
		t := &r.tiers[i]
		if hole && t.open != nil {
			t.close(r.before, r.fronted)
		}
		ends := !wall.Truncate(t.step).Equal(began.Truncate(t.step)) || i == 0
		t.add(reading, now, r.fronted, ends)
	}
	r.before = now
}
