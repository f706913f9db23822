package admin

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"rota/supervisor/admin/api"
	"rota/supervisor/admin/journal"
)

// What the stream of events goes by.
const (
	mostStreams     = 256 // at once; beyond that there is 503
	reservedStreams = 16  // of these, for the control socket: strangers on the address cannot lock an operator out
	retryAfter      = 2 * time.Second
	streamPatience  = 5 * time.Second // for a client to take a batch; it is dropped then, and may resume
	heartbeat       = 15 * time.Second
	batch           = 64                     // events that are written at once, at most
	batchSize       = 16 << 10               // and bytes, about: what a client that takes nothing costs us
	farewell        = 500 * time.Millisecond // for clients to take the last events when rota ends
)

// streams are the clients that follow the pool.
type streams struct {
	mu     sync.Mutex
	open   int
	ending bool
	none   chan struct{} // closed once ending and open is 0
}

// enter admits a client; false if there are too many.
func (s *streams) enter(local bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := mostStreams
	if !local {
		most -= reservedStreams
	}
	if s.ending || s.open >= most {
		return false
	}
	s.open++
	return true
}

func (s *streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.settle()
}

func (s *streams) settle() {
	if s.ending && s.open == 0 && s.none != nil {
		close(s.none)
		s.none = nil
	}
}

// end admits no more clients. What it returns is closed when all have left.
func (s *streams) end() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	none := make(chan struct{})
	s.ending, s.none = true, none
	s.settle()
	return none
}

// End ends the streams of events once each has got the last event, and returns then
// or after half a second: who reads slowly does not hold up the end of rota. The
// other answers go on.
func (s *Server) End() {
	none := s.streams.end()
	s.options.Journal.End()
	select {
	case <-none:
	case <-time.After(farewell):
	}
}

// stream is one client of /v1/events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	asked   asked
	journal *journal.Journal
	timeout time.Duration // for a batch
	cursor  uint64        // the id of the last event that was sent
	text    bytes.Buffer
}

// events answers with server-sent events, as
// https://html.spec.whatwg.org/multipage/server-sent-events.html has them. Nothing
// is queued for a client: it has a place in the journal, and what it does not take
// in time ends the connection. EventSource then comes back with Last-Event-ID.
//
//	Last-Event-ID, or ?after=ID   goes on after an event; ?since counts no more
//	?since=                       an RFC 3339 time, or a duration before now, as Go writes it
//	?follow=false                 ends after what there is
//	?status                       with the pool's status each second, and soon after an event
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	asked, err := parseAsked(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	address, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !s.streams.enter(address != nil && address.Network() == "unix") {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		refuse(w, http.StatusServiceUnavailable, "too many follow the events")
		return
	}
	defer s.streams.leave()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx passes each message on at once
	if r.Method == http.MethodHead {
		return
	}
	c := &stream{w: w, control: http.NewResponseController(w), asked: asked, journal: s.options.Journal, timeout: s.patience}
	// The server's own limit is on a whole request, and ends it when it passes.
	_ = c.control.SetReadDeadline(time.Time{})
	fmt.Fprintf(&c.text, "retry: %d\n\n", retryAfter.Milliseconds())
	c.begin()
	if !asked.follow {
		c.replay(s.feed)
		return
	}
	c.follow(r.Context().Done(), s.feed)
}

// begin finds the place in the journal to begin at.
func (c *stream) begin() {
	c.cursor = c.asked.after
	if c.cursor > 0 || c.asked.since.IsZero() {
		return
	}
	var gap bool
	if c.cursor, gap = c.journal.Since(c.asked.since); gap {
		c.gap()
	}
}

// replay sends what there is.
func (c *stream) replay(feed *feed) {
	for newest := c.journal.Newest(); c.advance() && c.cursor < newest; {
		if c.send(nil) != nil {
			return
		}
	}
	var frame []byte
	if c.asked.status {
		frame = feed.encode()
	}
	_ = c.send(frame)
}

// follow sends what happens until the client or the journal ends.
func (c *stream) follow(gone <-chan struct{}, feed *feed) {
	var fresh <-chan struct{}
	if c.asked.status {
		feed.join()
		defer feed.leave()
	}
	silence := time.NewTimer(heartbeat)
	defer silence.Stop()
	for {
		news, ended := c.journal.News(), c.journal.Ended()
		more := c.advance()
		var frame []byte
		if c.asked.status && !more && (fresh == nil || closed(fresh)) {
			frame, fresh = feed.read()
		}
		if c.text.Len() > 0 || frame != nil {
			if c.send(frame) != nil {
				return
			}
			// Over HTTP/2 a deadline ends the stream also while nothing is written.
			_ = c.control.SetWriteDeadline(time.Time{})
			silence.Reset(heartbeat)
		}
		switch {
		case more:
			continue
		case ended:
			// The end of the answer is still to be written.
			_ = c.control.SetWriteDeadline(time.Now().Add(c.timeout))
			return
		}
		select {
		case <-news:
		case <-fresh:
		case <-silence.C:
			c.text.WriteString(":\n\n") // a comment, so that a dead connection shows
		case <-gone:
			return
		}
	}
}

// advance writes the next events down. It is true if there may be more.
func (c *stream) advance() (more bool) {
	entries, gap := c.journal.Read(c.cursor, batch)
	if gap {
		c.gap()
		c.cursor = 0 // until there is an event
	}
	for _, e := range entries {
		fmt.Fprintf(&c.text, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, api.StreamEvent, e.JSON())
		if c.cursor = e.ID; c.text.Len() >= batchSize {
			return true
		}
	}
	return len(entries) == batch
}

// gap tells the client that it has missed events.
func (c *stream) gap() {
	fmt.Fprintf(&c.text, "event: %s\ndata: {\"first\":%d}\n\n", api.StreamGap, c.journal.Oldest())
}

// send gives the client what was written down, and a status, which many have in
// common.
func (c *stream) send(frame []byte) error {
	// An error of setting it is one of a connection that has ended.
	_ = c.control.SetWriteDeadline(time.Now().Add(c.timeout))
	if _, err := c.text.WriteTo(c.w); err != nil {
		return err
	}
	if _, err := c.w.Write(frame); err != nil {
		return err
	}
	return c.control.Flush()
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
