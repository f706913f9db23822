package verdict

import (
	"slices"
	"time"
)

// How much is remembered: how many lives of a release, and of how many
// releases, since a pool may go back to the one before.
const (
	leastLives  = 32
	livesEach   = 4 // for each worker, where that is more
	maxLives    = 256
	maxReleases = 3
)

// Ledger collects what is seen of a pool's workers. It is not safe for
// concurrent use.
type Ledger struct {
	release int
	workers map[uint64]worker
	books   []*book   // by release, the latest last
	said    Verdict   // of the present release
	since   time.Time // when it was last found to be so
}

type worker struct {
	release int
	life    *life
}

// book is what the ended lives of one release taught.
type book struct {
	release int
	lives   []*shape // the latest last
	said    Verdict  // when another release took its place
	round   int      // how often it was rolled out anew
}

// NewLedger knows of nothing, and judges a release.
func NewLedger(release int) *Ledger {
	return &Ledger{release: release, workers: map[uint64]worker{}, books: []*book{{release: release}}}
}

// Release says which release is judged from now on. What others taught is kept
// apart, and counts again when the pool goes back to one.
func (l *Ledger) Release(n int) {
	if n == l.release {
		return
	}
	l.book(l.release).said = l.said
	b := l.book(n)
	if b == nil {
		b = &book{release: n}
	}
	l.release, l.said = n, Verdict{}
	l.books = append(slices.DeleteFunc(l.books, func(o *book) bool { return o == b }), b)
	l.books = slices.Delete(l.books, 0, max(0, len(l.books)-maxReleases))
}

// Roll says that all workers are replaced by others of the same release. What is
// known of it stays, until those that come are found to be otherwise.
func (l *Ledger) Roll() { l.book(l.release).round++ }

// book is a release's, nil if it is not remembered.
func (l *Ledger) book(release int) *book {
	for _, b := range l.books {
		if b.release == release {
			return b
		}
	}
	return nil
}

// Began notes that a worker serves.
func (l *Ledger) Began(w Worker, at time.Time) {
	round := 0
	if b := l.book(w.Release); b != nil {
		round = b.round
	}
	l.workers[w.ID] = worker{w.Release, newLife(w.Slot, round, at)}
}

// Knows tells whether a worker's life has begun and not ended.
func (l *Ledger) Knows(id uint64) bool {
	_, ok := l.workers[id]
	return ok
}

// Note notes a look at a worker; one whose life has not begun is ignored.
func (l *Ledger) Note(id uint64, at time.Time, look Look) {
	if w, ok := l.workers[id]; ok {
		w.life.note(at, look)
	}
}

// End notes that a worker serves no more, and sums its life up.
func (l *Ledger) End(id uint64, ending Ending) {
	w, ok := l.workers[id]
	if !ok {
		return
	}
	delete(l.workers, id)
	b, s := l.book(w.release), w.life.shape()
	if b == nil || !s.told {
		return // what tells nothing must not take the place of what does
	}
	s.ending = ending
	b.lives = append(b.lives, s)
	room := min(max(leastLives, livesEach*(len(l.workers)+1)), maxLives)
	b.lives = slices.Delete(b.lives, 0, max(0, len(b.lives)-room))
}
