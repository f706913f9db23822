package supervisor

import (
	"slices"
	"time"

	"rota/policy"
)

// Kind says what happened. It is what an Event is found by.
type Kind string

// What may happen to a pool.
const (
	WorkerStarted  Kind = "worker started"
	WorkerReady    Kind = "worker ready"
	WorkerDraining Kind = "worker draining"
	WorkerStopping Kind = "worker stopping"
	WorkerKilled   Kind = "worker killed"
	WorkerExited   Kind = "worker exited" // as asked
	WorkerCrashed  Kind = "worker crashed"
	StartFailed    Kind = "start failed"
	CycleBegan     Kind = "cycle began"
	CycleDone      Kind = "cycle done"
	CycleFailed    Kind = "cycle failed" // the old worker stays
	RollBegan      Kind = "roll began"
	RollDone       Kind = "roll done"
	RollFailed     Kind = "roll failed"
	RollSuperseded Kind = "roll superseded" // by another that began meanwhile
	RollPaused     Kind = "roll paused"     // it begins no more cycles
	RollResumed    Kind = "roll resumed"
	RollAborted    Kind = "roll aborted"
	PoolReady      Kind = "pool ready" // as many workers are ready as were asked for, for the first time
	PoolScaled     Kind = "pool scaled"
	PoolStopping   Kind = "pool stopping"
	PoolGivenUp    Kind = "pool given up"
	Reloaded       Kind = "configuration read again"
	CaptureBegan   Kind = "capture began"
	CaptureDone    Kind = "capture done"
	CaptureFailed  Kind = "capture failed"
	CaptureSkipped Kind = "capture skipped"           // the worker goes without
	StopFirst      Kind = "stop first"                // a cycle has no room for two workers at once; the reason has the numbers
	MemoryPaused   Kind = "memory cycles paused"      // since they do not help
	MemoryResumed  Kind = "memory cycles resumed"     // since they may help again
	OOMKill        Kind = "process killed for memory" // by the kernel, and no worker ended with it
	LimitChanged   Kind = "container limit changed"   // what is a share of it should be settled anew
	Note           Kind = "note"                      // for whoever looks for the reason of something
	VerdictChanged Kind = "verdict"                   // what the workers' memory does; the message has the numbers, or what holds the memory
	OperatorAsked  Kind = "operator asked"            // for what the message says; the reason has who it was
	OperatorDenied Kind = "operator denied"           // so that nothing was done
	Warning        Kind = "warning"
)

// Exit reasons of a worker, as rota_worker_exits_total counts them.
const (
	ExitDrained = "drained" // by itself, after it was told to drain
	ExitStopped = "stopped" // by itself, after it was told to stop at once
	ExitKilled  = "killed"  // by rota, with SIGKILL
	ExitCrash   = "crash"   // without being asked
	ExitOOM     = "oom"     // by the kernel, for want of memory
)

// ExitReasons lists them all.
var ExitReasons = []string{ExitDrained, ExitStopped, ExitKilled, ExitCrash, ExitOOM}

// How a capture may end, as rota_captures_total counts them.
const (
	CaptureResultDone    = "done"
	CaptureResultFailed  = "failed"
	CaptureResultTimeout = "timeout"
	CaptureResultSkipped = "skipped"
)

// CaptureResults lists them all.
var CaptureResults = []string{CaptureResultDone, CaptureResultFailed, CaptureResultTimeout, CaptureResultSkipped}

// Event is one thing that happened, with its numbers. Fields that do not apply
// are zero. Every event carries the state of the pool just after it.
type Event struct {
	Time    time.Time
	Kind    Kind
	Message string // for people, where the fields do not say it all

	Worker      uint64 // id
	Slot        int    // meaningful if Worker is not 0
	PID         int
	Generation  int
	Trigger     policy.Trigger
	Roll        int           // the id of the roll that something happened to; 0 for none
	Reason      string        // the numbers behind the trigger, or behind an end for want of memory
	Duration    time.Duration // boot of a WorkerReady, drain of a WorkerExited
	Exit        string        // one of ExitReasons
	Status      string        // how the process ended, like "exit code 1"
	Cut         int           // requests that were ended unfinished
	CutUpgrades int           // upgraded connections (WebSockets) that were; not in Cut
	Failure     bool          // the end was a failure
	Capture     string        // one of CaptureResults
	Path        string        // of the folder with the result of a capture; empty if it was removed
	Bytes       int64         // that the result takes

	Ready, Desired, Alive int
}

// Level says how much an event matters. The names are the log's.
type Level string

// The levels of events, from the least.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// worrying is what an operator should look into, although rota can go on.
var worrying = []Kind{Warning, StopFirst, MemoryPaused, OOMKill}

// Level says how much the event matters: an error is a failure, and a warning what
// cost requests or should be looked into.
func (e *Event) Level() Level {
	switch {
	case e.Kind == Note:
		return LevelDebug
	case e.Failure:
		return LevelError
	case e.Cut+e.CutUpgrades > 0 || e.Exit == ExitOOM || slices.Contains(worrying, e.Kind):
		return LevelWarn
	}
	return LevelInfo
}
