package dashboard

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// How the page writes numbers. web/format.js does the same, for what comes later;
// a test in a browser compares them.

// unknown is what stands for a number that is not known or does not apply.
const unknown = "–"

// units are of sizes, each 1024 of the one before.
var units = []string{"B", "KiB", "MiB", "GiB", "TiB"}

// size writes bytes, with so many digits as one reads at a glance.
func size(n float64) string {
	sign := ""
	if n < 0 {
		sign, n = "−", -n
	}
	i := 0
	for n >= 1023.5 && i < len(units)-1 {
		n /= 1024
		i++
	}
	decimals := 0
	switch {
	case i == 0:
	case n < 9.95:
		decimals = 1
	case i > 2 && n < 99.5:
		decimals = 1
	}
	return sign + fixed(n, decimals) + " " + units[i]
}

// fixed rounds halves up, as JavaScript does.
func fixed(n float64, decimals int) string {
	scale := math.Pow10(decimals)
	return strconv.FormatFloat(math.Floor(n*scale+0.5)/scale, 'f', decimals, 64)
}

func sizeOf(n *int64) string {
	if n == nil {
		return unknown
	}
	return size(float64(*n))
}

// span writes seconds, in the two largest units.
func span(seconds float64) string {
	s := int64(math.Max(0, math.Floor(seconds+0.5)))
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 3600:
		return fmt.Sprintf("%d min", s/60)
	case s < 24*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
}

func between(from, to time.Time) string { return span(to.Sub(from).Seconds()) }

// latency writes what a request took.
func latency(seconds *float64) string {
	switch {
	case seconds == nil:
		return unknown
	case *seconds < 0.00995:
		return fixed(*seconds*1000, 1) + " ms"
	case *seconds < 0.9995:
		return fixed(*seconds*1000, 0) + " ms"
	case *seconds < 9.995:
		return fixed(*seconds, 2) + " s"
	}
	return fixed(*seconds, 1) + " s"
}

// count writes a whole number, with its thousands apart.
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// rate writes how often a second.
func rate(perSecond float64) string {
	if perSecond < 99.95 {
		return fixed(perSecond, 1)
	}
	return count(int64(math.Floor(perSecond + 0.5)))
}

func percent(share float64) string { return fixed(share*100, 0) + " %" }

func plural(n int, one, more string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, more)
}
