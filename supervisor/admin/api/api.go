// Package api is what rota tells of a running pool, and what it can be asked,
// as JSON over HTTP: the one schema of `rota status -o json`, of the control
// socket and of the admin address.
//
//	GET  /v1/status                       Status
//	GET  /v1/events                       server-sent: event (Event), gap (some are not kept any more), status (Status)
//	GET  /v1/history                      History, or CSV
//	GET  /v1/rolls                        Rolls
//	GET  /v1/workers/{slot}/explain       Explanation
//	POST /v1/roll                         replace every worker: Begun
//	POST /v1/roll/pause, /resume, /abort  of the roll under way
//	POST /v1/workers/{slot}/cycle         replace one worker
//	POST /v1/scale                        takes Scale, answers Scaled: another number of workers
//	POST /v1/stop                         drain every worker, and end
//
// Events come from the last thousand on, and go on. ?since= (10m, or RFC 3339)
// begins later, ?after= or Last-Event-ID behind an event, ?follow=false ends
// with the last, ?status=true adds the Status each second and after each event.
// History takes ?since=, ?step= (seconds: nothing finer) and ?format=csv.
//
// Sizes are bytes, times RFC 3339, durations seconds. What is not known, or does
// not apply, is null or absent, never 0. Fields are added, not renamed.
//
// A change is begun, not awaited; one that has nothing to say answers 204. A body
// is JSON of 4 KiB at most, with its type and length. Anything but 2xx comes with
// an Error: 400 what was sent is wrong, 401 the token is missing or wrong, 403 not
// over this address or not from that page, 404 no such path or slot, 405, 408,
// 409 not now (no roll is under way, rota ends), 411, 413, 415, 422 the
// configuration cannot be used, 503 too many ask: again after Retry-After.
package api

// Error is the body of every answer that is not a success.
type Error struct {
	Code    int    `json:"-"` // the status of the answer
	Message string `json:"error"`
}

// Error implements error.
func (e *Error) Error() string { return e.Message }
