// Package verdict tells people what the memory of a pool does: whether it
// leaks, grows to a level, or stays where it is. It is pure: no clock, no I/O,
// no log, no goroutine. Nothing is decided by it: cycles go by level and
// forecast, which need no name for what they see.
//
// A Ledger collects looks at the workers and is asked to Judge. It compares
// floors, the least private memory in a stretch of a worker's life, since peaks
// are garbage not yet collected, and it holds them against the work that the
// worker has done, since a busy day is no leak. Lives that have ended are
// remembered in summary: what the first ones cannot tell, the next ones can.
package verdict

import "time"

// Kind is what a pool's memory does.
type Kind string

// The kinds of a Verdict.
const (
	Unknown Kind = "unknown" // there is no evidence yet, or it does not agree
	Steady  Kind = "steady"  // it hardly grows
	Bloat   Kind = "bloat"   // it grew, and settles: caches, warming up, fragmentation
	Leak    Kind = "leak"    // it grows with the work that is done, and does not level off
)

// Kinds lists every Kind, for whatever must enumerate them.
var Kinds = []Kind{Unknown, Steady, Bloat, Leak}

// How much evidence it takes.
const (
	// settleTime is the least age of a worker that can be said to be steady or to
	// have settled. Before it, most programs still warm up.
	settleTime = time.Hour
	// leakTime is the least age at which the growth of one life is called a leak.
	// A cache that fills looks the same for as long as it has no hits; in eight
	// hours one that is of any use has some, and grows slower.
	leakTime = 8 * time.Hour
	// variedLeakTime is the same where the load was not even, or where memory grows
	// with time and not with work. It is longer than a day, so that no morning's
	// rise is taken for a leak.
	variedLeakTime = 30 * time.Hour
	// leakSpread is over what time lives must have begun that ended InTime and
	// under a load that varied, to be held against each other: all the hours of a
	// day, so that they are not alike because each had the same morning.
	leakSpread = 24 * time.Hour
	// leakLives is how many lives in a row must have grown evenly up to the limit.
	leakLives = 3
	// A majority are three of four: 6 of 8 workers.
	majorityOf, majority = 4, 3
	// hardlyADay is the share of its level that steady memory may grow by in a day.
	hardlyADay = 0.25
)

// Verdict is what is known about a pool's memory. Numbers that are not known are 0.
type Verdict struct {
	Kind Kind
	// What a worker grows by, in bytes: the median of the workers, or of their
	// last lives where those are what tells. Per request where requests are
	// known, else per second of CPU time.
	PerHour      float64
	PerRequest   float64
	PerCPUSecond float64
	// Settles is the private memory in bytes at which a worker of a Bloat or
	// Steady pool stays; 0 where that is not to be seen.
	Settles int64
	// ToLimit is when the first worker reaches the limit, as it grows with what it
	// has to do at present; 0 where none does.
	ToLimit time.Duration
	// Grew is whether workers have grown, so that it is worth asking for the causes.
	Grew bool
	// Agreeing of Observed workers (or lives) behave as Kind says.
	Agreeing, Observed int
	Lives              int           // of this release that have ended and are remembered
	Age                time.Duration // of the worker, or the life, that was looked at for longest
	Outliers           []Outlier     // the others grow while most do not
	Why                string        // a sentence for people, with the numbers
	// Earlier is what was last said of the release before this one; empty for nothing.
	Earlier Kind
}

// Outlier is a worker that grows while most of its pool does not.
type Outlier struct {
	Slot    int
	PerHour float64 // bytes
}

// Worker is one worker to a Ledger.
type Worker struct {
	ID      uint64
	Slot    int
	Release int
}

// Ending is how a life ended.
type Ending int

// The ways in which a life ends.
const (
	Otherwise Ending = iota // by a roll, by itself
	ForMemory               // it reached a limit, or was about to
	InTime                  // by age, at a set time, or after so many requests
)
