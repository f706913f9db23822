package admin

import (
	"fmt"
	"sync"
	"time"
)

// refusalPause is how often a refusal is logged: whoever tries many must not fill
// the log.
const refusalPause = time.Second

// refusals logs changes that were refused.
type refusals struct {
	mu   sync.Mutex
	last time.Time
	more int // that were not logged since then
}

func (r *refusals) note(warn func(string), text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.last) < refusalPause {
		r.more++
		return
	}
	if r.more > 0 {
		text += fmt.Sprintf(" (and %d more before)", r.more)
	}
	r.last, r.more = time.Now(), 0
	warn(text)
}
