package journal

import (
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"rota/policy"
	"rota/supervisor"
	"rota/supervisor/admin/api"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// filled is a journal with n events, a second apart, which say their number.
func filled(n int) *Journal {
	j := New(start)
	for i := range n {
		j.Append(supervisor.Event{Kind: supervisor.Warning, Time: start.Add(time.Duration(i) * time.Second), Cut: i})
	}
	return j
}

// numbers are those of the events.
func numbers(events []*Entry) (n []int) {
	for _, e := range events {
		n = append(n, e.Cut)
	}
	return n
}

func TestRead(t *testing.T) {
	first := uint64(start.UnixMicro())
	for name, c := range map[string]struct {
		appended    int
		after       uint64
		first, last int // of those read; -1 for none
		gap         bool
	}{
		"nothing yet":                       {0, 0, -1, -1, false},
		"nothing yet, of a run before":      {0, first - 1e9, -1, -1, true},
		"nothing yet, of a clock ahead":     {0, first + 1e9, -1, -1, true},
		"all":                               {10, 0, 0, 9, false},
		"after the third":                   {10, first + 2, 3, 9, false},
		"after the last":                    {10, first + 9, -1, -1, false},
		"of a run before":                   {10, first - 1e9, 0, 9, true},
		"of a clock ahead":                  {10, first + 1e9, 0, 9, true},
		"all that are kept":                 {kept + 5, 0, 5, kept + 4, false},
		"right before those that are kept":  {kept + 5, first + 4, 5, kept + 4, false},
		"one event too old":                 {kept + 5, first + 3, 5, kept + 4, true},
		"a ring that went round many times": {5*size + 7, first + 5*size, 5*size + 1, 5*size + 6, false},
	} {
		events, gap := filled(c.appended).Read(c.after, 2*size)
		n := numbers(events)
		if gap != c.gap || (c.first < 0) != (len(n) == 0) {
			t.Errorf("%s: %d events, gap %v", name, len(n), gap)
		} else if len(n) > 0 && (n[0] != c.first || n[len(n)-1] != c.last || len(n) != c.last-c.first+1) {
			t.Errorf("%s: %d to %d, want %d to %d", name, n[0], n[len(n)-1], c.first, c.last)
		}
	}
	events, _ := filled(10).Read(0, 3)
	if n := numbers(events); len(n) != 3 || n[2] != 2 {
		t.Errorf("at most three are %v", n)
	}
}

func TestSince(t *testing.T) {
	for name, c := range map[string]struct {
		appended int
		seconds  float64 // after the first
		first    int     // that is read then; -1 for none
		gap      bool
	}{
		"nothing yet":         {0, 0, -1, false},
		"before the first":    {10, -5, 0, false},
		"at the third":        {10, 2, 2, false},
		"between":             {10, 2.5, 3, false},
		"after the last":      {10, 20, -1, false},
		"what is not kept":    {kept + 5, 1, 5, true},
		"what is just kept":   {kept + 5, 6, 6, false},
		"the oldest, exactly": {kept + 5, 5, 5, true}, // there may have been others at that time
	} {
		j := filled(c.appended)
		after, gap := j.Since(start.Add(time.Duration(c.seconds * float64(time.Second))))
		events, lost := j.Read(after, 1)
		if gap != c.gap || lost || (c.first < 0) != (len(events) == 0) || len(events) > 0 && events[0].Cut != c.first {
			t.Errorf("%s: gap %v, lost %v, %v", name, gap, lost, numbers(events))
		}
	}
}

// A run's ids are above those of all runs before it, and exact in JavaScript.
func TestIDs(t *testing.T) {
	j := filled(3)
	events, _ := j.Read(0, 10)
	for i, e := range events {
		if e.ID != uint64(start.UnixMicro())+uint64(i) {
			t.Errorf("event %d has id %d", i, e.ID)
		}
	}
	if later := New(start.Add(time.Millisecond)); later.Oldest() <= j.Newest() {
		t.Error("a later run goes back to ids of an earlier one")
	}
	if New(time.Date(2250, 1, 1, 0, 0, 0, 0, time.UTC)).Newest() >= 1<<53 {
		t.Error("ids are too large for a float64")
	}
}

// Readers that come and go at their own pace see each event once and in order, or
// are told of a gap; and nobody misses a wake-up.
func TestReadWhileAppending(t *testing.T) {
	const appended = 20000
	j := New(start)
	first := j.Oldest()
	var readers sync.WaitGroup
	var gaps atomic.Int64
	for reader := range 8 {
		readers.Go(func() {
			most := 1 + reader*reader*20 // the first cannot keep up
			for cursor := first - 1; ; {
				news, ended := j.News(), j.Ended()
				events, gap := j.Read(cursor, most)
				if gap {
					gaps.Add(1)
				}
				for i, e := range events {
					if e.ID != cursor+1 && (!gap || i > 0) || e.Cut != int(e.ID-first) || e.ID <= cursor {
						t.Errorf("after %d came %d (its number is %d), gap %v", cursor, e.ID, e.Cut, gap)
						return
					}
					cursor = e.ID
				}
				switch {
				case len(events) > 0:
				case ended:
					if cursor != first+appended-1 {
						t.Errorf("a reader has ended at event %d of %d", cursor-first+1, appended)
					}
					return
				default:
					<-news
				}
			}
		})
	}
	for i := range appended {
		j.Append(supervisor.Event{Cut: i})
	}
	j.End()
	readers.Wait()
	t.Logf("%d gaps", gaps.Load())
}

func TestDescribe(t *testing.T) {
	long := strings.Repeat("ä", 5000)
	j := New(start)
	for _, e := range []supervisor.Event{
		{Kind: supervisor.WorkerExited, Time: start, Worker: 7, Slot: 0, PID: 42, Generation: 2, Trigger: policy.Memory, Roll: 5, Reason: "large",
			Duration: 1500 * time.Millisecond, Exit: supervisor.ExitDrained, Status: "exit code 0", CutUpgrades: 1, Ready: 1, Desired: 2, Alive: 3},
		{Kind: supervisor.Note, Message: long, Reason: long, Status: long, Path: long},
		{Kind: supervisor.Warning}, {Kind: supervisor.StopFirst}, {Kind: supervisor.WorkerExited, Exit: supervisor.ExitOOM},
		{Kind: supervisor.WorkerCrashed, Exit: supervisor.ExitOOM, Failure: true}, {Kind: supervisor.WorkerReady},
	} {
		j.Append(e)
	}
	events, _ := j.Read(0, 100)
	var levels []string
	for _, e := range events {
		levels = append(levels, e.Level)
	}
	if got := strings.Join(levels, " "); got != "warn debug warn warn warn error info" {
		t.Error(got)
	}
	var got api.Event
	if err := json.Unmarshal(events[0].JSON(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Slot == nil || *got.Slot != 0 || got.PID != 42 || got.Seconds != 1.5 || got.Trigger != "memory" || got.Roll != 5 || got.CutStreams != 1 ||
		got.Exit != "drained" || got.Ready != 1 || got.Desired != 2 || got.Alive != 3 || !got.Time.Equal(start) {
		t.Errorf("%s", events[0].JSON())
	}
	e := events[1]
	if e.Slot != nil {
		t.Error("an event of no worker has a slot")
	}
	for _, text := range []string{e.Message, e.Reason, e.Status, e.Path} {
		if len(text) > mostMessage || !utf8.ValidString(text) || !strings.HasSuffix(text, "ä…") {
			t.Errorf("%d bytes are kept: …%q", len(text), text[len(text)-8:])
		}
	}
}

// What an event costs the loop, with 200 readers that wait for it.
func BenchmarkAppend(b *testing.B) {
	for name, readers := range map[string]int{"alone": 0, "200 readers": 200} {
		b.Run(name, func(b *testing.B) {
			j := New(time.Now())
			var all sync.WaitGroup
			for range readers {
				all.Go(func() {
					for cursor := uint64(0); ; {
						news, ended := j.News(), j.Ended()
						events, _ := j.Read(cursor, 64)
						for _, e := range events {
							cursor = e.ID
							_ = e.JSON()
						}
						if len(events) == 0 {
							if ended {
								return
							}
							<-news
						}
					}
				})
			}
			e := supervisor.Event{Kind: supervisor.WorkerExited, Time: time.Now(), Worker: 7, Trigger: policy.Memory, Reason: "private memory of 64MiB is over it"}
			b.ReportAllocs()
			for b.Loop() {
				j.Append(e)
			}
			j.End()
			all.Wait()
		})
	}
}
