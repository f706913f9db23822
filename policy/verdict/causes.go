package verdict

import (
	"fmt"
	"slices"
)

// Held is what makes a worker's memory look like more than it uses, in bytes.
type Held struct {
	RSS, Private     int64
	LazyFree         int64 // given back by the program and not yet taken by the kernel
	HugePages        int64 // anonymous memory in pages of 2 MiB
	Swap             int64
	Threads          int  // of its process with the most
	UnboundedMallocs bool // glibc's malloc, with as many arenas as it likes
}

// When a cause is worth telling: what is given back or swapped is said to be
// somewhere from a twentieth of private memory on; huge pages, which waste a part
// alone, from a half. glibc makes an arena for each thread that finds the others
// busy; few threads do not make enough to matter.
const (
	tellPortion = 0.05
	tellHuge    = 0.5
	tellThreads = 4
)

// Causes tells in plain words what a pool's memory may be high for although
// nobody needs it, or what makes it look so. Each is told if most workers show it.
func Causes(workers []Held) []string {
	var causes []string
	tell := func(of func(Held) int64, least float64, format string) {
		var values, portions []float64
		for _, h := range workers {
			values = append(values, float64(of(h)))
			portions = append(portions, float64(of(h))/float64(max(h.Private, 1)))
		}
		if portion := median(portions); portion >= least {
			causes = append(causes, fmt.Sprintf(format, size(median(values)), 100*portion))
		}
	}
	tell(func(h Held) int64 { return h.LazyFree }, tellPortion,
		"%s of each worker (%.0f%% of its private memory) is given back already; the kernel takes it when it needs it")
	tell(func(h Held) int64 { return h.HugePages }, tellHuge,
		"%s of each worker (%.0f%%) is in huge pages, of which a part may never have been used: see transparent_hugepage/enabled")
	tell(func(h Held) int64 { return h.Swap }, tellPortion,
		"%s of each worker (%.0f%%) is swapped out: it does not use that")

	threads := make([]int, len(workers))
	arenas := 0
	for i, h := range workers {
		threads[i] = h.Threads
		if h.UnboundedMallocs && h.Threads >= tellThreads {
			arenas++
		}
	}
	if arenas > 0 && most(arenas, len(workers)) {
		causes = append(causes, fmt.Sprintf("%d threads use glibc's malloc, which may keep freed memory for each: try --env MALLOC_ARENA_MAX=2", slices.Max(threads)))
	}
	return causes
}
