package main

import (
	"fmt"
	"time"

	"rota/integration/load"
)

// lossSheet collects what was lost of what was sent, by kinds of connection.
type lossSheet struct {
	lost, sent *sheet
}

const (
	slowest  = "slowest ms"
	rollTook = "a roll, s"
)

func newLossSheet(entries []*entry) *lossSheet {
	var columns []column
	for _, k := range load.Kinds {
		columns = append(columns, column{k.Name, 0})
	}
	s := &lossSheet{newSheet("", append(columns, column{slowest, 0}, column{rollTook, 1})...), newSheet("", columns...)}
	for _, e := range entries {
		s.lost.row(e.name())
	}
	return s
}

// note writes the result of one run.
func (s *lossSheet) note(row string, r lossResult) {
	var longest time.Duration
	for _, k := range load.Kinds {
		t := r.tallies[k.Name]
		s.lost.put(row, k.Name, float64(len(t.Failed)))
		s.sent.put(row, k.Name, float64(t.Answered+len(t.Failed)))
		longest = max(longest, t.Quantile(1))
	}
	s.lost.put(row, slowest, ms(longest))
	for _, took := range r.rolls {
		s.lost.put(row, rollTook, took.Seconds())
	}
}

// table says "lost of sent" in each cell, the medians of all runs.
func (s *lossSheet) table() table {
	t := s.lost.table()
	for _, cells := range t.rows {
		for i, k := range load.Kinds {
			if sent := s.sent.of(cells[0], k.Name); len(sent) > 0 {
				cells[i+1] += " of " + figure([]float64{median(sent)}, 0)
			}
		}
	}
	return t
}

// times and runs say how often something was done.
func times(n int) string {
	return []string{"never", "once", "twice", "three times in a row"}[min(n, 3)]
}

func runs(n int) string {
	if n == 1 {
		return "in one run"
	}
	return fmt.Sprintf("in %d runs", n)
}
