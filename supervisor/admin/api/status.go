package api

import "time"

// Status is a pool at one moment.
type Status struct {
	Time      time.Time `json:"time"`
	Version   string    `json:"version"` // of rota
	PID       int       `json:"pid"`     // of rota
	StartedAt time.Time `json:"started_at"`
	Phase     Phase     `json:"phase"`
	Why       string    `json:"why,omitempty"` // what is missing, where Phase is not PhaseReady

	Desired    int        `json:"desired"` // workers that are wanted ready
	Ready      int        `json:"ready"`
	Alive      int        `json:"alive"` // those that come and go included
	Accept     string     `json:"accept"`
	Generation int        `json:"generation"` // that new workers are of
	Listeners  []Listener `json:"listeners"`

	Memory      PoolMemory        `json:"memory"`
	Container   Container         `json:"container"`
	Verdict     Verdict           `json:"verdict"`
	LastCapture *LastCapture      `json:"last_capture"` // how the last evidence of a worker was taken
	Paused      map[string]string `json:"paused"`       // triggers whose cycles do not help and are held back, and why

	Cycles   map[string]int `json:"cycles"` // workers replaced so far, by trigger; every trigger is there
	Requests *Requests      `json:"requests"`
	Roll     *Roll          `json:"roll"` // the one under way
	Next     *Next          `json:"next"` // the next cycle that can be foreseen

	Workers []Worker `json:"workers"` // by slot, the elder first
}

// Phase is the pool in a word.
type Phase string

// The phases of a pool.
const (
	PhaseStarting Phase = "starting" // it never was ready
	PhaseReady    Phase = "ready"    // as many workers are ready as are wanted
	PhaseDegraded Phase = "degraded" // fewer are
	PhaseStopping Phase = "stopping" // it was asked to end
)

// Listener is an address that the pool serves.
type Listener struct {
	Address     string `json:"address"`
	QueueLength *int   `json:"queue_length"` // connections that wait to be accepted
	QueueLimit  *int   `json:"queue_limit"`
}

// PoolMemory is what all workers cost.
type PoolMemory struct {
	TotalBytes   *int64   `json:"total_bytes"`  // shared memory counted once, swap included; null while that of a worker cannot be read
	BudgetBytes  *int64   `json:"budget_bytes"` // what that may be
	RSSBytes     int64    `json:"rss_bytes"`    // the workers' RSS added up: too much where they share
	PrivateBytes int64    `json:"private_bytes"`
	SharingRatio *float64 `json:"sharing_ratio"` // 1 - sum of PSS / sum of RSS
	LimitBytes   *int64   `json:"limit_bytes"`   // --max-memory, of one worker
	Metric       string   `json:"metric"`        // what that compares: private, rss or pss
}

// Container is what holds the workers, or the machine where nothing does.
type Container struct {
	Machine            bool      `json:"machine"` // there is no limit but the machine's memory
	LimitBytes         *int64    `json:"limit_bytes"`
	LimitSource        string    `json:"limit_source,omitempty"` // the file that says so
	UsageBytes         *int64    `json:"usage_bytes"`            // page cache included
	WorkingSetBytes    *int64    `json:"working_set_bytes"`
	UnreclaimableBytes *int64    `json:"unreclaimable_bytes"`
	SwapBytes          *int64    `json:"swap_bytes"`
	OOMKills           *int64    `json:"oom_kills"`
	OOMs               *int64    `json:"ooms"`      // times that the limit could not be met; 0 with cgroup v1, which does not count them
	Throttled          *int64    `json:"throttled"` // times that a process was slowed down over memory.high
	LimitMet           *int64    `json:"limit_met"` // times that memory had to be taken back for the limit
	OOMGroup           *bool     `json:"oom_group"` // the kernel kills all of the container, rota too, when one process is over the limit
	Pressure           *Pressure `json:"pressure"`  // null where the kernel does not tell
}

// Pressure is for how long processes have waited for memory so far.
type Pressure struct {
	Source      string  `json:"source"`       // the file that says so: the container's, or the machine's
	SomeSeconds float64 `json:"some_seconds"` // at least one did
	FullSeconds float64 `json:"full_seconds"` // all that could have run did
}

// Verdict is what the workers' memory does, for people.
type Verdict struct {
	Kind                    string    `json:"kind"` // steady, bloat, leak or unknown
	Why                     string    `json:"why"`
	GrowthBytesPerHour      *float64  `json:"growth_bytes_per_hour"`
	GrowthBytesPerRequest   *float64  `json:"growth_bytes_per_request"`
	GrowthBytesPerCPUSecond *float64  `json:"growth_bytes_per_cpu_second"`
	SettlesBytes            *int64    `json:"settles_bytes"`    // where it stays, if it does
	SecondsToLimit          *float64  `json:"seconds_to_limit"` // until the first worker is there, with what each has to do at present
	Outliers                []Outlier `json:"outliers"`         // workers that grow while most do not
	Causes                  []string  `json:"causes"`           // why memory that has grown may be more than is needed
	Agreeing                int       `json:"agreeing"`         // workers, or lives of some, that do as kind says,
	Observed                int       `json:"observed"`         // of so many
	Lives                   int       `json:"lives"`            // of workers of this release that have ended and are remembered
	ObservedSeconds         float64   `json:"observed_seconds"` // how long a worker was looked at, at most
	Earlier                 string    `json:"earlier"`          // the kind of the release before; empty for none
}

// Outlier is a worker that grows while most of its pool does not.
type Outlier struct {
	Slot               int     `json:"slot"`
	GrowthBytesPerHour float64 `json:"growth_bytes_per_hour"`
}

// Requests are those of the pool, as its front sees them.
type Requests struct {
	Total       int64   `json:"total"` // over so far
	Cut         int64   `json:"cut"`   // ended unfinished, and not by their client
	Shed        int64   `json:"shed"`  // answered 503 without having reached a worker
	InFlight    int     `json:"in_flight"`
	Queued      int     `json:"queued"`      // that wait for a worker
	Connections int     `json:"connections"` // of clients, idle ones included
	PerSecond   float64 `json:"per_second"`  // over the last Window
	// Of the requests that ended within the last Window; null without any.
	P50Seconds    *float64 `json:"p50_seconds"`
	P99Seconds    *float64 `json:"p99_seconds"`
	WindowSeconds float64  `json:"window_seconds"`
}

// Next is a cycle that will come by itself.
type Next struct {
	Slot    *int      `json:"slot"` // null for all of them
	Trigger string    `json:"trigger"`
	At      time.Time `json:"at"`
}

// Worker is one worker. During a cycle two share a slot.
type Worker struct {
	ID         uint64     `json:"id"` // never used again
	Slot       int        `json:"slot"`
	PID        int        `json:"pid"`
	State      string     `json:"state"` // starting, ready, draining or stopping
	Generation int        `json:"generation"`
	StartedAt  time.Time  `json:"started_at"`
	ReadyAt    *time.Time `json:"ready_at"`
	DueAt      *time.Time `json:"due_at"`            // when its age ends it
	Trigger    string     `json:"trigger,omitempty"` // why it was started; empty for a slot that was filled for the first time

	Memory    Memory     `json:"memory"`
	CPU       CPU        `json:"cpu"`
	InFlight  *int       `json:"in_flight"`  // null without the front
	Requests  *int64     `json:"requests"`   // that it was given so far
	LastCycle *LastCycle `json:"last_cycle"` // of its slot
	Capture   *Capture   `json:"capture"`    // null while no evidence of it is being taken
}

// Capture is evidence that is being taken of a worker.
type Capture struct {
	BeganAt        time.Time `json:"began_at"`
	TimeoutSeconds float64   `json:"timeout_seconds"` // what it may take
}

// CaptureDone is the Result of a LastCapture that did not fail.
const CaptureDone = "done"

// LastCapture is how evidence of a worker was last taken.
type LastCapture struct {
	Slot    int       `json:"slot"`
	PID     int       `json:"pid"` // of the worker
	Trigger string    `json:"trigger"`
	Result  string    `json:"result"`        // CaptureDone, failed or timeout
	Why     string    `json:"why,omitempty"` // why it failed
	Path    *string   `json:"path"`          // of the folder with the result; null if it was removed
	Bytes   int64     `json:"bytes"`         // that the result takes, or took
	At      time.Time `json:"at"`            // when it was over
	Seconds float64   `json:"seconds"`       // that it took
}

// Memory is what a worker's processes hold. See what each field means in the
// README; null where it was not read yet, or may not be.
type Memory struct {
	RSSBytes             *int64     `json:"rss_bytes"`
	PSSBytes             *int64     `json:"pss_bytes"`
	PrivateBytes         *int64     `json:"private_bytes"`
	SharedBytes          *int64     `json:"shared_bytes"`
	SharedCleanBytes     *int64     `json:"shared_clean_bytes"`
	SharedDirtyBytes     *int64     `json:"shared_dirty_bytes"`
	LazyFreeBytes        *int64     `json:"lazyfree_bytes"` // given back by the program, and not yet taken by the kernel
	HugeBytes            *int64     `json:"huge_bytes"`     // in huge pages, of which a part may never have been used
	SwapBytes            *int64     `json:"swap_bytes"`
	MinorFaults          *int64     `json:"minor_faults"`            // page faults served from memory so far
	MajorFaults          *int64     `json:"major_faults"`            // and from a disk
	Denied               bool       `json:"denied"`                  // not all may be read, so that private is an upper bound, or null
	GrowthBytesPerSecond float64    `json:"growth_bytes_per_second"` // 0 where it does not grow steadily
	LimitAt              *time.Time `json:"limit_at"`                // when it is expected to reach the pool's limit_bytes
}

// CPU is what a worker's processes use.
type CPU struct {
	Seconds *float64 `json:"seconds"` // so far
	Cores   *float64 `json:"cores"`   // between the last two looks; 1 is one core
}

// LastCycle is why the worker of a slot was last replaced, or came back after a crash.
type LastCycle struct {
	Trigger string    `json:"trigger"`
	Reason  string    `json:"reason"` // the numbers behind it
	At      time.Time `json:"at"`     // when the replacement was ready
}
