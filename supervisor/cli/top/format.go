package top

import (
	"strconv"
	"time"
)

// none stands for what is not known or does not apply.
const none = "-"

// number is a count in at most six characters.
func number(n int64) string {
	switch {
	case n >= 1e9:
		return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + "G"
	case n >= 1e6:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "M"
	case n >= 1e5:
		return strconv.FormatInt(n/1000, 10) + "k"
	}
	return strconv.FormatInt(n, 10)
}

// clock is the time of day where the operator sits.
func clock(t time.Time) string { return t.Local().Format("15:04:05") }
