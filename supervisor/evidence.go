package supervisor

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"rota/policy"
)

// CaptureUnderWay is evidence that is being taken of a worker.
type CaptureUnderWay struct {
	Began   time.Time
	Timeout time.Duration // what it may take
}

// LastCapture is how the last capture ended. One that was done without is none.
type LastCapture struct {
	Worker   uint64 // id
	Slot     int
	PID      int // of the worker's leader
	Trigger  policy.Trigger
	Result   string // one of CaptureResults
	Message  string // why it failed, as far as is known
	Path     string // of the folder with the result; empty if it was removed
	Bytes    int64  // that the result takes, or took
	Began    time.Time
	Duration time.Duration
}

// underWay is the capture of a worker; nil if there is none.
func (s *Supervisor) underWay(id uint64) *CaptureUnderWay {
	if c := s.capture; c != nil && c.id == id {
		return &CaptureUnderWay{c.began, c.timeout}
	}
	return nil
}

// tidy looks at the results once more when the worker of the last has ended: what
// that was told to write it may have gone on writing for as long as it lived.
func (s *Supervisor) tidy(id uint64) {
	last, settings := s.lastCapture, s.config.Capture
	if last == nil || last.Worker != id || last.Path == "" {
		return
	}
	go func() {
		_ = settings.prune() // what cannot be removed the next capture tells
		if _, err := os.Stat(last.Path); errors.Is(err, fs.ErrNotExist) {
			s.post(asked{func() {
				if s.lastCapture == last {
					gone := *last
					gone.Path = ""
					s.lastCapture = &gone
				}
			}})
		}
	}()
}

// failure is what is known of why the capture of an event failed.
func (e *Event) failure() string {
	if e.Failure && e.Message == "" {
		return "it ended with " + e.Status
	}
	return e.Message
}
