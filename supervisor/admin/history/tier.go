package history

import "time"

// tier keeps rows of one length, the last ones.
type tier struct {
	step time.Duration
	most int
	rows []*row // a ring once it is full
	next int    // the oldest then

	open  *row    // the one being filled; nil if none is
	since *counts // at its beginning
}

// newTiers are how fine the past is kept, and for how long: 10 minutes, 3 hours, a day.
func newTiers() []tier {
	none := &counts{}
	return []tier{
		{step: time.Second, most: 600, since: none},
		{step: 10 * time.Second, most: 1080, since: none},
		{step: time.Minute, most: 1440, since: none},
	}
}

// add takes a reading over. ends tells whether it is the last of its row.
func (t *tier) add(reading *row, now *counts, fronted, ends bool) {
	if t.open == nil {
		first := *reading
		first.workers = append(make([]cell, 0, len(reading.workers)), reading.workers...)
		t.open = &first
	} else {
		t.open.merge(reading)
	}
	if ends {
		t.close(now, fronted)
	}
}

// close ends the open row, if there is one. now is what was counted until its end.
func (t *tier) close(now *counts, fronted bool) {
	r := t.open
	if r == nil {
		return
	}
	t.open = nil
	per := func(n int64) float32 { return float32(float64(n) / float64(r.seconds)) }
	r.cut = per(now.cut - t.since.cut)
	r.requests, r.shed, r.p50, r.p99 = unknown, unknown, unknown, unknown
	if fronted {
		r.requests, r.shed = per(now.total-t.since.total), per(now.shed-t.since.shed)
		if p50, ok := quantile(&t.since.took, &now.took, .5); ok {
			p99, _ := quantile(&t.since.took, &now.took, .99)
			r.p50, r.p99 = float32(p50), float32(p99)
		}
	}
	t.since = now
	if len(t.rows) < t.most {
		t.rows = append(t.rows, r)
		return
	}
	t.rows[t.next] = r
	t.next = (t.next + 1) % t.most
}

// all are the rows, oldest first.
func (t *tier) all() []*row {
	rows := make([]*row, 0, len(t.rows))
	return append(append(rows, t.rows[t.next:]...), t.rows[:t.next]...)
}
