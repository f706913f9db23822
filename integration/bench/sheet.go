package main

import (
	"slices"
	"sync"
)

// column is one of a sheet.
type column struct {
	name   string
	digits int // after the point
}

// sheet collects the figures of several runs, in rows by name. It may be written
// from several goroutines.
type sheet struct {
	first   string // head of the rows' names
	columns []column

	mu    sync.Mutex
	order []string
	cells map[string]map[string][]float64
}

func newSheet(first string, columns ...column) *sheet {
	return &sheet{first: first, columns: columns, cells: map[string]map[string][]float64{}}
}

// row makes sure that there is one, below those there are.
func (s *sheet) row(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cells[name] == nil {
		s.cells[name] = map[string][]float64{}
		s.order = append(s.order, name)
	}
}

// put adds one run's figure to a row.
func (s *sheet) put(row, column string, v float64) {
	s.row(row)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cells[row][column] = append(s.cells[row][column], v)
}

// of are the figures of all runs so far.
func (s *sheet) of(row, column string) []float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cells[row][column])
}

// table has the medians with their ranges; a dash is what was not measured.
func (s *sheet) table() table {
	t := table{head: []string{s.first}}
	for _, c := range s.columns {
		t.head = append(t.head, c.name)
	}
	for _, name := range s.order {
		cells := []string{name}
		for _, c := range s.columns {
			cells = append(cells, figure(s.of(name, c.name), c.digits))
		}
		t.add(cells...)
	}
	return t
}
