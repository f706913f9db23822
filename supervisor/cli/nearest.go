package cli

import "fmt"

// nearest is the name that a mistyped one was most likely meant to be, or ""
// when none is near: at most two letters wrong, and not more than half of them.
func nearest(typed string, names []string) string {
	best, least := "", min(2, len(typed)/2)+1
	if len(typed) > 64 {
		return "" // no name is near, and the distance costs time
	}
	for _, name := range names {
		if d := distance(typed, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// didYouMean is the end of a message about a mistyped name: empty, or a
// suggestion in parentheses. Quoting is the format of the name, like %q.
func didYouMean(typed string, names []string, quoting string) string {
	if near := nearest(typed, names); near != "" {
		return fmt.Sprintf(" (did you mean "+quoting+"?)", near)
	}
	return ""
}

// distance counts the letters to insert, remove, replace or swap with their
// neighbour to turn a into b; a swap is one mistake of the fingers, not two.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
