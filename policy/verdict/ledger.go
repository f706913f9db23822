package verdict

import (
	"slices"
	"time"
)

// How much is remembered: of so many lives of a release, and of so many
// releases, since a pool may go back to the one before.
const (
	maxLives    = 32
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
	lives   []shape // the latest last
	said    Kind    // when another release took its place
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
	l.book(l.release).said = l.said.Kind
	b := l.book(n)
	if b == nil {
		b = &book{release: n}
	}
	l.release, l.said = n, Verdict{}
	l.books = append(slices.DeleteFunc(l.books, func(o *book) bool { return o == b }), b)
	l.books = slices.Delete(l.books, 0, max(0, len(l.books)-maxReleases))
}

// book is a release's, nil if it is not remembered.
func (l *Ledger) book(release int) *book {
	for _, b := range l.books {
		if b.release == release {
			return b
		}
	}
	return nil
}

// Began notes that a worker of a release serves.
func (l *Ledger) Began(id uint64, release int, at time.Time) {
	l.workers[id] = worker{release, newLife(at)}
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
	if b.lives = append(b.lives, s); len(b.lives) > maxLives {
		b.lives = slices.Delete(b.lives, 0, 1)
	}
}
