package api

import "time"

// Explanation says what would cycle a worker, how far it is from that, and what
// holds it back.
type Explanation struct {
	Worker   Worker   `json:"worker"`
	Triggers []Cause  `json:"triggers"` // in the order in which they are heeded
	Held     []Hold   `json:"held"`     // what keeps a cycle of this worker from beginning now
	Settings Settings `json:"settings"`
	Verdict  Verdict  `json:"verdict"` // on the memory of all workers
}

// Cause is one trigger, for one worker.
type Cause struct {
	Trigger string     `json:"trigger"`
	Off     bool       `json:"off"`            // its setting is off
	Due     bool       `json:"due"`            // it wants this worker cycled now
	Text    string     `json:"text"`           // in words, with the numbers
	Now     *float64   `json:"now"`            // bytes, seconds or requests
	Limit   *float64   `json:"limit"`          // of the same
	Unit    string     `json:"unit,omitempty"` // bytes, seconds or requests
	At      *time.Time `json:"at"`             // when it will be due, as far as can be told
}

// Hold is something that a cycle waits for.
type Hold struct {
	By   string `json:"by"`   // spacing, surge, brake, min-uptime, backoff, paused, measuring, stopping
	Text string `json:"text"` // in words, with the numbers
}

// Settings are those of the pool that an explanation speaks of.
type Settings struct {
	MaxSurge       int `json:"max_surge"`
	MaxUnavailable int `json:"max_unavailable"`
}
