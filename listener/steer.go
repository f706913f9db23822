package listener

import (
	"fmt"
	"slices"
	"time"
)

// The weights that Steer takes.
const leastWeight, mostWeight = 1, 1000

// standing says how fit a seat is for new connections. They go to those of the
// best that there is.
type standing int

const (
	chosen   standing = iota // Steer was told its worker
	starting                 // its worker was never steered to
	vacant                   // whoever starts next has it
	leaving                  // its worker was steered to once
)

func (st *steering) standing(s *seat) standing {
	switch {
	case !s.taken:
		return vacant
	case st.weights[s.user] > 0:
		return chosen
	case s.served:
		return leaving
	}
	return starting
}

// Steer says which workers get new connections from now on, in proportion to
// their weights (1 to 1000). With none of them, those that are starting do, so that
// clients wait for whoever is ready first; with none of those either, the seat
// that the next worker gets. Who was steered to once and is
// not any more gets none. It may be called as often as one likes: what did not
// change is not done again.
func (s *Set) Steer(weights map[uint64]int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.steering
	if st == nil {
		return fmt.Errorf("internal error: to steer without steering")
	}
	st.weights = map[uint64]int{}
	for user, w := range weights {
		if i := st.of(user); i >= 0 {
			st.weights[user] = min(max(w, leastWeight), mostWeight)
			st.seats[i].served = true
		}
	}
	return st.steer()
}

// steer has the kernel act on what is known of weights and seats.
func (st *steering) steer() error {
	for _, g := range st.groups {
		if err := st.apply(g); err != nil {
			return fmt.Errorf("cannot steer connections to %s: %w", g.address, err)
		}
	}
	return nil
}

func (st *steering) apply(g *group) error {
	if st.hushed {
		return nil
	}
	g.refresh()
	best, only := st.best(g), -1
	if best >= vacant && len(g.order) > 0 {
		// The seat that the next worker gets, and not one that is about to be left.
		if next := st.free(); st.open(g, next) == nil {
			best, only = vacant, next
		}
	}
	weights := st.weigh(g, best, only)
	if len(weights) == 0 || slices.Equal(weights, g.attached) {
		return nil
	}
	if err := attach(g.order[0].fd, weights); err != nil {
		return err
	}
	g.attached = weights
	st.note(g)
	return nil
}

// best is the best standing among the seats that listen at an address.
func (st *steering) best(g *group) standing {
	best := leaving
	for i, seat := range st.seats {
		if h := g.at(i); h != nil && h.listening {
			best = min(best, st.standing(seat))
		}
	}
	return best
}

// weigh is what each socket of a group is to weigh, by index, up to the last one
// that weighs anything: all seats of a standing do, or only one of them.
func (st *steering) weigh(g *group, best standing, only int) []int {
	weights := make([]int, len(g.order))
	last := 0
	for i, seat := range st.seats {
		index := slices.Index(g.order, g.at(i))
		if index < 0 || st.standing(seat) != best || only >= 0 && i != only {
			continue
		}
		weights[index] = 1
		if best == chosen {
			weights[index] = st.weights[seat.user]
		}
		last = max(last, index+1)
	}
	return weights[:last]
}

// note remembers since when a seat has been left out, see Settled.
func (st *steering) note(g *group) {
	for i, seat := range st.seats {
		h := g.at(i)
		if h == nil {
			continue
		}
		index := slices.Index(g.order, h)
		open := index >= 0 && index < len(g.attached) && g.attached[index] > 0
		if h.open && !open {
			st.shut(seat)
		}
		h.open = open
	}
}

// shut notes that a seat gets no new connections from now on.
func (st *steering) shut(s *seat) {
	s.away, s.quiet = time.Now(), 0
}

// Queue is how many connections wait to be accepted at an address that is served,
// and how many may: at all seats there together. ok is false while nobody listens.
func (s *Set) Queue(served *Socket) (length, limit int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []*Socket{served}
	if s.steering != nil {
		if g := s.steering.groupOf(served); g != nil {
			all = g.all()
		}
	}
	for _, h := range all {
		if n, most, listens := h.Queue(); listens {
			length, limit, ok = length+n, limit+most, true
		}
	}
	return length, limit, ok
}
