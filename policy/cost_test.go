package policy

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkRound is what it costs to decide after each look at all workers: theirs
// and the container's are noted, and what follows is planned. BenchmarkPlan is
// what every other event costs.
func BenchmarkRound(b *testing.B) {
	benchmarkFleets(b, func(b *testing.B, f *Fleet, c Config, now time.Time, observe func(time.Time)) {
		for b.Loop() {
			now = now.Add(100 * time.Millisecond)
			observe(now)
			Pace(c, f)
			plan(b, c, now, f)
		}
	})
}

func BenchmarkPlan(b *testing.B) {
	benchmarkFleets(b, func(b *testing.B, f *Fleet, c Config, now time.Time, _ func(time.Time)) {
		for b.Loop() {
			plan(b, c, now, f)
		}
	})
}

func plan(b *testing.B, c Config, now time.Time, f *Fleet) {
	if actions := Plan(c, now, f); len(actions) > 0 {
		b.Fatalf("%+v", actions)
	}
	Wake(c, now, f)
}

// benchmarkFleets has fleets that leak slowly, after five minutes of it.
func benchmarkFleets(b *testing.B, do func(*testing.B, *Fleet, Config, time.Time, func(time.Time))) {
	for _, n := range []int{2, 100, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := remembering()
			c.MaxMemory, c.MaxTotalMemory = 300*mib, int64(n)*200*mib
			f := served(c, n)
			observe := func(now time.Time) {
				for _, w := range f.Workers {
					bytes := int64((50 + now.Sub(t0).Seconds()/100) * mib)
					f.Observe(c, w.ID, Sample{Bytes: bytes, Private: bytes, Share: bytes}, now)
				}
				f.Contain(c, Container{Limit: int64(n) * 500 * mib, Needed: f.Total() + 100*mib, Group: true}, now)
			}
			now := t0
			for range 300 {
				now = now.Add(time.Second)
				observe(now)
			}
			do(b, f, c, now, observe)
		})
	}
}
