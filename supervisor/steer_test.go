package supervisor

import (
	"maps"
	"testing"
	"time"
)

// The share of a fresh worker rises in even steps from the least to the whole,
// and each look says when the next step comes.
func TestSlowShare(t *testing.T) {
	ready := time.Unix(1000, 0)
	for _, rise := range []time.Duration{time.Nanosecond, 7 * time.Nanosecond, time.Millisecond, 10 * time.Second, 1000 * time.Hour} {
		last, steps := 0, 0
		for now := ready; ; {
			share, until := slowShare(rise, ready, now)
			if share <= last && steps > 1 || share < fullShare/shareSteps || share > fullShare {
				t.Fatalf("%s: share %d after %s, %d before", rise, share, now.Sub(ready), last)
			}
			if part := float64(now.Sub(ready)) / float64(rise); float64(share) > max(part, 1./shareSteps)*fullShare+1e-6 && part < 1 {
				t.Errorf("%s: share %d after %s", rise, share, now.Sub(ready))
			}
			last = share
			if until.IsZero() {
				break
			}
			if !until.After(now) {
				t.Fatalf("%s: the next step after %s comes at %s", rise, now.Sub(ready), until.Sub(ready))
			}
			if steps++; steps > shareSteps {
				t.Fatalf("%s: more than %d steps", rise, shareSteps)
			}
			now = until
		}
		if last != fullShare {
			t.Errorf("%s: the last share is %d", rise, last)
		}
	}
	for _, test := range []struct {
		rise, age time.Duration
		share     int
		next      time.Duration // age at the next step; 0 for none
	}{
		{0, 0, 1000, 0},
		{0, time.Hour, 1000, 0},
		{10 * time.Second, 0, 50, 500 * time.Millisecond},
		{10 * time.Second, -time.Second, 50, 500 * time.Millisecond}, // the clock was set
		{10 * time.Second, 5 * time.Second, 500, 5500 * time.Millisecond},
		{10 * time.Second, 9999 * time.Millisecond, 950, 10 * time.Second},
		{10 * time.Second, 10 * time.Second, 1000, 0},
	} {
		share, until := slowShare(test.rise, ready, ready.Add(test.age))
		next := time.Duration(0)
		if !until.IsZero() {
			next = until.Sub(ready)
		}
		if share != test.share || next != test.next {
			t.Errorf("slow start of %s, age %s: share %d, next step at %s; want %d, %s", test.rise, test.age, share, next, test.share, test.next)
		}
	}
}

// Clients whose connections were ended with a worker come to the one in its place,
// and no longer than they are expected, nor to one that has gone meanwhile.
func TestWhoeverConnectionsComeBackTo(t *testing.T) {
	now := time.Now()
	st := &steering{comeBack: map[uint64]time.Time{2: now.Add(comingBack), 7: now.Add(comingBack)}}
	for at, want := range map[time.Duration]map[uint64]int{
		0:              {1: 250, 2: 1000, 3: 12},
		comingBack - 1: {1: 250, 2: 1000, 3: 12},
		comingBack:     {1: 1000, 2: 1000, 3: 50},
	} {
		st := &steering{comeBack: maps.Clone(st.comeBack)}
		shares := map[uint64]int{1: 1000, 2: 1000, 3: 50}
		st.favour(shares, now.Add(at))
		if !maps.Equal(shares, want) {
			t.Errorf("after %s: %v, want %v", at, shares, want)
		}
		if at < comingBack && !st.again.Equal(now.Add(comingBack)) || at >= comingBack && (!st.again.IsZero() || len(st.comeBack) > 0) {
			t.Errorf("after %s: again at %s, %v come back", at, st.again, st.comeBack)
		}
	}
}
