package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// asked is what a client wants of the stream of events.
type asked struct {
	after  uint64
	since  time.Time
	follow bool
	status bool
}

func parseAsked(r *http.Request) (a asked, err error) {
	query := r.URL.Query()
	after := r.Header.Get("Last-Event-ID")
	if after == "" {
		after = query.Get("after")
	}
	if after != "" {
		if a.after, err = strconv.ParseUint(after, 10, 64); err != nil {
			return a, fmt.Errorf("cannot go on after event %q: want its number", after)
		}
	}
	if a.since, err = parseSince(query, time.Now()); err != nil {
		return a, err
	}
	if a.follow, err = truthOf(query, "follow", true); err != nil {
		return a, err
	}
	a.status, err = truthOf(query, "status", false)
	return a, err
}

// parseSince reads ?since=: a time, or how long before now; the zero time without.
func parseSince(query url.Values, now time.Time) (time.Time, error) {
	text := query.Get("since")
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	since, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot tell since when from %q: want a time like 2006-01-02T15:04:05Z, or a duration like 10m", text)
	}
	return since, nil
}

// truthOf reads a parameter that is true or false; true if it is there without a value.
func truthOf(query url.Values, name string, otherwise bool) (bool, error) {
	if !query.Has(name) {
		return otherwise, nil
	}
	text := query.Get(name)
	if text == "" {
		return true, nil
	}
	is, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("cannot read ?%s=%s: want true or false", name, text)
	}
	return is, nil
}
