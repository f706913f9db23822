package cli

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "1w2d": 9 * day, "1.5d": 36 * time.Hour, "1d12h30m": day + 12*time.Hour + 30*time.Minute,
		"0": 0, "0s": 0, "250ms": 250 * time.Millisecond, " 5s ": 5 * time.Second, "2w": 14 * day, ".5h": 30 * time.Minute,
		"1us": time.Microsecond, "1µs": time.Microsecond,
	} {
		if got, err := ParseDuration(text); got != want || err != nil {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestParseDurationErrors(t *testing.T) {
	const not = " is not a duration (want 90s, 12h or 1w2d)"
	for _, text := range []string{
		"", "soon", "5", "d", "1", "1x", "1d2", "1dd", "h1", "1.2.3d", "1 d", "20000w", "106752d", "9999999999h",
		"100000d100000d", "1e3s", "+5s",
	} {
		want := `"` + text + `"` + not
		if got, err := ParseDuration(text); err == nil || err.Error() != want {
			t.Errorf("ParseDuration(%q) = %v, %v\nwant %s", text, got, err, want)
		}
	}
	if _, err := ParseDuration("-5m"); err == nil || err.Error() != `"-5m" is negative (want 90s, 12h or 1w2d)` {
		t.Errorf("ParseDuration(-5m): %v", err)
	}
}

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 12 * time.Hour: "12h", 90 * time.Minute: "1h30m", time.Minute: "1m", 10 * time.Second: "10s",
		20*time.Minute + 10*time.Second: "20m10s", time.Hour + 10*time.Second: "1h0m10s", 10 * time.Millisecond: "10ms",
		100 * time.Hour: "100h", 10 * time.Minute: "10m",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("formatDuration(%d) = %s; want %s", d, got, want)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"1w2d", "1.5d", "-1s", "9223372036854775807ns", "106751d23h59m", "w", "1d1d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if d < 0 || err != nil && d != 0 {
			t.Errorf("ParseDuration(%q) = %v, %v", s, d, err)
		}
		if err != nil {
			return
		}
		// What is shown can be given back.
		if again, err := ParseDuration(formatDuration(d)); again != d || err != nil {
			t.Errorf("ParseDuration(%q) = %v, shown as %s, which is %v, %v", s, d, formatDuration(d), again, err)
		}
	})
}
