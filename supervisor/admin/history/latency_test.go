package history

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rota/listener/front"
)

func TestBuckets(t *testing.T) {
	for i := range buckets {
		low, high := lower(i), lower(i+1)
		if i > 0 && (high-low)/low > .1251 || high <= low {
			t.Errorf("bucket %d is from %g s to %g s", i, low, high)
		}
	}
	if first, last := lower(1), lower(buckets); math.Abs(first-1.024e-6) > 1e-12 || last < 1000 {
		t.Errorf("latencies are told apart from %g s to %g s", first, last)
	}
	for _, d := range []time.Duration{-time.Hour, 0, 1, 1023} {
		if bucket(d) != 0 {
			t.Errorf("%s is in bucket %d", d, bucket(d))
		}
	}
	if bucket(math.MaxInt64) != buckets-1 || bucket(1<<40) != buckets-1 || bucket(1<<40-1) != buckets-1 {
		t.Error("what is longer than all is not in the last bucket")
	}
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Uint64Range(1024, 1<<40-1).Draw(t, "d"))
		if i := bucket(d); d.Seconds() < lower(i)*(1-1e-12) || d.Seconds() >= lower(i+1)*(1+1e-12) {
			t.Fatalf("%s is in bucket %d from %g s to %g s", d, i, lower(i), lower(i+1))
		}
	})
}

func TestQuantile(t *testing.T) {
	var l latencies
	var before, after observed
	l.add(time.Hour) // of a time before
	l.copy(&before)
	if _, ok := quantile(&before, &before, .5); ok {
		t.Error("there is a quantile of nothing")
	}
	for i := 1; i <= 1000; i++ {
		l.add(time.Duration(i) * time.Millisecond)
	}
	l.copy(&after)
	for _, share := range []float64{.01, .5, .9, .99, 1} {
		got, ok := quantile(&before, &after, share)
		if want := share; !ok || math.Abs(got-want)/want > .125 {
			t.Errorf("quantile %g is %g s, want %g s to an eighth", share, got, want)
		}
	}
}

// Neither shed requests nor upgraded connections say how fast workers answer.
func TestAnswered(t *testing.T) {
	r := New(nil, true)
	for _, a := range []front.Answer{
		{Slot: 0, Code: 200, Duration: time.Millisecond, Kind: front.KindRequest},
		{Slot: 3, Code: 502, Duration: time.Millisecond, Kind: front.KindRequest, Cut: true},
		{Slot: 0, Code: 101, Duration: time.Hour, Kind: front.KindUpgrade, Cut: true},
		{Slot: front.NoSlot, Code: 503, Duration: time.Minute, Kind: front.KindRequest, Shed: front.ShedFull},
		{Slot: front.NoSlot, Code: 499, Duration: time.Minute, Kind: front.KindRequest},
	} {
		r.Answered(a)
	}
	if total, cut, shed := r.Totals(); total != 5 || cut != 2 || shed != 1 {
		t.Errorf("%d requests, %d cut, %d shed", total, cut, shed)
	}
	if got := r.Recent(); got != (Recent{}) {
		t.Errorf("before the first reading there is %+v", got)
	}
	at := time.Unix(1800000000, 0)
	for range 30 {
		at = at.Add(time.Second)
		r.record(&row{}, at, time.Second, time.Second)
		if at.Unix() == 1800000002 {
			got := r.Recent()
			if got.PerSecond != 2.5 || got.WindowSeconds != 2 || got.P99Seconds == nil || *got.P99Seconds > .00115 || *got.P50Seconds < .0009 {
				t.Errorf("%+v", got)
			}
		}
	}
	if got := r.Recent(); got.PerSecond != 0 || got.WindowSeconds != 10 || got.P50Seconds != nil {
		t.Errorf("long after the last request there is %+v", got)
	}
}

func BenchmarkAnswered(b *testing.B) {
	r := New(nil, true)
	b.RunParallel(func(pb *testing.PB) {
		a := front.Answer{Slot: 1, Code: 200, Kind: front.KindRequest}
		for pb.Next() {
			a.Duration += 1001
			r.Answered(a)
		}
	})
}
