package front

import (
	"net/http"
	"time"
)

// Why a request was shed, that is answered with 503 without having reached a worker.
const (
	ShedFull    = "full"    // the queue was
	ShedTimeout = "timeout" // it waited for longer than Config.QueueTimeout
	ShedUnready = "unready" // so it did, and no worker was ready
)

// ShedReasons lists them all.
var ShedReasons = []string{ShedFull, ShedTimeout, ShedUnready}

// What may be wrong with a worker's answer. The client gets 502, or a cut
// connection where a part of the answer was sent already.
const (
	FailConnect   = "connect"   // it does not take connections
	FailClosed    = "closed"    // it closed the connection without an answer
	FailMalformed = "malformed" // what it sent is not HTTP
	FailHeader    = "header"    // the header of its answer is too large
	FailTruncated = "truncated" // the body ended before its announced end
	FailTLS       = "tls"       // it speaks TLS
	FailEnded     = "ended"     // rota ended it before it had answered: the drain timeout passed
)

// Failures lists them all.
var Failures = []string{FailConnect, FailClosed, FailMalformed, FailHeader, FailTruncated, FailTLS, FailEnded}

// Kinds of what is in a worker's hands.
const (
	KindRequest = "request"
	KindUpgrade = "upgrade" // a connection that is not HTTP any more, as a WebSocket's
)

// Kinds lists them all.
var Kinds = []string{KindRequest, KindUpgrade}

// NoSlot is the slot of a request that no worker got.
const NoSlot = -1

// CodeClientGone is what a request counts as whose client left before the
// answer began; nginx gave it the number.
const CodeClientGone = 499

// Answer is a request that is over, whatever became of it.
type Answer struct {
	Request  *http.Request // as it came; not to be kept
	Client   string        // the address that the connection came from; empty on a unix socket
	Slot     int           // of the worker, or NoSlot
	Code     int           // status
	Bytes    int64         // of the answer's body
	Began    time.Time
	Duration time.Duration // all of it, waiting included
	Waited   time.Duration // in the queue
	Kind     string        // one of Kinds
	Shed     string        // one of ShedReasons; empty if it reached a worker
	Failure  string        // one of Failures; empty if the worker answered
	Error    error         // the same in full
	Cut      bool          // it was ended unfinished, and not by its client
	Retried  bool          // it was sent on a second connection
}

// Stats is the front at one moment.
type Stats struct {
	Queued      int // requests that wait for a worker
	Connections int // of clients
	Workers     []WorkerStats
}

// WorkerStats is one worker that requests go, or went, to.
type WorkerStats struct {
	ID       uint64
	Slot     int
	Retired  bool
	InFlight int   // requests and upgraded connections
	Requests int64 // that it was given so far
}
