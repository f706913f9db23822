package procstats

import (
	"fmt"
	"testing"
	"time"
)

// readings is a world of three trees with one process each, and who of them was
// read by a Sample.
func readings(t *testing.T, cost time.Duration) (w *world, all []Target, read func(...Target) []uint64) {
	w = newWorld(t)
	w.work, w.tick = cost, cost
	for i := range 3 {
		w.put(Stat{PID: 10 + i}, 10, 0)
		w.rollup(10+i, Rollup{RSS: 10, PSS: 10, PSSAnon: 10, PrivateDirty: 10})
		all = append(all, Target{ID: uint64(i), PID: 10 + i})
	}
	return w, all, func(targets ...Target) (ids []uint64) {
		t.Helper()
		for _, u := range w.sample(targets...) {
			if u.Fresh != u.Measured.Equal(w.now) {
				t.Errorf("Fresh is %v, measured %v, now %v", u.Fresh, u.Measured, w.now)
			}
			if u.Fresh {
				ids = append(ids, u.ID)
			}
		}
		return ids
	}
}

func with(all []Target, i int, change func(*Target)) []Target {
	some := append([]Target(nil), all...)
	change(&some[i])
	return some
}

func TestReadingsKeepToBudget(t *testing.T) {
	w, all, read := readings(t, readingsMax)
	quiet, measure := func(t *Target) { t.Quiet = true }, func(t *Target) { t.Measure = true }
	w.check("first", read(with(all, 0, quiet)...), []uint64{1})
	w.check("second", read(with(all, 0, quiet)...), []uint64{2})
	w.check("on demand", read(with(all, 1, measure)...), []uint64{1})
	w.check("third", read(all...), []uint64{0})
	w.check("fourth", read(all...), []uint64(nil))
	w.check("on demand, quiet", read(with(all, 1, func(t *Target) { t.Quiet, t.Measure = true, true })...), []uint64(nil))
	w.now = w.now.Add(-6*time.Second + rollupInterval)
	w.check("too early", read(all...), []uint64(nil))
	w.check("due again", read(all...), []uint64{2})
	w.check("due next", read(all...), []uint64{1})
	w.check("due last", read(all...), []uint64{0})
	w.check("nobody is due", read(all...), []uint64(nil))
	w.check("Cost", w.s.Cost() >= w.tick, true)
}

// Trees that were never read do not wait for each other, if they are small.
func TestReadingsOfNewTrees(t *testing.T) {
	w, all, read := readings(t, readingsMax/2)
	w.check("first", read(all...), []uint64{0, 1})
	w.check("second", read(all...), []uint64{2})
	w.check("third", read(all...), []uint64(nil))
}

// What is demanded is bounded as well: it is read ahead, then it has to wait
// until a thousandth of the time since has paid for it.
func TestReadingsOnDemand(t *testing.T) {
	const cost = 5 * time.Millisecond
	_, all, read := readings(t, cost)
	one := Target{ID: 0, PID: 10, Measure: true}
	n := 0
	const seconds = 3600
	for range seconds {
		n += len(read(one))
	}
	if least, most := seconds/5, seconds/5+4; n < least || n > most {
		t.Errorf("%d readings of %v in %d s, want %d to %d", n, cost, seconds, least, most)
	}
	// All of them: a 500th of the time of one CPU.
	n = 0
	for range seconds {
		n += len(read(with(with(with(all, 0, func(t *Target) { t.Measure = true }), 1, func(t *Target) { t.Measure = true }), 2, func(t *Target) { t.Measure = true })...))
	}
	if most := seconds/5*2 + 20 + 20; n < seconds/5*2-20 || n > most {
		t.Errorf("%d readings of %v in %d s, want at most %d", n, cost, seconds, most)
	}
}

// On a busy machine a reading waits for its turn again and again. That costs nobody
// anything, so what a decision hangs on is read whenever it is asked for.
func TestReadingsOnDemandOnBusyMachine(t *testing.T) {
	w, all, read := readings(t, time.Millisecond)
	w.tick = time.Second
	for second := range 60 {
		w.check(fmt.Sprintf("second %d", second), read(with(all, second%3, func(t *Target) { t.Measure = true })...), []uint64{uint64(second % 3)})
	}
}

// What is uncertain is read as soon as it is paid for.
func TestReadingsInHaste(t *testing.T) {
	const cost = 5 * time.Millisecond // to be paid for in 5 s
	w := newWorld(t)
	w.work = cost
	put := func(faults int64) {
		for pid, parent := range map[int]int{10: 1, 11: 10} {
			w.put(Stat{PID: pid, PPID: parent, MinorFaults: faults}, 100<<10, 0)
			w.rollup(pid, Rollup{RSS: 100 << 10, PSS: 60 << 10, PSSAnon: 60 << 10, PrivateDirty: 20 << 10, SharedDirty: 80 << 10})
		}
	}
	put(0)
	a := Target{ID: 1, PID: 10}
	var at []int
	for second := range 30 {
		put(int64(second) * 50) // 400 KiB a second
		if w.sample(a)[0].Fresh {
			at = append(at, second)
		}
	}
	// 12 of the 120 MiB are reached after 30 s, and passed after 31.
	w.check("slowly", at, []int{0})
	for second := range 12 {
		put(1500 + int64(second)*1024) // 8 MiB a second
		if w.sample(a)[0].Fresh {
			at = append(at, 30+second)
		}
	}
	w.check("fast", at, []int{0, 31, 36, 41})
}
