package verdict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// outcome is what was said of one pool.
type outcome struct {
	end     Verdict
	called  time.Duration // when it was first called a leak; -1 for never
	lost    int           // judgements other than leak after that
	judged  map[Kind]int
	late    map[Kind]int // the same in the later half
	changes int
	apart   int // judgements that named workers
}

// pool plays one pool of a trace.
type pool struct {
	trace
	r       *rand.Rand
	ledger  *Ledger
	workers []*player
	nextID  uint64
	phase   float64
}

// player is one worker of it.
type player struct {
	id     uint64
	began  time.Duration
	maxAge time.Duration
	work   float64
	memory func(moment) float64
	over   int
}

var epoch = time.Unix(1_700_000_000, 0)

func (p *pool) born(index int, now time.Duration) {
	p.nextID++
	w := &player{id: p.nextID, began: now, memory: noisy(0.02, p.model)(p.r, index)}
	if p.maxAge > 0 {
		w.maxAge = p.maxAge - time.Duration(p.r.Float64()*float64(p.maxAge)/10)
	}
	p.workers[index] = w
	p.ledger.Began(Worker{ID: w.id, Slot: index, Release: 1}, epoch.Add(now))
}

// look takes one look at every worker, and cycles who is due.
func (p *pool) look(now time.Duration) {
	load := 1.0
	if p.daily {
		load = 1 + 0.8*math.Sin(2*math.Pi*(now.Hours()/24+p.phase))
	}
	if p.rising > 0 {
		load *= 1 + (p.rising-1)*float64(now)/float64(p.last)
	}
	if p.bursts {
		if load = 0; math.Mod(now.Hours()/24+p.phase, 1) < 1.0/144 {
			load = 1
		}
	}
	for i, w := range p.workers {
		w.work += p.rate * load * p.every.Seconds() * (0.9 + 0.2*p.r.Float64())
		age := now - w.began
		m := w.memory(moment{age.Hours(), w.work, load, now.Hours()})
		look := Look{Private: int64(m * mib), Requests: int64(w.work), CPU: time.Duration(w.work * float64(5*time.Millisecond))}
		if p.blind {
			look.Requests = -1
		}
		p.ledger.Note(w.id, epoch.Add(now), look)
		if w.over++; p.limit == 0 || m < p.limit {
			w.over = 0
		}
		switch {
		case w.over >= 3:
			p.ledger.End(w.id, ForMemory)
			p.born(i, now)
		case w.maxAge > 0 && age >= w.maxAge:
			p.ledger.End(w.id, InTime)
			p.born(i, now)
		}
	}
}

// play watches one pool of a trace.
func play(tr trace, seed uint64) outcome {
	if tr.last == 0 {
		tr.last = 72 * hour
	}
	if tr.every == 0 {
		tr.every = 3 * time.Minute
	}
	if tr.rate == 0 {
		tr.rate = 20
	}
	r := rand.New(rand.NewPCG(seed, uint64(len(tr.name))))
	p := &pool{trace: tr, r: r, ledger: NewLedger(1), phase: r.Float64()}
	n := tr.workers
	if n == 0 {
		n = 1 + int(seed)%8
	}
	p.workers = make([]*player, n)
	for i := range p.workers {
		p.born(i, 0)
	}
	o := outcome{called: -1, judged: map[Kind]int{}, late: map[Kind]int{}}
	judge := max(10*time.Second, tr.last/100)
	next := judge
	for now := time.Duration(0); now <= tr.last; now += tr.every {
		p.look(now)
		if now < next {
			continue
		}
		next += judge
		v := p.ledger.Judge(epoch.Add(now), int64(tr.limit*mib))
		o.judged[v.Kind]++
		if len(v.Outliers) > 0 {
			o.apart++
		}
		if 2*now > tr.last {
			o.late[v.Kind]++
		}
		if v.Kind != o.end.Kind && o.end.Kind != "" {
			o.changes++
		}
		o.end = v
		switch {
		case v.Kind == Leak && o.called < 0:
			o.called = now
		case v.Kind != Leak && o.called >= 0:
			o.lost++
		}
	}
	return o
}

// row sums the pools of a trace up, and says what is wrong with them.
func row(tr trace) (text string, wrong []string) {
	share := map[Kind]int{}
	total, changes, apart, last := 0, 0, 0, Verdict{}
	first, latest := time.Duration(math.MaxInt64), time.Duration(-1)
	for seed := range uint64(seeds) {
		o := play(tr, seed)
		for k, n := range o.judged {
			share[k] += n
			total += n
		}
		changes += o.changes
		apart += o.apart
		last = o.end
		if o.called >= 0 {
			first, latest = min(first, o.called), max(latest, o.called)
		}
		if tr.never != "" && o.late[tr.never] > 0 {
			wrong = append(wrong, fmt.Sprintf("%s, seed %d: called %s %d times", tr.name, seed, tr.never, o.late[tr.never]))
		}
		if !strings.Contains(o.end.Why, tr.says) {
			wrong = append(wrong, fmt.Sprintf("%s, seed %d: %q is not in %q", tr.name, seed, tr.says, o.end.Why))
		}
		switch {
		case !tr.leaks && o.called >= 0:
			wrong = append(wrong, fmt.Sprintf("%s, seed %d: called a leak after %s", tr.name, seed, o.called))
		case tr.leaks && tr.within > 0 && (o.called < 0 || o.called > tr.within):
			wrong = append(wrong, fmt.Sprintf("%s, seed %d: called a leak after %s, want %s at most: in the end %s: %s", tr.name, seed, o.called, tr.within, o.end.Kind, o.end.Why))
		}
	}
	percent := func(k Kind) float64 { return 100 * float64(share[k]) / float64(total) }
	truth, when, until := "fine", "-", "-"
	if tr.leaks {
		truth = "leak"
	}
	if latest >= 0 {
		when, until = took(first), took(latest)
	}
	return fmt.Sprintf("%-36s %5s  %6.1f %6.1f %6.1f %7.1f  %6.1f %8s %8s %8.1f  %s: %s\n", tr.name, truth,
		percent(Leak), percent(Bloat), percent(Steady), percent(Unknown), 100*float64(apart)/float64(total), when, until, float64(changes)/seeds, last.Kind, last.Why), wrong
}

// table plays every trace, and holds the outcomes against what they are.
func table(t testing.TB) string {
	rows := make([]string, len(traces))
	wrong := make([][]string, len(traces))
	var running sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, tr := range traces {
		running.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			rows[i], wrong[i] = row(tr)
		})
	}
	running.Wait()
	for _, all := range wrong {
		for _, w := range all {
			t.Error(w)
		}
	}
	return fmt.Sprintf("%-36s %5s  %6s %6s %6s %7s  %6s %8s %8s %8s  %s\n", fmt.Sprintf("%% of judgements of %d pools", seeds), "truth",
		"leak", "bloat", "steady", "unknown", "apart", "leak at", "latest", "changes", "the last pool in the end") + strings.Join(rows, "")
}

// TestTraces watches pools that leak and pools that do not for days.
func TestTraces(t *testing.T) {
	t.Log("\n" + table(t))
}

// BenchmarkTraces prints what is said of pools that leak and of pools that do not.
func BenchmarkTraces(b *testing.B) {
	for b.Loop() {
		b.Log("\n" + table(b))
	}
}

// eight is a ledger with eight workers that were looked at for a day, and 32 lives.
func eight() (*Ledger, time.Time) {
	l, at := NewLedger(1), epoch
	for id := range uint64(8 + leastLives) {
		l.Began(Worker{ID: id, Release: 1}, at)
		for i := range 24 * 60 {
			at := at.Add(time.Duration(i) * time.Minute)
			l.Note(id, at, Look{Private: int64(100*mib) + int64(i)*1000, Requests: int64(i) * 1000, CPU: time.Duration(i) * time.Second})
		}
		if id >= 8 {
			l.End(id, ForMemory)
		}
	}
	return l, at.Add(24 * hour)
}

func BenchmarkNote(b *testing.B) {
	l := NewLedger(1)
	l.Began(Worker{ID: 1, Release: 1}, epoch)
	at, i := epoch, int64(0)
	for b.Loop() {
		i++
		at = at.Add(time.Second)
		l.Note(1, at, Look{Private: 100<<20 + i<<10, Requests: i, CPU: time.Duration(i)})
	}
}

func BenchmarkJudge(b *testing.B) {
	l, at := eight()
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(10 * time.Second)
		l.Judge(at, 1<<30)
	}
}
