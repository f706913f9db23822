package cli

import (
	"sync"
	"time"

	"rota/listener/front"
)

// failurePause is how often one kind of failure is logged. A worker that is
// broken fails thousands of requests alike; the metrics have their number.
const failurePause = time.Second

// failures logs the requests that workers gave no valid answer to. No request
// waits for the log.
type failures struct {
	lines chan front.Answer

	mu   sync.Mutex
	last map[string]time.Time // by kind, the last that was logged
	more map[string]int       // by kind, those that were not, since then
}

func newFailures() *failures {
	return &failures{lines: make(chan front.Answer, len(front.Failures)), last: map[string]time.Time{}, more: map[string]int{}}
}

// answered notes a request that is over.
func (f *failures) answered(a front.Answer) {
	if a.Failure == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.last[a.Failure]) < failurePause {
		f.more[a.Failure]++
		return
	}
	a.Request = nil // it is not to be kept
	select {
	case f.lines <- a:
		f.last[a.Failure] = time.Now()
	default:
		f.more[a.Failure]++
	}
}

// write logs them, for as long as rota lives.
func (f *failures) write(log *log) {
	for a := range f.lines {
		args := []any{"reason", a.Failure, "code", a.Code}
		if a.Slot != front.NoSlot {
			args = append(args, "slot", a.Slot)
		}
		if a.Error != nil {
			args = append(args, "error", a.Error.Error())
		}
		f.mu.Lock()
		if n := f.more[a.Failure]; n > 0 {
			args = append(args, "more_before", n)
		}
		delete(f.more, a.Failure)
		f.mu.Unlock()
		log.Logger.Warn("no valid answer from a worker", args...)
	}
}
