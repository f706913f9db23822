package view

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// none stands for what is not known or does not apply.
const none = "-"

// sizeUnits are 1024 apart, and named as rota names sizes everywhere.
var sizeUnits = []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// Size is an amount of memory with three digits: 182MiB, 1.25GiB.
func Size(bytes float64) string {
	sign := ""
	if bytes < 0 {
		sign, bytes = "-", -bytes
	}
	unit := 0
	for bytes >= 1023.5 && unit < len(sizeUnits)-1 { // rounded, it would be one of the next
		bytes /= 1024
		unit++
	}
	if unit == 0 {
		return sign + strconv.FormatFloat(bytes, 'f', 0, 64) + "B"
	}
	return sign + three(bytes) + sizeUnits[unit]
}

// three is a number with three digits, or those before the point if they are more.
func three(f float64) string {
	digits := 2
	switch {
	case f >= 99.95:
		digits = 0
	case f >= 9.995:
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64)
}

// SizeOf is an amount of memory, or a dash where it is not known.
func SizeOf(bytes *int64) string {
	if bytes == nil {
		return none
	}
	return Size(float64(*bytes))
}

// Span is a time as people say it, in its two largest units: 45s, 12m30s, 3h12m, 4d6h.
func Span(d time.Duration) string {
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

// took is how long something was, finer where it was short.
func took(d time.Duration) string {
	if s := d.Seconds(); s > 0 && s < 10 {
		return Latency(&s)
	}
	return Span(d)
}

func seconds(s float64) time.Duration {
	if s >= math.MaxInt64/1e9 {
		return math.MaxInt64
	}
	return time.Duration(s * 1e9)
}

// Latency is a short time with three digits at most: 850us, 12.5ms, 1.25s.
func Latency(s *float64) string {
	if s == nil {
		return none
	}
	switch {
	case *s < .9995e-3:
		return three(*s*1e6) + "us"
	case *s < .9995:
		return three(*s*1e3) + "ms"
	}
	return three(*s) + "s"
}

// Percent is a share of 0 to 1.
func Percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 0, 64) + "%" }

// Rate is a number for each second.
func Rate(perSecond float64) string {
	digits := 1
	if perSecond >= 100 {
		digits = 0
	}
	return strconv.FormatFloat(perSecond, 'f', digits, 64) + "/s"
}

// Count is a number and what is counted, in the plural where it should be.
func Count[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// share is a part of something; 0 where that is nothing.
func share(part, of float64) float64 {
	if of <= 0 {
		return 0
	}
	return part / of
}
