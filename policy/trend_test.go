package policy

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const mib = 1 << 20

// grown is the trend of a second-by-second series.
func grown(seconds int, at func(s float64) float64) (*trend, time.Time) {
	t := newTrend(t0)
	var now time.Time
	for i := range seconds {
		now = t0.Add(time.Duration(i) * time.Second)
		t.add(now, int64(at(float64(i))*mib), time.Second)
	}
	return t, now
}

// read is what the level with the longest stretch of at most so long shows.
func (t *trend) readWithin(now time.Time, most time.Duration) (outlook, bool) {
	var best outlook
	ok := false
	for i := range t.levels {
		l := &t.levels[i]
		if l.n < leastPoints || l.span() > most {
			continue
		}
		if o, grows := l.read(t, now); grows {
			best, ok = o, true
		}
	}
	return best, ok
}

func TestTrendReachesItsLimit(t *testing.T) {
	for name, test := range map[string]struct {
		seconds int
		at      func(s float64) float64
		limit   float64
		want    time.Duration // 0: never
	}{
		"a straight line":                   {60, func(s float64) float64 { return 50 + 2*s }, 300, 66 * time.Second},
		"seven times as steep":              {60, func(s float64) float64 { return 50 + 14*s }, 1000, 9 * time.Second},
		"already over":                      {60, func(s float64) float64 { return 50 + 2*s }, 100, time.Nanosecond},
		"an exponential that ends below it": {60, func(s float64) float64 { return 200 - 150*math.Exp(-s/20) }, 250, 0},
		"one that passes it":                {30, func(s float64) float64 { return 200 - 150*math.Exp(-s/20) }, 190, 25 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			tr, now := grown(test.seconds, test.at)
			o, ok := tr.readWithin(now, time.Hour)
			if !ok {
				t.Fatal("no growth seen")
			}
			in, reaches := o.reach(test.limit * mib)
			if reaches != (test.want > 0) {
				t.Fatalf("reaches %v in %s, want %s", reaches, in, test.want)
			}
			if off := math.Abs(in.Seconds() - test.want.Seconds()); reaches && off > 2+test.want.Seconds()/4 {
				t.Errorf("reaches it in %s, want %s", in, test.want)
			}
		})
	}
}

func TestTrendSeesNoGrowth(t *testing.T) {
	noise := rand.New(rand.NewPCG(1, 2))
	for name, at := range map[string]func(s float64) float64{
		"flat":             func(float64) float64 { return 100 },
		"flat, with noise": func(float64) float64 { return 100 + 5*noise.Float64() },
		"falling":          func(s float64) float64 { return 500 - s },
		"a step that is over": func(s float64) float64 {
			if s < 40 {
				return 100
			}
			return 150
		},
		"a spike": func(s float64) float64 {
			if s == 90 {
				return 300
			}
			return 100
		},
	} {
		tr, now := grown(100, at)
		for i := range tr.levels {
			if o, ok := tr.levels[i].read(tr, now); ok && tr.levels[i].n >= leastPoints {
				t.Errorf("%s: level %d grows by %.1f MiB/s", name, i, o.rate/mib)
			}
		}
	}
}

// A saw comes down by itself, and its floors say whether anything is left each time.
func TestTrendOfASaw(t *testing.T) {
	for name, test := range map[string]struct {
		leak float64 // MiB a second
		want bool
	}{
		"without a leak": {0, false},
		"on a leak":      {0.5, true},
	} {
		tr, now := grown(1000, func(s float64) float64 { return 100 + math.Mod(s, 20)*3 + test.leak*s })
		if tr.falls < 10 {
			t.Fatalf("%s: %d falls seen", name, tr.falls)
		}
		floors := false
		for i := range tr.levels {
			if tr.levels[i].n < leastPoints {
				break
			}
			if o, ok := tr.levels[i].read(tr, now); ok && o.floors {
				floors = true
				if rate := o.rate / mib; math.Abs(rate-test.leak) > 0.1 {
					t.Errorf("%s: floors rise by %.2f MiB/s, want %.2f", name, rate, test.leak)
				}
			}
		}
		if floors != test.want {
			t.Errorf("%s: floors rise: %v, want %v", name, floors, test.want)
		}
	}
}

// What an exact look corrects is neither growth nor a fall.
func TestTrendShifted(t *testing.T) {
	tr, now := grown(60, func(s float64) float64 { return 300 + s })
	tr.shift(-200 * mib)
	for i := range 20 {
		tr.add(now.Add(time.Duration(i+1)*time.Second), int64(100+60+i)*mib, time.Second)
	}
	if tr.falls != 0 {
		t.Errorf("%d falls", tr.falls)
	}
	o, ok := tr.readWithin(now.Add(20*time.Second), time.Hour)
	if !ok || math.Abs(o.rate/mib-1) > 0.1 {
		t.Errorf("growth %v of %.2f MiB/s, want 1", ok, o.rate/mib)
	}
}

func TestTrendRest(t *testing.T) {
	tr, _ := grown(200, func(s float64) float64 { return min(100, 50+s) })
	if rest, level := tr.rest(0); rest < 2*time.Minute || level != 100*mib {
		t.Errorf("at rest for %s at %d MiB", rest, level/mib)
	}
	tr, _ = grown(60, func(s float64) float64 { return min(100, 50+s) })
	if rest, _ := tr.rest(0); rest < 8*time.Second || rest > 12*time.Second {
		t.Errorf("at rest for %s, want 10 s", rest)
	}
	tr, _ = grown(200, func(s float64) float64 { return 50 + s })
	if rest, _ := tr.rest(0); rest > 5*time.Second {
		t.Errorf("a leak was at rest for %s", rest)
	}
}

func BenchmarkObserve(b *testing.B) {
	c := defaults()
	c.MaxMemory, c.SampleInterval = 1<<30, time.Second
	f := served(c, 1)
	now := t0
	for b.Loop() {
		now = now.Add(time.Second)
		bytes := int64(now.Sub(t0).Seconds()) << 10
		f.Observe(c, 1, Sample{Bytes: bytes, Private: bytes, Share: bytes}, now)
	}
}
