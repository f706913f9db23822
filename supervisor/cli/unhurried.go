package cli

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// unhurried hands lines on to a writer that may stop taking them, as a pipe does
// that nobody reads: the pool must not stand still for its log. Lines that do not
// fit any more are lost and counted.
type unhurried struct {
	out   io.Writer
	lines chan []byte
	lost  atomic.Int64
	done  chan struct{} // closed when all is written

	mu     sync.Mutex // of closed, so that nothing is sent after the end
	closed bool
}

const (
	// A reader that stops for a moment loses nothing: a busy pool writes some lines
	// a second.
	unhurriedLines = 4096
	// One that has stopped for good must not keep rota from ending.
	unhurriedClose = 2 * time.Second
)

// newUnhurried begins to write to out. told is called when lines were lost, once
// they are taken again; it may write.
func newUnhurried(out io.Writer, told func(text string)) *unhurried {
	u := &unhurried{out: out, lines: make(chan []byte, unhurriedLines), done: make(chan struct{})}
	go u.run(told)
	return u
}

// Write takes a line. It never waits, and never fails.
func (u *unhurried) Write(line []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return len(line), nil
	}
	select {
	case u.lines <- bytes.Clone(line):
	default:
		u.lost.Add(1)
	}
	return len(line), nil
}

func (u *unhurried) run(told func(string)) {
	defer close(u.done)
	for line := range u.lines {
		if _, err := u.out.Write(line); err != nil {
			u.lost.Add(1)
			continue
		}
		if len(u.lines) > unhurriedLines/2 { // the line that says so needs room too
			continue
		}
		if n := u.lost.Swap(0); n > 0 {
			told(fmt.Sprintf("%d lines of the log were lost: whoever reads it had stopped to, or its file could not be written to", n))
		}
	}
}

// close writes what is left, for as long as somebody takes it.
func (u *unhurried) close() {
	u.mu.Lock()
	if !u.closed {
		u.closed = true
		close(u.lines)
	}
	u.mu.Unlock()
	wait := time.NewTimer(unhurriedClose)
	defer wait.Stop()
	select {
	case <-u.done:
	case <-wait.C:
	}
}
