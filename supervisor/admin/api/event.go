package api

import "time"

// Event is one thing that happened, with its numbers and the state of the pool
// just after it. It is what the log has a line for.
type Event struct {
	ID         uint64    `json:"id"` // rises by one, and over a restart of rota by more; Last-Event-ID of the stream
	Time       time.Time `json:"time"`
	Kind       string    `json:"kind"`              // as in the log: "worker ready", "cycle done"
	Level      string    `json:"level"`             // debug, info, warn or error
	Message    string    `json:"message,omitempty"` // for people, where the fields do not say it all
	Slot       *int      `json:"slot,omitempty"`
	PID        int       `json:"pid,omitempty"`
	Generation int       `json:"generation,omitempty"`
	Trigger    string    `json:"trigger,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Roll       int       `json:"roll,omitempty"`    // the id of the roll that it happened to
	Seconds    float64   `json:"seconds,omitempty"` // what a boot, a drain or a roll took
	Exit       string    `json:"exit,omitempty"`    // drained, stopped, killed, crash or oom
	Status     string    `json:"status,omitempty"`  // how a process ended, like "exit code 1"
	Cut        int       `json:"cut,omitempty"`
	CutStreams int       `json:"cut_upgrades,omitempty"`
	Path       string    `json:"path,omitempty"` // of a capture's result
	Bytes      int64     `json:"bytes,omitempty"`

	Ready   int `json:"ready"`
	Desired int `json:"desired"`
	Alive   int `json:"alive"`
}

// The names of the messages on the stream of /v1/events.
const (
	// StreamEvent: an Event; its id is the Event's.
	StreamEvent = "event"
	// StreamStatus: a Status, once a second with ?status; without an id.
	StreamStatus = "status"
	// StreamGap: what the client asked for is not kept any more; {"first": id} is
	// the oldest that is.
	StreamGap = "gap"
)
