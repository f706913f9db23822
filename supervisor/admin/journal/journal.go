// Package journal keeps the last things that happened to a pool, for any number
// of readers. It has no queue for any of them: a reader remembers the id of the
// event that it saw last, and comes back for those after it. So nothing here grows
// with readers, and whoever appends waits for none: readers take no lock.
package journal

import (
	"sync"
	"sync/atomic"
	"time"

	"rota/supervisor"
)

// kept is how many events can be read again. A roll of 100 workers is some 600.
const kept = 1000

// size is larger than kept, so that a reader that is reading the oldest event is
// not overtaken by the next one.
const size = 1024

// Journal is a ring of the last events of one run of rota. The zero value is not
// usable: see New.
type Journal struct {
	ring   [size]atomic.Pointer[Entry] // an event's place is its id, modulo size
	first  uint64                      // the id of the first event ever
	newest atomic.Uint64               // first - 1 before that
	news   atomic.Pointer[chan struct{}]
	ended  atomic.Bool

	appending sync.Mutex // between writers, of which there is usually one
}

// New makes an empty journal. Ids rise by one from the time in microseconds since
// the epoch: so those of a later run of rota are higher than all before, and who
// comes back with an id of an earlier run finds it too old instead of taken for
// another event's. In JavaScript they are exact until the year 2255.
func New(start time.Time) *Journal {
	j := &Journal{first: uint64(start.UnixMicro())}
	j.newest.Store(j.first - 1)
	news := make(chan struct{})
	j.news.Store(&news)
	return j
}

// Append adds an event. It takes a few microseconds and waits for no reader.
func (j *Journal) Append(e supervisor.Event) {
	j.appending.Lock()
	defer j.appending.Unlock()
	id := j.newest.Load() + 1
	j.ring[id%size].Store(&Entry{Event: describe(id, e)})
	j.newest.Store(id)
	j.wake()
}

// End says that no event will follow. Readers see what there is to the end.
func (j *Journal) End() {
	j.ended.Store(true)
	j.wake()
}

// Ended tells whether End was called. Ask before Read: what that returns is then
// all that there will ever be.
func (j *Journal) Ended() bool { return j.ended.Load() }

func (j *Journal) wake() {
	news := make(chan struct{})
	close(*j.news.Swap(&news))
}

// News is closed at the next event, and at the end. Take it before Read, so that no
// event comes unnoticed in between.
func (j *Journal) News() <-chan struct{} { return *j.news.Load() }

// Read returns the events after an id, oldest first and at most as many as most; 0
// is before all that are kept. gap tells that events right after the id are not
// kept any more, or that the id is none of this journal's; the events are then the
// oldest that there are.
func (j *Journal) Read(after uint64, most int) (events []*Entry, gap bool) {
	newest := j.newest.Load()
	from := j.oldest(newest)
	switch {
	case after > newest:
		gap = true // of another run, on a clock that was ahead of ours
	case after+1 >= from:
		from = after + 1
	default:
		gap = after > 0
	}
	for id := from; id <= newest && len(events) < most; id++ {
		e := j.ring[id%size].Load()
		if e.ID == id {
			events = append(events, e)
			continue
		}
		// It was overwritten just now, and so were those before it.
		if len(events) > 0 {
			break // the next Read finds the gap
		}
		gap = after > 0
	}
	return events, gap
}

// Since returns the id after which events are not before t. gap tells that there
// were more of them, which are not kept any more.
func (j *Journal) Since(t time.Time) (after uint64, gap bool) {
	newest := j.newest.Load()
	oldest := j.oldest(newest)
	for id := oldest; id <= newest; id++ {
		if e := j.ring[id%size].Load(); e.ID != id || !e.Time.Before(t) {
			return id - 1, id == oldest && id > j.first
		}
	}
	return newest, false
}

// Newest is the id of the newest event.
func (j *Journal) Newest() uint64 { return j.newest.Load() }

// Oldest is the id of the oldest event that is kept, or of the first to come.
func (j *Journal) Oldest() uint64 { return j.oldest(j.newest.Load()) }

func (j *Journal) oldest(newest uint64) uint64 {
	if newest-j.first+1 > kept { // 0 of them when newest is first - 1
		return newest - kept + 1
	}
	return j.first
}
