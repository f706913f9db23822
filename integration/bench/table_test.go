package main

import "testing"

func TestFigure(t *testing.T) {
	tests := []struct {
		values []float64
		digits int
		want   string
	}{
		{nil, 2, "–"},
		{[]float64{3}, 0, "3"},
		{[]float64{2, 2, 2}, 1, "2.0"},
		{[]float64{0.996, 1.004}, 2, "1.00"},
		{[]float64{0.96, 1.04}, 2, "1.00 (0.96–1.04)"},
		{[]float64{9, 1, 5}, 0, "5 (1–9)"},
		{[]float64{9, 1, 5, 6}, 1, "5.5 (1.0–9.0)"},
	}
	for _, test := range tests {
		if got := figure(test.values, test.digits); got != test.want {
			t.Errorf("%v to %d digits: %q, want %q", test.values, test.digits, got, test.want)
		}
	}
}

// TestFigureLeavesRuns: the runs of one contender stay beside those of another.
func TestFigureLeavesRuns(t *testing.T) {
	runs := []float64{3, 1, 2}
	figure(runs, 0)
	if runs[0] != 3 || runs[1] != 1 || runs[2] != 2 {
		t.Errorf("the runs are sorted: %v", runs)
	}
}
