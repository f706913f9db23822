package policy

// roster is who is in each slot. To note that once for all of them takes one look at
// each worker; to ask the fleet for each slot, or for each worker, takes one for each
// pair of them, which is most of what hundreds of workers cost.
type roster []place

// place is one slot of a roster.
type place struct {
	ready   uint64 // the latest worker that is ready; 0 if none is
	latest  uint64 // the latest that is, or is starting
	covered bool   // it has a worker that serves or is about to, see roster.covered
}

// roster is that of this moment. It has a place for every slot that is wanted and
// for every worker.
func (f *Fleet) roster() roster {
	slots := f.Desired
	for i := range f.Workers {
		slots = max(slots, f.Workers[i].Slot+1)
	}
	r := make(roster, slots)
	for i := range f.Workers {
		r[f.Workers[i].Slot].note(&f.Workers[i])
	}
	return r
}

func (p *place) note(w *Worker) {
	switch {
	case w.State == Ready:
		p.ready, p.latest, p.covered = max(p.ready, w.ID), max(p.latest, w.ID), true
	case w.State == Starting:
		p.latest, p.covered = max(p.latest, w.ID), true
	case w.State == Stopping && w.ReadyAt.IsZero() && w.Leaving == "": // it failed to start
		p.covered = true
	}
}

// served tells whether a slot has a ready worker.
func (r roster) served(slot int) bool { return r[slot].ready != 0 }

// covered tells whether a slot has a worker that serves or is about to. One
// that failed to start covers it until it has gone, and is counted as a failure.
func (r roster) covered(slot int) bool { return r[slot].covered }

// relieved tells whether a worker has a successor in its slot, on its way or in
// place. A successor is told by its later id, not by what it was started for:
// it may itself have been replaced before the old worker could go.
func (r roster) relieved(w *Worker) bool { return r[w.Slot].latest > w.ID }

// replaceable tells whether a worker may be cycled: it serves, is wanted, and
// nobody is to take its place yet.
func (f *Fleet) replaceable(r roster, w *Worker) bool {
	return w.State == Ready && w.Slot < f.Desired && !r.relieved(w)
}

// whole tells whether every slot has a ready worker.
func (f *Fleet) whole() bool {
	if f.Count(Ready) < f.Desired {
		return false
	}
	r := f.roster()
	for slot := range f.Desired {
		if !r.served(slot) {
			return false
		}
	}
	return true
}
