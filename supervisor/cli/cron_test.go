package cli

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const stamp = "2006-01-02T15:04-0700"

// fires lists the first n times after start.
func fires(t *testing.T, expr, start string, n int) []string {
	t.Helper()
	c, err := ParseCron(expr)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(stamp, start)
	if err != nil {
		t.Fatal(err)
	}
	var times []string
	for range n {
		at = c.Next(at)
		times = append(times, at.Format(stamp))
	}
	return times
}

// In Berlin the clock goes from 02:00 to 03:00 on 2026-03-29, and from 03:00
// back to 02:00 on 2026-10-25.
func TestCronNext(t *testing.T) {
	const berlin = "CRON_TZ=Europe/Berlin "
	for _, test := range []struct {
		name, expr, start string
		want              []string
	}{
		{"a time that comes twice", berlin + "30 2 * * *", "2026-10-24T12:00+0200",
			[]string{"2026-10-25T02:30+0200", "2026-10-26T02:30+0100"}},
		{"asked between both", berlin + "30 2 * * *", "2026-10-25T02:15+0100",
			[]string{"2026-10-26T02:30+0100"}},
		{"the hour before it", "TZ=Europe/Berlin 30 1 * * *", "2026-10-24T12:00+0200",
			[]string{"2026-10-25T01:30+0200", "2026-10-26T01:30+0100"}},
		{"an hour that comes twice counts once", berlin + "*/20 * * * *", "2026-10-25T02:10+0200",
			[]string{"2026-10-25T02:20+0200", "2026-10-25T02:40+0200", "2026-10-25T03:00+0100"}},
		{"a time that is left out", berlin + "30 2 * * *", "2026-03-28T12:00+0100",
			[]string{"2026-03-29T03:30+0200", "2026-03-30T02:30+0200"}},
		{"left out, and meeting another", berlin + "30 2,3 * * *", "2026-03-28T12:00+0100",
			[]string{"2026-03-29T03:30+0200", "2026-03-30T02:30+0200", "2026-03-30T03:30+0200"}},
		{"the hour before what is left out", berlin + "30 1 * * *", "2026-03-28T12:00+0100",
			[]string{"2026-03-29T01:30+0100", "2026-03-30T01:30+0200"}},
		{"daily over both", "TZ=Europe/Berlin @daily", "2026-10-24T12:00+0200",
			[]string{"2026-10-25T00:00+0200", "2026-10-26T00:00+0100"}},
		{"midnight left out", "TZ=America/Sao_Paulo @daily", "2018-11-03T12:00-0300",
			[]string{"2018-11-04T01:00-0200", "2018-11-05T00:00-0200"}},
		{"the day after half an hour", "TZ=Australia/Lord_Howe @daily", "2026-04-04T12:00+1100",
			[]string{"2026-04-05T00:00+1100", "2026-04-06T00:00+1030"}},
		{"half an hour left out", "TZ=Australia/Lord_Howe 15 2 * * *", "2026-10-03T12:00+1030",
			[]string{"2026-10-04T02:45+1100", "2026-10-05T02:15+1100"}},
		{"day of month or of week", "TZ=UTC 0 0 13 * FRI", "2026-02-08T00:00+0000",
			[]string{"2026-02-13T00:00+0000", "2026-02-20T00:00+0000", "2026-02-27T00:00+0000",
				"2026-03-06T00:00+0000", "2026-03-13T00:00+0000"}},
		{"over a century without a leap day", "TZ=UTC 0 0 29 2 *", "2096-10-01T00:00+0000",
			[]string{"2104-02-29T00:00+0000"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := fires(t, test.expr, test.start, len(test.want)); !slices.Equal(got, test.want) {
				t.Errorf("%s after %s\n got %v\nwant %v", test.expr, test.start, got, test.want)
			}
		})
	}
}

// No time on the clock comes twice in a year, and every day has its own.
func TestCronOncePerDay(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"} {
		for _, at := range []string{"0 0", "30 0", "30 1", "0 2", "30 2", "15 3", "30 23"} {
			c, err := ParseCron("TZ=" + zone + " " + at + " * * *")
			if err != nil {
				t.Fatal(err)
			}
			now := time.Date(2025, 12, 31, 23, 59, 0, 0, c.zone)
			for day := range 365 {
				next := c.Next(now)
				if !next.After(now) || next.YearDay() != day+1 {
					t.Errorf("%s: after %v comes %v", c, now, next)
				}
				now = next
			}
		}
	}
}

func TestParseCronErrors(t *testing.T) {
	for expr, want := range map[string]string{
		"0 0 30 2 *":         `"0 0 30 2 *" never fires: no such day comes`,
		", * * * *":          `", * * * *" never fires: no such day comes`,
		"@every 6h":          `"@every 6h" is an interval, not a time: use --restart-interval 6h`,
		"TZ=":                `"TZ=" is not a cron expression: missing fields after timezone in spec "TZ=" (want five fields like "0 4 * * *", or @daily)`,
		"TZ=UTC":             `"TZ=UTC" is not a cron expression: missing fields after timezone in spec "TZ=UTC" (want five fields like "0 4 * * *", or @daily)`,
		"CRON_TZ= @daily":    `"CRON_TZ= @daily" is not a cron expression: invalid timezone "": empty timezone string (want five fields like "0 4 * * *", or @daily)`,
		"* * * * * *":        `"* * * * * *" is not a cron expression: expected exactly 5 fields, found 6: [* * * * * *] (want five fields like "0 4 * * *", or @daily)`,
		"0 25 * * *":         `"0 25 * * *" is not a cron expression: end of range (25) above maximum (23): "25" (want five fields like "0 4 * * *", or @daily)`,
		"TZ=No/Where @daily": `"TZ=No/Where @daily" is not a cron expression: unknown time zone "No/Where": unknown time zone No/Where (want five fields like "0 4 * * *", or @daily)`,
		"":                   `"" is not a cron expression: empty spec string (want five fields like "0 4 * * *", or @daily)`,
		"@reboot":            `"@reboot" is not a cron expression: unrecognized descriptor: "@reboot" (want five fields like "0 4 * * *", or @daily)`,
	} {
		if c, err := ParseCron(expr); err == nil || err.Error() != want {
			t.Errorf("ParseCron(%q) = %v, %v\nwant %s", expr, c, err, want)
		}
	}
}

func FuzzParseCron(f *testing.F) {
	for _, s := range []string{"0 4 * * *", "TZ=", "TZ=UTC @daily", "@every 1s", "*/7 1-3,5 L * MON#2", "0 0 29 2 *"} {
		f.Add(s)
	}
	start := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCron(s)
		if err != nil {
			if strings.Contains(err.Error(), "internal error") {
				t.Error(err)
			}
			return
		}
		if next := c.Next(start); !next.After(start) {
			t.Errorf("%q fires at %v, not after %v", s, next, start)
		}
	})
}
