package policy

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func testOutcomes(t *testing.T, cases []simCase) {
	seeds := simSeeds
	if raced {
		// Nothing here runs beside anything else: the race detector has nothing to
		// find, and takes ten times as long.
		cases = cases[:1]
	}
	for _, c := range cases {
		if raced || testing.Short() {
			seeds, c.workers = 1, c.workers[len(c.workers)/2:][:1]
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(seeds, func(o *simOutcome) {
				if len(o.broken) > 0 {
					t.Error(o.report())
				}
			})
		})
	}
}

// What stays below its limit is never cycled for its memory, whatever its shape.
func TestMemoryOutcomesOfBenignTraces(t *testing.T) { testOutcomes(t, simBenign()) }

// A leak is cycled before its limit, late enough to be worth it, one at a time.
func TestMemoryOutcomesOfLeaks(t *testing.T) { testOutcomes(t, simLeaks()) }

// A leak of seconds never fills the container.
func TestMemoryOutcomesOfFastLeaks(t *testing.T) { testOutcomes(t, simFast()) }

// All workers together stay within their budget and their container.
func TestMemoryOutcomesOfBudgets(t *testing.T) { testOutcomes(t, simBudgets()) }

// A limit that no cycle can keep pauses them.
func TestMemoryOutcomesOfFutileLimits(t *testing.T) { testOutcomes(t, simFutile()) }

// BenchmarkMemoryOutcomes prints what comes of each scenario, the worst of all
// numbers of workers and seeds. Its time is that of all of them together, as many at a time as there are processors.
func BenchmarkMemoryOutcomes(b *testing.B) {
	var table string
	for b.Loop() {
		table = simTable()
	}
	// b.Log would cut it short.
	fmt.Printf("\n\n%s\n", table)
}

func simTable() string {
	var t strings.Builder
	t.WriteString("| scenario | workers | played | cycles for memory | for total | begun ahead | stop-first | lowest memory at a cycle / limit | highest in rotation / limit | container's peak / limit | cycles at once | fewest ready | paused | looks a minute | time | broken promises |\n")
	t.WriteString(strings.Repeat("| --- ", 16) + "|\n")
	cases := slices.Concat(simBenign(), simLeaks(), simFast(), simBudgets(), simFutile(), simHardships())
	rows := make([]string, len(cases))
	var playing sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		playing.Go(func() {
			for i := range next {
				rows[i] = cases[i].row()
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	playing.Wait()
	t.WriteString(strings.Join(rows, ""))
	return t.String()
}

// row sums up all runs of a case.
func (c simCase) row() string {
	var played, wall time.Duration
	var memory, total, ahead, stopFirst, overlap, looks, broken int
	var fewest, paused []string
	lowest, highest, peak := math.Inf(1), 0.0, 0.0
	least := map[int]int{}
	c.run(simSeeds, func(o *simOutcome) {
		played, wall, looks = played+o.span, wall+o.wall, looks+o.looks
		memory, total = memory+o.cycles[Memory], total+o.cycles[Total]
		ahead, stopFirst = ahead+o.ahead, stopFirst+o.stopFirst
		lowest, highest, peak = min(lowest, o.lowest), max(highest, o.highest), max(peak, o.peak)
		overlap = max(overlap, o.overlap)
		if n, ok := least[o.workers]; !ok || o.leastReady < n {
			least[o.workers] = o.leastReady
		}
		for _, t := range o.paused {
			if !slices.Contains(paused, string(t)) {
				paused = append(paused, string(t))
			}
		}
		if len(o.broken) > 0 {
			broken++
		}
	})
	workers := strings.Trim(strings.ReplaceAll(fmt.Sprint(c.workers), " ", ", "), "[]")
	for _, n := range c.workers {
		fewest = append(fewest, fmt.Sprint(least[n]))
	}
	return fmt.Sprintf("| %s | %s | %s | %d | %d | %d | %d | %s | %s | %.2f | %d | %s | %s | %.1f | %s | %d of %d |\n",
		c.name, workers, played, memory, total, ahead, stopFirst, share(lowest), share(highest), peak, overlap,
		strings.Join(fewest, ", "), strings.Join(paused, ", "), float64(looks)/played.Minutes(), wall.Round(time.Millisecond),
		broken, simSeeds*len(c.workers))
}

func share(part float64) string {
	if part == 0 || math.IsInf(part, 0) {
		return ""
	}
	return fmt.Sprintf("%.3f", part)
}
