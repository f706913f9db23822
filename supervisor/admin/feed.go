package admin

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"rota/supervisor/admin/api"
	"rota/supervisor/admin/journal"
)

// How often the status is told.
const (
	feedEvery = time.Second
	// feedLeast is the least time between two, however much happens.
	feedLeast = 200 * time.Millisecond
	// feedLag is how long after an event: the pool's state is published right after
	// it, and several events often come together.
	feedLag = 20 * time.Millisecond
)

// statusMessage is the pool's status as a message of the stream; empty before there
// is one.
func (s *Server) statusMessage() []byte {
	st := s.options.Pool.Status()
	if st == nil {
		return nil
	}
	text, err := json.Marshal(s.describe(st))
	if err != nil { // a number that JSON has no word for
		return nil
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", api.StreamStatus, text)
}

// feed tells the pool's status to all streams that want it. It is written down once
// for all, and only while there is one.
type feed struct {
	encode  func() []byte // a message of the stream
	journal *journal.Journal

	mu     sync.Mutex
	wanted int
	stop   chan struct{}
	frame  []byte        // the last one
	news   chan struct{} // closed at the next
}

func newFeed(j *journal.Journal, encode func() []byte) *feed {
	return &feed{encode: encode, journal: j}
}

// join says that there is one more stream that wants the status.
func (f *feed) join() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wanted++; f.wanted == 1 {
		f.frame, f.news, f.stop = f.encode(), make(chan struct{}), make(chan struct{})
		go f.run(f.stop)
	}
}

// leave takes it back.
func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wanted--; f.wanted == 0 {
		close(f.stop)
		f.frame = nil
	}
}

// read returns the last status, and what is closed when there is another. A stream
// that comes back late has missed the ones between.
func (f *feed) read() ([]byte, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.frame, f.news
}

// run writes the status down until stop is closed.
func (f *feed) run(stop <-chan struct{}) {
	timer := time.NewTimer(feedEvery)
	defer timer.Stop()
	last := time.Now()
	news := f.journal.News()
	for {
		select {
		case <-news:
			news = nil // one is enough until the next status
			timer.Reset(max(feedLag, time.Until(last.Add(feedLeast))))
			continue
		case <-timer.C:
		case <-stop:
			return
		}
		news = f.journal.News()
		if !f.tell(stop) {
			return
		}
		last = time.Now()
		timer.Reset(feedEvery)
	}
}

// tell writes the status down and wakes the streams; false if all have left.
func (f *feed) tell(stop <-chan struct{}) bool {
	frame := f.encode()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != stop {
		return false
	}
	f.frame = frame
	close(f.news)
	f.news = make(chan struct{})
	return true
}
