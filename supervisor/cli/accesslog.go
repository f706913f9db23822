package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"rota/listener/front"
)

// accessLog writes a line for each request that is over. Requests never wait for
// whoever reads it: lines go into a buffer that one goroutine writes out, and
// when it is full they are lost and counted. A nil *accessLog writes nothing.
type accessLog struct {
	out  io.Writer
	json bool

	mu      sync.Mutex // held for a copy of a line, never while something is written
	buffer  []byte     // whole lines
	missing int        // lines lost since lost was last asked
	trouble error      // why; nil if only for want of room
	closed  bool

	some   chan struct{} // there is a first line
	much   chan struct{} // there are accessBatch bytes
	ending chan struct{} // closed by close
	done   chan struct{} // closed when all is written

	torn bool // what was written ends within a line; belongs to run
}

const (
	// A line after a pause is written at once; those that follow it wait for so
	// long, or until they are as many bytes.
	accessInterval = 100 * time.Millisecond
	accessBatch    = 64 << 10
	// What waits for a slow reader: 20,000 common lines, a second of a very busy
	// pool. As much again may be on its way.
	accessBuffer = 4 << 20
	// Writes to a pipe are not torn apart by those of others, such as workers
	// that share rota's output, up to PIPE_BUF bytes; see pipe(7).
	accessWrite = 4096
	// A reader that has stopped to read must not keep rota from ending.
	accessClose = 2 * time.Second
	// How often an operator is told of lines that were lost.
	accessWarn = time.Minute
)

// newAccessLog begins to write to w. The format is text (Combined Log Format),
// json (an object a line), or off, for nil.
func newAccessLog(w io.Writer, format string) *accessLog {
	if format == off {
		return nil
	}
	l := &accessLog{
		out: w, json: format == "json",
		some: make(chan struct{}, 1), much: make(chan struct{}, 1),
		ending: make(chan struct{}), done: make(chan struct{}),
	}
	go l.run()
	return l
}

// scratch holds what lines are made in, so that making one holds nobody up.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// answered logs a request that is over. Any number of goroutines may call it.
func (l *accessLog) answered(a front.Answer) {
	if l == nil {
		return
	}
	line := scratch.Get().(*[]byte)
	if l.json {
		*line = appendJSON((*line)[:0], &a)
	} else {
		*line = appendText((*line)[:0], &a)
	}
	l.add(*line)
	if cap(*line) <= accessWrite { // one huge target must not stay for good
		scratch.Put(line)
	}
}

func (l *accessLog) add(line []byte) {
	l.mu.Lock()
	before := len(l.buffer)
	if l.closed || before+len(line) > accessBuffer {
		l.missing++
		l.mu.Unlock()
		return
	}
	l.buffer = append(l.buffer, line...)
	after := len(l.buffer)
	l.mu.Unlock()
	if before == 0 {
		tell(l.some)
	}
	if before < accessBatch && after >= accessBatch {
		tell(l.much)
	}
}

// tell makes ch readable.
func tell(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// run writes until the log is closed.
func (l *accessLog) run() {
	defer close(l.done)
	var spare []byte
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-l.some:
		case <-l.ending:
			l.flush(spare)
			return
		}
		spare = l.flush(spare)
		pause.Reset(accessInterval)
		select {
		case <-pause.C:
		case <-l.much:
		case <-l.ending:
		}
	}
}

// flush writes out what has gathered, while spare gathers what comes meanwhile.
// It returns the buffer that is free now.
func (l *accessLog) flush(spare []byte) []byte {
	l.mu.Lock()
	full := l.buffer
	l.buffer = spare[:0]
	l.mu.Unlock()
	if rest, err := l.write(full); err != nil {
		l.mu.Lock()
		l.missing += bytes.Count(rest, newline)
		l.trouble = err
		l.mu.Unlock()
	}
	if cap(full) > 4*accessBatch { // what one burst needed is not kept
		return nil
	}
	return full
}

var newline = []byte{'\n'}

// write writes lines, and returns those that it could not.
func (l *accessLog) write(lines []byte) (rest []byte, err error) {
	if l.torn && len(lines) > 0 { // on a line of its own, what was torn is only that
		if _, err := l.out.Write(newline); err != nil {
			return lines, err
		}
		l.torn = false
	}
	for len(lines) > 0 {
		part := lines
		if len(part) > accessWrite {
			end := bytes.LastIndexByte(part[:accessWrite], '\n')
			if end < 0 { // one line that is longer
				end = bytes.IndexByte(part, '\n')
			}
			part = part[:end+1]
		}
		n, err := l.out.Write(part)
		if err != nil {
			l.torn = n > 0 && part[n-1] != '\n'
			return lines[n:], err
		}
		lines = lines[len(part):]
	}
	return nil, nil
}

// lost is how many lines were lost since it was last asked, and why, if it was
// not that nobody read them as fast as they came.
func (l *accessLog) lost() (lines int, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines, why = l.missing, l.trouble
	l.missing, l.trouble = 0, nil
	return lines, why
}

// watch warns of lines that were lost, until ctx ends.
func (l *accessLog) watch(ctx context.Context, warn func(text string)) {
	if l == nil {
		return
	}
	ticks := time.NewTicker(accessWarn)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			l.report(warn)
		}
	}
}

func (l *accessLog) report(warn func(text string)) {
	n, why := l.lost()
	switch {
	case n > 0 && why != nil:
		warn(fmt.Sprintf("the access log has lost %d lines: %v", n, why))
	case n > 0:
		warn(fmt.Sprintf("the access log has lost %d lines: they came faster than they were read", n))
	}
}

// close writes out what is left, and says what was lost. Requests that end later
// are not logged.
func (l *accessLog) close(warn func(text string)) {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	close(l.ending)
	late := time.NewTimer(accessClose)
	defer late.Stop()
	select {
	case <-l.done:
	case <-late.C:
		warn(fmt.Sprintf("the end of the access log is lost: nobody has read it for %s", accessClose))
	}
	l.report(warn)
}
