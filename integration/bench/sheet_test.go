package main

import "testing"

func TestSheet(t *testing.T) {
	s := newSheet("who", column{"ms", 0}, column{"ratio", 2})
	s.row("second")
	s.row("none")
	for _, v := range []float64{7, 1, 5} {
		s.put("second", "ms", v)
	}
	s.put("last", "ratio", 1.004)
	s.put("last", "ratio", 0.996)
	table := s.table()
	want := `| who | ms | ratio |
| --- | ---: | ---: |
| second | 5 (1–7) | – |
| none | – | – |
| last | – | 1.00 |
`
	if got := table.markdown(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
