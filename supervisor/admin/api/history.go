package api

import "time"

// History is what a pool was like over time: the last minutes second by second,
// hours ago more coarsely. It begins anew with rota.
type History struct {
	Points []Point `json:"points"` // oldest first, of growing fineness
	Marks  []Mark  `json:"marks"`  // cycles within that time, oldest first
}

// Point is a stretch of time. Sizes are the most within it, rates its mean. Where
// one does not begin at the end of the one before, nobody looked: the machine was
// asleep.
type Point struct {
	Time    time.Time `json:"time"`    // its end
	Seconds float64   `json:"seconds"` // how long it was

	Workers        []SlotPoint `json:"workers"` // by slot
	TotalBytes     *int64      `json:"total_bytes"`
	ContainerBytes *int64      `json:"container_bytes"`     // used
	LimitBytes     *int64      `json:"limit_bytes"`         // of the container
	Ready          int         `json:"ready"`               // the least
	AcceptQueue    int         `json:"accept_queue"`        // of all listeners
	Requests       *float64    `json:"requests_per_second"` // that were over, shed ones included
	Shed           *float64    `json:"shed_per_second"`
	Cut            *float64    `json:"cut_per_second"`
	InFlight       *int        `json:"in_flight"`
	Queued         *int        `json:"queued"`
	P50Seconds     *float64    `json:"p50_seconds"`
	P99Seconds     *float64    `json:"p99_seconds"`
}

// SlotPoint is the worker of a slot that served, or was about to; of two that did
// so one after the other, the larger. Slots from 128 on are in the totals only.
type SlotPoint struct {
	Slot         int    `json:"slot"`
	ID           uint64 `json:"id"` // another one: it was replaced
	PrivateBytes int64  `json:"private_bytes"`
	SharedBytes  int64  `json:"shared_bytes"` // its part of it: PSS - private, so that the two add up
	RSSBytes     int64  `json:"rss_bytes"`
}

// Mark is a cycle that was done, or a crash.
type Mark struct {
	Time    time.Time `json:"time"`
	Slot    int       `json:"slot"`
	Trigger string    `json:"trigger"`
	Reason  string    `json:"reason"`
}
