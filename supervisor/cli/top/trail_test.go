package top

import (
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

// A trail stays small however long it is, and keeps the peaks of its saw.
func TestTrailIsThinned(t *testing.T) {
	tr := &trail{}
	hours := 8 * time.Hour
	for at := time.Duration(0); at < hours; at += time.Second {
		life, bytes, _ := saw(0, at)
		tr.add(sample{at: began.Add(at), id: uint64(life), private: bytes})
	}
	if n := len(tr.samples); n > 3500 {
		t.Errorf("%d samples are kept", n)
	}
	if kept := tr.samples[len(tr.samples)-1].at.Sub(tr.samples[0].at); kept < keptFor || kept > keptFor+time.Hour {
		t.Errorf("what is kept goes back %s", kept)
	}
	peaks := map[uint64]int64{}
	for i, s := range tr.samples {
		if i > 0 && !s.at.After(tr.samples[i-1].at) {
			t.Fatalf("sample %d is not newer than the one before", i)
		}
		peaks[s.id] = max(peaks[s.id], s.private)
	}
	last := tr.samples[len(tr.samples)-1].id
	for id, peak := range peaks {
		if id != last && peak < 199*mib {
			t.Errorf("life %d has lost its peak: %d", id, peak/mib)
		}
	}
}

func TestRecallPutsThePastBefore(t *testing.T) {
	all := trails{}
	all.note(status(1, 10*time.Second))
	h := &api.History{}
	for i := range 15 {
		h.Points = append(h.Points, api.Point{Time: began.Add(time.Duration(i) * time.Second), Workers: []api.SlotPoint{{Slot: 0, ID: 1, PrivateBytes: int64(i)}, {Slot: 5, ID: 2}}})
	}
	all.recall(h)
	if n := len(all[0].samples); n != 15 || len(all[5].samples) != 15 {
		t.Fatalf("%d samples", n)
	}
	all.note(status(1, 20*time.Second))
	if n := len(all[0].samples); n != 16 {
		t.Errorf("%d samples after one more", n)
	}
}

func TestServing(t *testing.T) {
	for _, c := range []struct {
		elder, younger string
		want           uint64
	}{{"ready", "starting", 1}, {"draining", "ready", 2}, {"ready", "ready", 2}, {"stopping", "starting", 2}, {"draining", "stopping", 2}} {
		s := &api.Status{Workers: []api.Worker{{ID: 1, State: c.elder}, {ID: 2, State: c.younger}}}
		if got := serving(s)[0].ID; got != c.want {
			t.Errorf("%s and %s: %d serves, want %d", c.elder, c.younger, got, c.want)
		}
	}
}

func TestProject(t *testing.T) {
	at := func(ago int, id uint64, bytes int64) sample {
		return sample{at: began.Add(-time.Duration(ago) * time.Second), id: id, private: bytes, shared: 1000, rss: 5000}
	}
	samples := []sample{at(20, 1, 999), at(9, 1, 10), at(6, 1, 30), at(4, 2, 5), at(3, 2, 6), at(0, 2, 9), at(-1, 2, 777)}
	p := project(samples, "private", began, 10*time.Second, 10)
	want := []float64{10, 10, 10, 30, 0, 5, 6, 6, 6, 9}
	for x := range want {
		if p.bytes[x] != want[x] || p.marks[x] != (x == 5) {
			t.Errorf("column %d: %v, marked %v; want %v", x, p.bytes[x], p.marks[x], want[x])
		}
	}
	if p.most != 30 {
		t.Errorf("the most is %v", p.most)
	}
	if p := project(samples, "pss", began, 10*time.Second, 10); p.most != 1030 {
		t.Errorf("the most of PSS is %v", p.most)
	}
	if p := project(samples, "rss", began, 10*time.Second, 3); p.most != 5000 {
		t.Errorf("the most of RSS is %v", p.most)
	}
}
