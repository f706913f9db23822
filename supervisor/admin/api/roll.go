package api

import "time"

// Roll is the replacement of every worker, one after another.
type Roll struct {
	ID         int        `json:"id"` // rises by one
	Trigger    string     `json:"trigger"`
	Reason     string     `json:"reason"`
	Generation int        `json:"generation"` // what the workers are replaced with
	BeganAt    time.Time  `json:"began_at"`
	EndedAt    *time.Time `json:"ended_at"`
	Result     string     `json:"result"`        // empty while it is under way; else done, failed, aborted or superseded
	Why        string     `json:"why,omitempty"` // it failed
	Paused     bool       `json:"paused"`
	Replaced   int        `json:"replaced"`
	Total      int        `json:"total"` // workers to replace, those included that were
}

// Rolls are the rolls of a pool.
type Rolls struct {
	Current *Roll  `json:"current"`
	History []Roll `json:"history"` // the last ones that ended, newest first
}

// Begun answers a request for a roll.
type Begun struct {
	ID int `json:"id"` // of the roll
}

// Scale asks for a number of workers.
type Scale struct {
	Workers int `json:"workers"`
}

// Scaled answers it.
type Scaled struct {
	Before  int `json:"before"`
	Workers int `json:"workers"`
}
