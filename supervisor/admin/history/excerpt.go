package history

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"time"

	"rota/supervisor/admin/api"
)

// Excerpt is a part of the history. What it holds is not changed any more, so that
// it can be written to a slow client without holding anybody up.
type Excerpt struct {
	rows  []*row
	marks []api.Mark
}

// Since returns what was after a time; the zero time for all that is kept. Nothing
// finer than step is in it: 10 s and 60 s leave out what is kept second by second.
func (r *Recorder) Since(t time.Time, step time.Duration) *Excerpt {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := &Excerpt{}
	for i := range r.tiers {
		if r.tiers[i].step >= step || i == len(r.tiers)-1 {
			x.rows = prepend(r.tiers[i].all(), x.rows)
		}
	}
	x.rows = rising(x.rows)
	after := func(row *row, t time.Time) int { return time.UnixMilli(row.end).Compare(t) }
	at, same := slices.BinarySearchFunc(x.rows, t, after)
	if same {
		at++
	}
	x.rows = x.rows[at:]
	for i, m := range r.marks {
		if m.Time.After(t) {
			x.marks = slices.Clip(r.marks[i:])
			break
		}
	}
	return x
}

// prepend puts rows before finer ones. Where both speak of the same time, the finer
// ones that a coarse row covers in part or in full give way to it.
func prepend(coarse, fine []*row) []*row {
	if len(fine) == 0 {
		return coarse
	}
	start := fine[0].start()
	n := 0
	for n < len(coarse) && coarse[n].start() < start {
		n++
	}
	if n == 0 {
		return fine
	}
	for len(fine) > 0 && fine[0].end <= coarse[n-1].end {
		fine = fine[1:]
	}
	return append(coarse[:n], fine...)
}

// rising leaves out rows that are not before the next one. There are such where the
// clock was set back.
func rising(rows []*row) []*row {
	at := len(rows)
	for i := len(rows) - 1; i >= 0; i-- {
		if at == len(rows) || rows[i].end < rows[at].end {
			at--
			rows[at] = rows[i]
		}
	}
	return rows[at:]
}

// WriteJSON writes an api.History, a point at a time.
func (x *Excerpt) WriteJSON(w io.Writer) error {
	out := bufio.NewWriterSize(w, 32<<10)
	out.WriteString(`{"points":[`) // an error stays until Flush
	for i, r := range x.rows {
		if i > 0 {
			out.WriteString(",\n")
		}
		text, err := json.Marshal(r.point())
		if err != nil {
			return err
		}
		if _, err := out.Write(text); err != nil {
			return err // the client has gone: the rest would be work for nobody
		}
	}
	marks, err := json.Marshal(append([]api.Mark{}, x.marks...))
	if err != nil {
		return err
	}
	out.WriteString(`],"marks":`)
	out.Write(marks)
	out.WriteString("}\n")
	return out.Flush()
}
