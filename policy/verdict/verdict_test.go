package verdict

import (
	"math"
	"strings"
	"testing"
	"time"
)

// live lets a worker live: bytes says what it has after so many looks, each of
// which comes with ten requests.
func live(l *Ledger, id uint64, release, looks int, every time.Duration, bytes func(i int) int64) {
	l.Began(Worker{ID: id, Release: release}, epoch)
	for i := range looks {
		l.Note(id, epoch.Add(time.Duration(i)*every), Look{Private: bytes(i), Requests: int64(10 * i), CPU: time.Duration(i) * every / 10})
	}
}

func growing(perLook int64) func(int) int64 {
	return func(i int) int64 { return 64<<20 + int64(i)*perLook }
}

func TestNothingIsUnknown(t *testing.T) {
	l := NewLedger(1)
	if v := l.Judge(epoch, 1<<30); v.Kind != Unknown || v.Why == "" || v.ToLimit != 0 {
		t.Errorf("of nothing: %+v", v)
	}
	l.Note(7, epoch, Look{Private: 1}) // nobody knows it
	l.End(7, ForMemory)
	live(l, 1, 1, 41*60, time.Second, growing(0))
	if v := l.Judge(epoch.Add(41*time.Minute), 0); v.Kind != Unknown || v.Why != "41m of evidence, at least 1h0m needed" {
		t.Errorf("of 41 minutes: %s: %s", v.Kind, v.Why)
	}
}

func TestNumbersOfALeak(t *testing.T) {
	l := NewLedger(1)
	for id := range uint64(3) {
		live(l, id, 1, 20, time.Second, growing(640<<10))
		l.End(id, ForMemory)
	}
	live(l, 9, 1, 2, time.Second, growing(640<<10))
	v := l.Judge(epoch.Add(time.Minute), 64<<20+10*640<<10)
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > want/1000 {
			t.Errorf("%s is %g, want %g", what, got, want)
		}
	}
	if v.Kind != Leak || v.Agreeing != 3 || v.Observed != 3 || v.Lives != 3 {
		t.Fatalf("%+v", v)
	}
	near("growth of a request", v.PerRequest, 64<<10)
	near("growth of an hour", v.PerHour, 3600*640<<10)
	near("time to the limit", v.ToLimit.Seconds(), 9) // it is at its second look
	if !strings.Contains(v.Why, "64KiB a request") {
		t.Errorf("why: %s", v.Why)
	}
}

// The limit is as far away as present load takes to get there, and each worker has its own.
func TestTimeToTheLimitFollowsTheLoad(t *testing.T) {
	l := NewLedger(1)
	for id := range uint64(3) {
		live(l, id, 1, 20, time.Second, growing(640<<10))
		l.End(id, ForMemory)
	}
	const room = 6400 << 10 // 100 requests of 64 KiB
	now := epoch.Add(time.Hour)
	for i, pace := range []int64{1, 2, 0} { // requests a second
		id := uint64(10 + i)
		l.Began(Worker{ID: id, Slot: i, Release: 1}, now)
		for s := range int64(3) {
			l.Note(id, now.Add(time.Duration(s)*time.Second), Look{Private: 64 << 20, Requests: pace * s})
		}
		v := l.Judge(now, 64<<20+room)
		want := []time.Duration{100 * time.Second, 50 * time.Second, 50 * time.Second}[i]
		if off := v.ToLimit - want; v.Kind != Leak || off.Abs() > want/100 {
			t.Errorf("with %d requests a second: %s, limit in %s, want %s", pace, v.Kind, v.ToLimit, want)
		}
	}
}

// One worker that grows has the time to the limit of its own.
func TestTimeToTheLimitOfOneWorker(t *testing.T) {
	l := NewLedger(1)
	const perMinute = 100 << 10
	for slot := range 8 {
		id := uint64(slot)
		l.Began(Worker{ID: id, Slot: slot, Release: 1}, epoch)
		for i := range 5 * 60 {
			bytes := int64(60 << 20)
			if slot == 5 {
				bytes += int64(i) * perMinute
			}
			l.Note(id, epoch.Add(time.Duration(i)*time.Minute), Look{Private: bytes, Requests: int64(60 * i)})
		}
	}
	v := l.Judge(epoch.Add(5*time.Hour), 60<<20+600*perMinute)
	if v.Kind != Steady || len(v.Outliers) != 1 || v.Outliers[0].Slot != 5 || math.Abs(v.Outliers[0].PerHour-60*perMinute) > perMinute {
		t.Fatalf("%+v", v)
	}
	if off := v.ToLimit - 5*time.Hour; off.Abs() > 10*time.Minute {
		t.Errorf("the limit is %s away, want 5h", v.ToLimit)
	}
	if want := "; but slot 5 grows evenly, by 5.8"; !strings.Contains(v.Why, want) {
		t.Errorf("%q is not in %q", want, v.Why)
	}
}

// What an idle program uses of the processor is no work to hold growth against.
func TestIdleIsNoWork(t *testing.T) {
	l := NewLedger(1)
	l.Began(Worker{ID: 1, Release: 1}, epoch)
	for i := range 40 * 60 {
		l.Note(1, epoch.Add(time.Duration(i)*time.Minute), Look{Private: 60<<20 + int64(i)<<16, Requests: -1, CPU: time.Duration(i) * 2 * time.Millisecond})
	}
	if v := l.Judge(epoch.Add(40*time.Hour), 0); v.Kind != Leak || v.PerCPUSecond != 0 || math.Abs(v.PerHour-60<<16) > 1<<16 {
		t.Errorf("%+v", v)
	}
}

// A roll of the same release forgets nothing until those that come are found to be otherwise.
func TestRoll(t *testing.T) {
	l := NewLedger(1)
	next := uint64(0)
	began := func(perLook int64, looks int) uint64 {
		next++
		live(l, next, 1, looks, time.Second, growing(perLook))
		return next
	}
	for range 4 {
		l.End(began(640<<10, 20), ForMemory)
	}
	l.Roll()
	began(0, 10)
	if v := l.Judge(epoch, 0); v.Kind != Leak || v.Lives != 4 {
		t.Errorf("just after a roll: %+v", v)
	}
	began(640<<10, 20)
	began(640<<10, 20)
	if v := l.Judge(epoch, 0); v.Kind != Leak || v.Lives != 4 {
		t.Errorf("of those that do as those before: %+v", v)
	}
	for range 3 {
		began(0, 20)
	}
	if v := l.Judge(epoch.Add(time.Hour), 0); v.Kind != Unknown || v.Lives != 0 {
		t.Errorf("of those that do not: %+v", v)
	}
}

// Lives that settled late teach to wait, and those that never grew do not.
func TestEarlierLivesTeachPatience(t *testing.T) {
	const minutes = 24 * 60
	play := func(bytes func(i int) int64, now func(i int) int64) Verdict {
		l := NewLedger(1)
		for id := range uint64(8) {
			live(l, id, 1, minutes, time.Minute, bytes)
			l.End(id, InTime)
		}
		l.Roll()
		for id := range uint64(4) {
			live(l, 100+id, 1, 10*60, time.Minute, now)
		}
		return l.Judge(epoch, 0)
	}
	cache := func(i int) int64 { return 60<<20 + int64(min(i, minutes/2))<<18 }
	flat := func(int) int64 { return 60 << 20 }
	if v := play(cache, cache); v.Kind != Bloat || v.Lives != 8 {
		t.Errorf("a cache that fills as those before did: %s: %s", v.Kind, v.Why)
	}
	if v := play(flat, cache); v.Kind != Leak || v.Lives != 0 {
		t.Errorf("what grows where nothing grew before: %s: %s", v.Kind, v.Why)
	}
}

// What was said of the release before is told beside what is known of this one.
func TestReleaseBefore(t *testing.T) {
	l := NewLedger(1)
	for id := range uint64(3) {
		live(l, id, 1, 20, time.Second, growing(640<<10))
		l.End(id, ForMemory)
	}
	l.Judge(epoch, 0)
	for range 2 { // it does not add up
		l.Release(2)
		v := l.Judge(epoch, 0)
		if want := "long enough; the release before: leak of 2.197GiB an hour, 64KiB a request"; v.Earlier != Leak || !strings.HasSuffix(v.Why, want) {
			t.Errorf("%q does not end with %q", v.Why, want)
		}
	}
}

func TestTwoLivesAreNotEnough(t *testing.T) {
	l := NewLedger(1)
	for id := range uint64(2) {
		live(l, id, 1, 20, time.Second, growing(640<<10))
		l.End(id, ForMemory)
	}
	if v := l.Judge(epoch.Add(time.Minute), 0); v.Kind != Unknown {
		t.Errorf("%s: %s", v.Kind, v.Why)
	}
}

func TestLivesThatDifferAreNoLeak(t *testing.T) {
	l := NewLedger(1)
	for id := range uint64(8) {
		live(l, id, 1, 20, time.Second, growing(640<<10<<(id%4)))
		l.End(id, ForMemory)
	}
	if v := l.Judge(epoch.Add(time.Minute), 0); v.Kind != Unknown {
		t.Errorf("%s: %s", v.Kind, v.Why)
	}
}

// What one release taught says nothing of the next, and is there again when the
// pool goes back to it.
func TestReleasesAreApart(t *testing.T) {
	l := NewLedger(1)
	for id := range uint64(4) {
		live(l, id, 1, 20, time.Second, growing(640<<10))
		l.End(id, ForMemory)
	}
	if v := l.Judge(epoch, 0); v.Kind != Leak || v.Earlier != "" {
		t.Fatalf("%+v", v)
	}
	l.Release(2)
	live(l, 5, 1, 20, time.Second, growing(640<<10)) // one of before, still alive
	if v := l.Judge(epoch, 0); v.Kind != Unknown || v.Earlier != Leak || v.Lives != 0 {
		t.Errorf("of another release: %+v", v)
	}
	l.End(5, ForMemory)
	l.Release(1)
	if v := l.Judge(epoch, 0); v.Kind != Leak || v.Lives != 5 {
		t.Errorf("back at the first: %+v", v)
	}
	for n := range 20 {
		l.Release(n)
	}
	if len(l.books) > maxReleases {
		t.Errorf("%d releases are remembered", len(l.books))
	}
}

// A verdict that holds for a day does not go with one judgement.
func TestDoubt(t *testing.T) {
	l := NewLedger(1)
	l.Began(Worker{ID: 1, Release: 1}, epoch)
	at := epoch
	note := func(minutes int, bytes int64) Kind {
		for range minutes {
			at = at.Add(time.Minute)
			l.Note(1, at, Look{Private: bytes, Requests: -1, CPU: at.Sub(epoch) / 10})
		}
		return l.Judge(at, 0).Kind
	}
	if k := note(24*60, 100<<20); k != Steady {
		t.Fatalf("a day of the same: %s", k)
	}
	if k := note(7*60, 400<<20); k != Steady {
		t.Errorf("just after it had grown: %s", k)
	}
	if k := note(2*60, 410<<20); k == Steady {
		t.Errorf("two hours later still %s", k)
	}
}

func TestMemoryOfALedgerIsBounded(t *testing.T) {
	l := NewLedger(1)
	for id := range uint64(100) {
		live(l, id, 1, 2000, time.Duration(id+1)*time.Millisecond*100, growing(1<<20))
		if n := len(l.workers[id].life.buckets); n > maxBuckets {
			t.Fatalf("%d buckets", n)
		}
		l.End(id, Otherwise)
	}
	if n := len(l.book(1).lives); n != leastLives {
		t.Errorf("%d lives are remembered", n)
	}
}

// A clock that is set back, looks at one moment, and numbers that fall harm nothing.
func TestOddLooks(t *testing.T) {
	l := NewLedger(1)
	l.Began(Worker{ID: 1, Release: 1}, epoch)
	for i := range 1000 {
		l.Note(1, epoch.Add(time.Duration(i%7-3)*time.Hour), Look{Private: int64(i % 13), Requests: int64(1000 - i), CPU: time.Duration(-i)})
	}
	for range 1000 {
		l.Note(1, epoch.Add(4*time.Hour), Look{})
	}
	v := l.Judge(epoch, 1)
	if v.Kind == Leak || math.IsNaN(v.PerHour) || math.IsNaN(v.PerRequest) {
		t.Errorf("%+v", v)
	}
	l.End(1, ForMemory)
	l.Judge(epoch, 1)
}

// Whatever is noted, judging does not fail and gives numbers that are some.
func FuzzLooks(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\x04\x05\x06\x07\x08\xff\x00\x80\x7f\x10\x20\x30\x40\x50\x60\x70\x81\x91\xa1\xb1\xc1"), true)
	f.Add([]byte("a leak a leak a leak a leak a leak a leak a leak a leak a leak a leak"), false)
	f.Fuzz(func(t *testing.T, data []byte, counted bool) {
		l := NewLedger(1)
		l.Began(Worker{ID: 1, Release: 1}, epoch)
		at, look, next := epoch, Look{}, uint64(1)
		for i := 0; i+3 < len(data); i += 4 {
			at = at.Add(time.Duration(int8(data[i])) * time.Minute)
			look.Private += int64(int8(data[i+1])) << 20
			look.Requests += int64(int8(data[i+2]))
			look.CPU += time.Duration(data[i+2]) * time.Second
			if !counted {
				look.Requests = -1
			}
			l.Note(next, at, look)
			if data[i+3]%16 == 0 {
				l.End(next, Ending(data[i+3]/16%2))
				next++
				l.Began(Worker{ID: next, Release: 1}, at)
			}
			v := l.Judge(at, int64(data[i+3])<<20)
			for _, n := range []float64{v.PerHour, v.PerRequest, v.PerCPUSecond} {
				if math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
					t.Fatalf("%+v", v)
				}
			}
			if v.Why == "" || v.ToLimit < 0 {
				t.Fatalf("%+v", v)
			}
		}
	})
}

func TestCauses(t *testing.T) {
	plain := Held{RSS: 120 << 20, Private: 100 << 20, Threads: 2, UnboundedMallocs: true}
	if got := Causes([]Held{plain, plain}); len(got) != 0 {
		t.Errorf("of nothing special: %q", got)
	}
	if got := Causes(nil); len(got) != 0 {
		t.Errorf("of nobody: %q", got)
	}
	odd := Held{RSS: 120 << 20, Private: 100 << 20, LazyFree: 30 << 20, HugePages: 60 << 20, Swap: 8 << 20, Threads: 20, UnboundedMallocs: true}
	got := strings.Join(Causes([]Held{odd, odd, odd}), "\n")
	for _, want := range []string{"30MiB of each worker (30% of its private memory) is given back", "60MiB of each worker (60%) is in huge pages", "8MiB of each worker (8%) is swapped out", "20 threads", "MALLOC_ARENA_MAX=2"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	if got := Causes([]Held{odd, plain, plain}); len(got) != 0 {
		t.Errorf("of one of three: %q", got)
	}
}
