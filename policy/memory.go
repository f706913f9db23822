package policy

import "time"

// Sample is one look at what a worker costs, in bytes.
type Sample struct {
	Bytes   int64 // by Config.MemoryMetric
	Private int64 // what would be free if it ended, swap included
	Share   int64 // what it adds to the total of all workers: its proportional memory, swap included
	Shared  bool  // its processes may share memory that a cheap look counts more than once
	Exact   bool  // and this look did not
}

// Container is what holds all workers: a control group, or the machine where
// there is none.
type Container struct {
	Limit  int64 // bytes; 0 where it is not known
	Needed int64 // bytes that cannot be taken back from it without swapping or killing
	Group  bool  // a control group's, not the machine's
}

// Contain notes a look at the container.
func (f *Fleet) Contain(c Container) { f.Container = c }

// Observe notes a look at a worker.
func (f *Fleet) Observe(c Config, id uint64, s Sample, now time.Time) {
	w := f.Find(id)
	if w == nil {
		return
	}
	w.Memory, w.Private, w.Share, w.Shared = s.Bytes, s.Private, s.Share, s.Shared
	if c.MaxMemory <= 0 || s.Bytes <= c.MaxMemory {
		w.Over, w.Settled, w.Under = 0, false, true
		return
	}
	w.Over++
	w.Settled = w.Settled || s.Exact
}

// Total is what all workers cost together, in bytes, shared memory counted once.
func (f *Fleet) Total() int64 {
	var n int64
	for _, w := range f.Workers {
		n += w.Share
	}
	return n
}

// Pace is how soon the workers' memory is to be looked at again:
// Config.SampleInterval, or less while a limit is near.
func Pace(c Config, now time.Time, f *Fleet) time.Duration { return c.SampleInterval }

// Foreseen is what the recent past of a worker's memory says about its future.
type Foreseen struct {
	Growth  float64   // bytes a second; 0 where nothing says that it grows
	Reaches time.Time // when it reaches Config.MaxMemory; zero where that is not to be seen
}

// Foresee tells what is to be expected of a worker.
func (f *Fleet) Foresee(c Config, now time.Time, w *Worker) Foreseen { return Foreseen{} }

// Pause applies a Brake.
func (f *Fleet) Pause(a Brake) {
	if f.Brakes == nil {
		f.Brakes = map[Trigger]string{}
	}
	f.Brakes[a.Trigger] = a.Reason
}

// Release lets every cycle happen again, since what made them futile may have
// changed. It reports whether any had been paused.
func (f *Fleet) Release() bool {
	paused := len(f.Brakes) > 0
	f.Brakes = nil
	return paused
}
