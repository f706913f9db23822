// Package api is what rota tells of a running pool, and what it can be asked,
// as JSON over HTTP: the one schema of `rota status -o json`, of the control
// socket and of the admin address.
//
//	GET  /v1/status                       Status
//	GET  /v1/events                       server-sent: what happens; ?since=, ?after=, ?follow=false, ?status
//	GET  /v1/history                      History; ?since=, ?step=, ?format=csv
//	GET  /v1/rolls                        Rolls
//	GET  /v1/workers/{slot}/explain       Explanation
//	POST /v1/roll                         replace every worker: Begun
//	POST /v1/roll/pause, /resume, /abort  of the roll under way
//	POST /v1/workers/{slot}/cycle         replace one worker
//	POST /v1/scale                        Scale: another number of workers
//	POST /v1/stop                         drain every worker, and end
//
// Sizes are bytes, times RFC 3339, durations seconds. What is not known, or does
// not apply, is null or absent, never 0. Fields are added, not renamed.
// Anything but 2xx comes with an Error.
package api

// Error is the body of every answer that is not a success.
type Error struct {
	Code    int    `json:"-"` // the status of the answer
	Message string `json:"error"`
}

// Error implements error.
func (e *Error) Error() string { return e.Message }
