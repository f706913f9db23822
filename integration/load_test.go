package integration

import (
	"maps"
	"slices"
	"testing"

	"rota/integration/load"
)

// begin lets clients ask until they are halted, or the test ends.
func begin(t *testing.T, c *load.Clients) {
	c.Begin(t.Context())
	t.Cleanup(c.Halt)
}

// nothingLost checks that every request of clients which have been halted was
// answered by a worker, and that no connection was closed but after it had been
// announced.
func nothingLost(t *testing.T, c *load.Clients) {
	t.Helper()
	for _, k := range c.Ways {
		got := c.Tallies[k.Name]
		for _, why := range slices.Sorted(maps.Keys(got.Lost)) {
			t.Errorf("%s: %d of %d lost: %s", k.Name, got.Lost[why], got.Answered+len(got.Failed), why)
		}
		if got.Answered == 0 {
			t.Errorf("%s: none was answered: that is no load", k.Name)
		}
		if got.Idle > 0 {
			t.Errorf("%s: %d connections were closed unannounced while nothing was asked", k.Name, got.Idle)
		}
	}
}

// only checks that all requests were answered, with one of some statuses, and that
// no connection was closed but after it had been announced.
func only(t *testing.T, what string, a *load.Arrivals, statuses ...int) {
	t.Helper()
	for why, n := range a.Lost {
		t.Errorf("%s: %d lost: %s", what, n, why)
	}
	if a.Idle > 0 {
		t.Errorf("%s: %d connections were closed unannounced while nothing was asked", what, a.Idle)
	}
	for status, took := range a.Took {
		if !slices.Contains(statuses, status) {
			t.Errorf("%s: %d answers with status %d", what, len(took), status)
		}
	}
}
