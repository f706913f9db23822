package supervisor

import (
	"fmt"
	"maps"
	"time"

	"rota/policy"
)

// In steered mode every worker accepts from a seat of its own, see listener, and
// rota says who gets new connections: the workers that are ready. One that is to
// go gets none any more, finishes those that it has, and then the stop signal.

// steering is what a steered pool knows beyond policy.
type steering struct {
	told  map[uint64]int // the shares that the kernel was last told, by worker
	again time.Time      // when they change by themselves; zero if they do not
	// comeBack are the workers in whose slots kept connections of the one before were
	// just ended, and until when their clients are expected again.
	comeBack map[uint64]time.Time
	// hushed: nobody is let in any more, so that all workers can finish at once.
	hushed bool

	relayDue bool // seats without a worker are to be looked at
	relaying bool
}

// makeSteering has every worker accept from a seat of its own. Where that cannot
// be had, they accept from one socket, and prepare says so.
func (s *Supervisor) makeSteering() {
	if err := s.sockets.KeepSteered(); err != nil {
		s.unsteered = err
		s.config.Accept = AcceptShared
		return
	}
	s.steering = &steering{comeBack: map[uint64]time.Time{}}
}

// steer tells the kernel who gets new connections, if that has changed.
func (s *Supervisor) steer(now time.Time) {
	st := s.steering
	if st == nil || st.hushed {
		return
	}
	shares := map[uint64]int{}
	st.again = time.Time{}
	for i := range s.fleet.Workers {
		w := &s.fleet.Workers[i]
		if w.State != policy.Ready {
			continue
		}
		share, until := slowShare(s.config.Front.SlowStart, w.ReadyAt, now)
		shares[w.ID] = share
		st.changes(until)
	}
	st.favour(shares, now)
	if maps.Equal(shares, st.told) {
		return
	}
	if err := s.sockets.Steer(shares); err != nil {
		s.warn("steer", "%v; they go where they went before", err)
		return
	}
	st.told = shares
}

// changes notes that shares change by themselves at a time; the zero time for never.
func (st *steering) changes(at time.Time) {
	if !at.IsZero() && (st.again.IsZero() || at.Before(st.again)) {
		st.again = at
	}
}

// Clients whose kept connections were ended with a worker connect again with their
// next request. If they went to all workers alike, those that have kept theirs would
// have more to do than the one that came in its place, and for as long as they are
// kept. So that gets several times its share of what is new, as long as kept
// connections are being ended and for comingBack after: about as long as requests
// take, which it has none of yet.
const (
	comingBack = 250 * time.Millisecond
	favours    = 4
)

// favour raises the shares of those to whom connections come back over all others.
func (st *steering) favour(shares map[uint64]int, now time.Time) {
	favoured := map[uint64]bool{}
	for id, until := range st.comeBack {
		if _, ready := shares[id]; !ready || !now.Before(until) {
			delete(st.comeBack, id)
			continue
		}
		favoured[id] = true
		st.changes(until)
	}
	if len(favoured) == 0 {
		return
	}
	for id := range shares {
		if !favoured[id] {
			shares[id] = max(1, shares[id]/favours)
		}
	}
}

// ended notes that kept connections of a worker were.
func (s *Supervisor) ended(p *process, now time.Time) {
	var next *process
	for _, o := range s.processes {
		if o.slot == p.slot && o.id > p.id && (next == nil || o.id > next.id) {
			next = o
		}
	}
	if next != nil && !next.readyAt.IsZero() {
		s.steering.comeBack[next.id] = now.Add(comingBack)
	}
}

// A worker's share of new connections is told in thousandths of that of one which
// has warmed up. It rises in steps; the first is the least that a fresh worker
// gets, since it must have something to warm up with.
const (
	fullShare  = 1000
	shareSteps = 20
)

// slowShare is the share of a worker that was ready at a time, and until when;
// the zero time for ever.
func slowShare(rise time.Duration, ready, now time.Time) (share int, until time.Time) {
	age := now.Sub(ready)
	if age >= rise {
		return fullShare, time.Time{}
	}
	step := int64(max(0, age)) * shareSteps / int64(rise)
	return int(max(1, step)) * fullShare / shareSteps, ready.Add((time.Duration(step+1)*rise + shareSteps - 1) / shareSteps)
}

// wake is when to look again although nothing happens; the zero time if never.
func (s *Supervisor) wake(now time.Time) time.Time {
	at := policy.Wake(s.config.Policy, now, s.fleet)
	if st := s.steering; st != nil && !st.again.IsZero() && (at.IsZero() || st.again.Before(at)) {
		return st.again
	}
	return at
}

// leave has a worker finish what it has, with nothing new coming, and then makes
// it idle. It reports false if only the stop signal can bring that about.
func (s *Supervisor) leave(p *process, why policy.Trigger) bool {
	if s.steering == nil || why == policy.Shutdown && !s.hush() {
		return false
	}
	s.steer(p.drainAt)
	s.whenQuiet(p, func() { s.fleet.MarkIdle(p.id) })
	return true
}

// hush lets nobody in any more, since rota ends: there is no other worker to steer
// to. It reports false where that cannot be had.
func (s *Supervisor) hush() bool {
	if s.steering.hushed {
		return true
	}
	if err := s.sockets.Hush(); err != nil {
		s.warn("hush", "%v; workers are told to stop while they still come", err)
		return false
	}
	s.steering.hushed = true
	return true
}

// dismiss tells a worker to stop that has left, or whose time for that is over.
// What it still has in its hands then is its own to finish, and counted in case
// it does not.
func (s *Supervisor) dismiss(p *process, idle bool) {
	p.endQuiet()
	switch {
	case !idle:
		s.countThen(p, func() { s.tell(p) })
	case s.fleet.Find(p.id).Capturing.IsZero():
		s.tell(p)
	default: // it was idle when its capture began, but kept connections may have gone on since
		s.whenQuiet(p, func() { s.tell(p) })
		time.AfterFunc(s.config.Policy.StopTimeout/2, func() {
			s.post(asked{func() {
				if p := s.processes[p.id]; p != nil && p.signalled.IsZero() {
					s.dismiss(p, false)
				}
			}})
		})
	}
}

// orphanPatience is how long connections wait at the seat of a worker that has
// gone for the next one to take it over. After that others get them through rota,
// which hides from them where a client comes from.
const orphanPatience = time.Second

// seeOrphans looks, after a while, at seats that nobody has taken over.
func (s *Supervisor) seeOrphans() {
	st := s.steering
	if st == nil || st.relayDue {
		return
	}
	st.relayDue = true
	time.AfterFunc(orphanPatience, func() {
		s.post(asked{func() {
			st.relayDue = false
			s.relay()
		}})
	})
}

// relay hands what waits at seats without a worker to those that are ready.
func (s *Supervisor) relay() {
	st := s.steering
	if st.relaying || s.fleet.Count(policy.Ready) == 0 {
		s.seeOrphans()
		return
	}
	st.relaying = true
	sockets := s.sockets
	go func() {
		n := sockets.Relay()
		s.post(asked{func() {
			st.relaying = false
			if n > 0 {
				s.event(Event{Kind: Note, Message: fmt.Sprintf("%d connections that waited for a worker which has gone were handed to others", n)})
				s.seeOrphans()
			}
		}})
	}()
}
