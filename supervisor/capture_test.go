package supervisor

import (
	"testing"
	"time"
)

// A capture whose folder is on a disk that does not answer never comes to run, and
// rota must be able to end all the same.
func TestCaptureThatNeverBegins(t *testing.T) {
	f := newFixture(t, 1)
	id := f.in(0).id
	f.capture = &capture{id: id, began: f.now, timeout: time.Hour, run: process{pidfd: -1}}
	if f.rests(f.now.Add(time.Minute)) {
		t.Error("not waited for, though it still has time")
	}
	f.endCapture(id, "the worker has ended", f.now)
	for after, want := range map[time.Duration]bool{0: false, captureGrace: false, captureGrace + storePatience: true} {
		if got := f.rests(f.now.Add(after)); got != want {
			t.Errorf("%s after it was told to end: rests %v, want %v", after, got, want)
		}
	}
	f.fleet.Abort = true
	f.killCapture(id, f.now)
	if !f.rests(f.now.Add(storePatience)) {
		t.Error("waited for when rota is to end at once")
	}
}
