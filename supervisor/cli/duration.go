package cli

import (
	"fmt"
	"math"
	"strings"
	"time"
)

const durationRemedy = "want 90s, 12h or 1w2d"

// ParseDuration reads Go's durations, with d (24 hours) and w (7 days) as
// further units: 1w2d, 1.5d, 90m. Negative ones and those above 292 years are
// errors; a lone 0 is not.
func ParseDuration(s string) (time.Duration, error) {
	text := strings.TrimSpace(s)
	if strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("%q is negative (%s)", s, durationRemedy)
	}
	if text == "0" {
		return 0, nil
	}
	if text == "" {
		return 0, notDuration(s)
	}
	var sum time.Duration
	for text != "" {
		num := text[:span(text, true)]
		unit := text[len(num):]
		unit = unit[:span(unit, false)]
		text = text[len(num)+len(unit):]
		part, err := parsePart(num, unit)
		if err != nil {
			return 0, notDuration(s)
		}
		if sum > math.MaxInt64-part {
			return 0, notDuration(s)
		}
		sum += part
	}
	return sum, nil
}

// parsePart reads one number with its unit. Days are not always 24 hours long
// on the clock on the wall, but ages are measured on one that never jumps.
func parsePart(num, unit string) (time.Duration, error) {
	hours := map[string]time.Duration{"d": 24, "w": 7 * 24}[unit]
	if hours == 0 {
		return time.ParseDuration(num + unit)
	}
	d, err := time.ParseDuration(num + "h")
	if err != nil {
		return 0, err
	}
	if d > math.MaxInt64/hours {
		return 0, fmt.Errorf("%s%s is too long", num, unit)
	}
	return d * hours, nil
}

// span is the length of the digits, or of what are none, at the start of s.
func span(s string, digits bool) int {
	n := strings.IndexFunc(s, func(r rune) bool {
		return (r == '.' || r >= '0' && r <= '9') != digits
	})
	if n < 0 {
		return len(s)
	}
	return n
}

func notDuration(s string) error {
	return fmt.Errorf("%q is not a duration (%s)", s, durationRemedy)
}

// formatDuration is Go's form without the zeros at its end: 12h, not 12h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
