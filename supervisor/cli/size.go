package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

const sizeRemedy = "want 512MiB, 2GiB or 40%"

// Size is an amount of memory: bytes, or a share of the container's limit.
// Exactly one of them is above zero.
type Size struct {
	Bytes int64
	Share float64 // percent, at most 100
}

// ParseSize reads 1024-based sizes (512M, 512MiB, 512Mi, 512m, 1.5GiB, plain
// bytes) and shares (40%). Zero, negative and what does not fit into 63 bits
// are errors.
func ParseSize(s string) (Size, error) {
	text := strings.TrimSpace(s)
	if strings.HasPrefix(text, "-") {
		return Size{}, fmt.Errorf("%q is negative (%s)", s, sizeRemedy)
	}
	digits := strings.TrimLeft(text, "0123456789.")
	num, suffix := text[:len(text)-len(digits)], strings.ToLower(strings.TrimSpace(digits))
	f, err := strconv.ParseFloat(num, 64)
	if err != nil || strings.ContainsAny(suffix, "0123456789.") {
		return Size{}, notSize(s) // also 1e3 and 0x10, which go-units would take
	}
	if suffix == "%" {
		if f <= 0 || f > 100 {
			return Size{}, fmt.Errorf("%q is not a share of the container's limit (want more than 0%% and at most 100%%)", s)
		}
		return Size{Share: f}, nil
	}
	// go-units knows 512M, 512MB and 512MiB, but not what Kubernetes writes.
	if strings.HasSuffix(suffix, "i") {
		suffix += "b"
	}
	bytes, err := units.RAMInBytes(num + suffix)
	if err != nil {
		return Size{}, notSize(s)
	}
	// go-units turns a float into an int64 without looking whether it fits.
	if math.Ldexp(f, 10*(1+strings.IndexAny("kmgtp", first(suffix)))) >= 1<<63 {
		return Size{}, fmt.Errorf("%q is too large for a size (%s)", s, sizeRemedy)
	}
	if bytes <= 0 {
		return Size{}, fmt.Errorf("%q is no memory at all (%s)", s, sizeRemedy)
	}
	return Size{Bytes: bytes}, nil
}

func notSize(s string) error {
	return fmt.Errorf("%q is not a size (%s)", s, sizeRemedy)
}

// first is the first byte of s, and for an empty string one that is no unit.
func first(s string) string {
	if s == "" {
		return "b"
	}
	return s[:1]
}

// formatSize is a size as an operator would write it.
func formatSize(bytes int64) string {
	return units.BytesSize(float64(bytes))
}
