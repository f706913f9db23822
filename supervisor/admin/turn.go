package admin

import (
	"net/http"
	"strconv"
	"time"
)

// turnWait is how long a request waits for its turn.
const turnWait = 5 * time.Second

// turns bounds how many requests of a kind are answered at once. Others wait, as
// long as their client does.
type turns chan struct{}

// take waits for a turn. It is false, and the request refused, if that takes too
// long or the client has left.
func (t turns) take(w http.ResponseWriter, r *http.Request, refusal string) bool {
	wait := time.NewTimer(turnWait)
	defer wait.Stop()
	select {
	case t <- struct{}{}:
		return true
	case <-wait.C:
	case <-r.Context().Done():
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	refuse(w, http.StatusServiceUnavailable, refusal)
	return false
}

// give gives a turn back.
func (t turns) give() { <-t }
