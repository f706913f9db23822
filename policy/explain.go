package policy

import "time"

// Explanation says what would cycle a worker, and what keeps that from beginning.
type Explanation struct {
	Causes []Cause // in the order in which Plan heeds them
	Held   []Hold  // what keeps a cycle of the worker from beginning now
}

// Cause is one trigger, for one worker.
type Cause struct {
	Trigger Trigger
	Off     bool    // its setting is off
	Due     bool    // it wants the worker cycled now
	Text    string  // in words, with the numbers
	Now     float64 // of Unit; meaningful if Limit is
	Limit   float64
	Unit    string    // bytes, seconds or requests; empty if there are no numbers
	At      time.Time // when it will be due, as far as can be told; else zero

	held []Hold // what keeps this one from being heeded
}

// Hold is something that a cycle waits for.
type Hold struct {
	By   HoldBy
	Text string // in words, with the numbers
}

// HoldBy is what holds a cycle back.
type HoldBy string

// What may hold a cycle back.
const (
	BySpacing   HoldBy = "spacing"    // another worker comes or goes
	BySurge     HoldBy = "surge"      // there is no room for one more
	ByBrake     HoldBy = "brake"      // it would not help
	ByMinUptime HoldBy = "min-uptime" // the worker has only just begun
	ByBackoff   HoldBy = "backoff"    // a replacement has failed lately
	ByPaused    HoldBy = "paused"     // an operator has paused the roll
	ByMeasuring HoldBy = "measuring"  // an exact look at its memory is waited for
	ByStopping  HoldBy = "stopping"   // rota ends
)

// Explain tells of a worker what Plan goes by.
func Explain(c Config, now time.Time, f *Fleet, id uint64) Explanation {
	return Explanation{}
}
