package admin

import (
	"net/http"
	"strconv"
	"time"
)

// turnTime is how long a request waits for its turn.
const turnTime = 5 * time.Second

// turns bound how many requests do at once what takes long, or may.
type turns chan struct{}

// take waits for a turn, which leave ends. Where that takes too long it answers,
// with why, and is false.
func (t turns) take(w http.ResponseWriter, r *http.Request, why string) bool {
	wait := time.NewTimer(turnTime)
	defer wait.Stop()
	select {
	case t <- struct{}{}:
		return true
	case <-wait.C:
	case <-r.Context().Done():
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	refuse(w, http.StatusServiceUnavailable, why)
	return false
}

func (t turns) leave() { <-t }
