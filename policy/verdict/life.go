package verdict

import "time"

// Look is one look at a worker.
type Look struct {
	Private  int64         // bytes that would be free if it ended
	Requests int64         // that it was given so far; -1 where nobody knows
	CPU      time.Duration // that it has used so far
}

// maxBuckets is how many floors of a life are kept; when there are more, each
// two become one. A worker of a day then has one for each 14 minutes or less,
// one of ten seconds has every look.
const (
	maxBuckets = 128
	firstWidth = 100 * time.Millisecond
)

// bucket is the look with the least private memory in a stretch of a life.
type bucket struct {
	age time.Duration
	Look
}

// life is one worker since it was first looked at.
type life struct {
	slot    int
	round   int // which roll of its release it was begun after
	began   time.Time
	width   time.Duration // of a bucket
	buckets []bucket
	last    bucket
	blind   bool // requests are not known
}

func newLife(slot, round int, at time.Time) *life {
	return &life{slot: slot, round: round, began: at, width: firstWidth}
}

func (l *life) note(at time.Time, look Look) {
	b := bucket{at.Sub(l.began), look}
	if b.age < l.last.age {
		return // a clock that was set back
	}
	l.last = b
	l.blind = l.blind || look.Requests < 0
	if n := len(l.buckets); n > 0 && l.buckets[n-1].age/l.width == b.age/l.width {
		if look.Private < l.buckets[n-1].Private {
			l.buckets[n-1] = b
		}
		return
	}
	for len(l.buckets) == maxBuckets {
		l.width *= 2
		l.merge()
	}
	l.buckets = append(l.buckets, b)
}

// merge makes one of the buckets that are in one stretch of the new width.
func (l *life) merge() {
	kept := l.buckets[:1]
	for _, b := range l.buckets[1:] {
		last := &kept[len(kept)-1]
		switch {
		case last.age/l.width != b.age/l.width:
			kept = append(kept, b)
		case b.Private < last.Private:
			*last = b
		}
	}
	l.buckets = kept
}

// axis is what growth is held against.
type axis int

const (
	byRequests axis = iota
	byCPU
	byTime
)

// How much work a life must have had for its growth to be held against it:
// so many requests, or so much CPU time, of which an idle program too uses
// a little.
const (
	leastRequests = 20
	leastCPU      = time.Second
	idleShare     = 1000 // CPU time that is a smaller part of the time is none
)

// axis is the work of a life: its requests where they are known, else CPU time,
// and where there is hardly any of that either, time.
func (l *life) axis() axis {
	first := l.buckets[0]
	cpu := l.last.CPU - first.CPU
	switch {
	case !l.blind && l.last.Requests-first.Requests >= leastRequests:
		return byRequests
	case l.blind && cpu >= leastCPU && cpu >= (l.last.age-first.age)/idleShare:
		return byCPU
	}
	return byTime
}

// later is the later half of a life by its work.
func (l *life) later(a axis) *life {
	from, to := l.buckets[0].along(a), l.last.along(a)
	half := *l
	for len(half.buckets) > 1 && half.buckets[0].along(a) < (from+to)/2 {
		half.buckets = half.buckets[1:]
	}
	return &half
}

// along is where a bucket is on an axis: requests, or seconds.
func (b bucket) along(a axis) float64 {
	switch a {
	case byRequests:
		return float64(b.Requests)
	case byCPU:
		return b.CPU.Seconds()
	}
	return b.age.Seconds()
}
