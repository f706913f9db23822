package cli

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // TZ=Europe/Berlin must work in an image without zoneinfo

	"github.com/netresearch/go-cron"
)

// cronParser takes what crontab(5) takes: where both the day of the month and
// the day of the week are given, either will do. The library's own standard
// parser wants both. Nine years reach over 2100, which has no 29 February.
var cronParser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow |
	cron.Descriptor | cron.DowOrDom).WithMaxSearchYears(9)

// Cron is a cron expression, a policy.Schedule. Each time on the clock on the
// wall counts once: where the clock is put back and a time comes twice, the
// first one fires; where it is put forward and a time is left out, the
// expression fires as much later as the clock was moved.
type Cron struct {
	expr string
	spec *cron.SpecSchedule // in UTC, which knows no summer time
	zone *time.Location
}

// ParseCron reads a standard expression of five fields, or @hourly, @daily,
// @weekly, @monthly, @yearly; CRON_TZ= or TZ= in front names the zone, which
// otherwise is the local one. What never fires is an error, and so is @every,
// which has no time of its own.
func ParseCron(expr string) (*Cron, error) {
	text := strings.TrimSpace(expr)
	if _, every, ok := strings.Cut(text, "@every"); ok {
		return nil, fmt.Errorf("%q is an interval, not a time: use --restart-interval%s", expr, every)
	}
	schedule, err := cronParser.Parse(text)
	if err != nil {
		return nil, fmt.Errorf(`%q is not a cron expression: %w (want five fields like "0 4 * * *", or @daily)`, expr, err)
	}
	spec, ok := schedule.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("internal error: cron expression %q became a %T", expr, schedule)
	}
	c := &Cron{expr: text, zone: spec.Location, spec: spec}
	spec.Location = time.UTC
	if c.empty() || spec.Next(time.Unix(0, 0).UTC()).IsZero() {
		return nil, fmt.Errorf("%q never fires: no such day comes", expr)
	}
	return c, nil
}

// empty tells whether a field allows nothing at all, like a lone comma; the
// library would try every minute of nine years before it finds out.
func (c *Cron) empty() bool {
	s := c.spec
	return s.Minute == 0 || s.Hour == 0 || s.Dom == 0 || s.Month == 0 || s.Dow == 0
}

// String is the expression as it was given.
func (c *Cron) String() string { return c.expr }

// Next is the first time after t, in the zone of the expression, or the zero
// time if there is none.
//
// It looks for the next time on a clock without summer time, and only then for
// the instant at which the clock of the zone shows it. Asked to do both at
// once, the library fires 30 2 * * * twice in the night in which 02:30 comes
// twice, and leaves out a day where midnight itself is skipped.
func (c *Cron) Next(t time.Time) time.Time {
	local := t.In(c.zone)
	clock := time.Date(local.Year(), local.Month(), local.Day(),
		local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), time.UTC)
	for {
		clock = c.spec.Next(clock)
		if clock.IsZero() {
			return clock
		}
		// Not after t: t is in the second run of an hour that comes twice.
		if at := firstShown(clock, c.zone); at.After(t) {
			return at
		}
	}
}

// firstShown is the first instant at which the clock of the zone shows what
// clock shows in UTC. A time that is left out is taken as counted from before
// the change, so that 02:30 becomes 03:30.
func firstShown(clock time.Time, zone *time.Location) time.Time {
	// No zone is further than 14 hours from UTC: a day off is surely before
	// the time in question, or after it.
	const surely = 24 * time.Hour
	before := atOffset(clock, clock.Add(-surely).In(zone))
	after := atOffset(clock, clock.Add(surely).In(zone))
	if !shows(before, clock) && shows(after, clock) {
		return after
	}
	return before
}

// atOffset is the instant that clock means with the offset in force at there.
func atOffset(clock, there time.Time) time.Time {
	_, seconds := there.Zone()
	return clock.Add(-time.Duration(seconds) * time.Second).In(there.Location())
}

// shows tells whether both clocks show the same time.
func shows(a, b time.Time) bool {
	return a.Day() == b.Day() && a.Hour() == b.Hour() && a.Minute() == b.Minute()
}
