package top

import (
	"fmt"
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

// --- the same as in package view, which does not export them yet ---

func latency(s *float64) string {
	if s == nil {
		return none
	}
	value, unit := *s, "s"
	switch {
	case *s < 1e-3:
		value, unit = *s*1e6, "us"
	case *s < 1:
		value, unit = *s*1e3, "ms"
	}
	return strconv.FormatFloat(value, 'g', max(3, len(strconv.Itoa(int(value)))), 64) + unit
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 0, 64) + "%" }

func rate(perSecond float64) string {
	digits := 1
	if perSecond >= 100 {
		digits = 0
	}
	return strconv.FormatFloat(perSecond, 'f', digits, 64) + "/s"
}

func plural[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func sizeText(bytes float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	sign := ""
	if bytes < 0 {
		sign, bytes = "-", -bytes
	}
	unit := 0
	for bytes >= 1023.5 && unit < len(units)-1 {
		bytes /= 1024
		unit++
	}
	digits := 2
	switch {
	case unit == 0 || bytes >= 99.95:
		digits = 0
	case bytes >= 9.995:
		digits = 1
	}
	return sign + strconv.FormatFloat(bytes, 'f', digits, 64) + units[unit]
}

func span(d time.Duration) string {
	seconds := int64(max(d, 0).Round(time.Second) / time.Second)
	two := func(large int64, name string, small int64, smallName string) string {
		text := fmt.Sprintf("%d%s", seconds/large, name)
		if rest := seconds % large / small; rest > 0 {
			text += fmt.Sprintf("%d%s", rest, smallName)
		}
		return text
	}
	switch {
	case seconds < 60:
		return fmt.Sprintf("%ds", seconds)
	case seconds < 60*60:
		return two(60, "m", 1, "s")
	case seconds < 24*60*60:
		return two(60*60, "h", 60, "m")
	}
	return two(24*60*60, "d", 60*60, "h")
}
