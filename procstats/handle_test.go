package procstats

import (
	"syscall"
	"testing"
	"time"
)

// The files of a process stay open, tell when it has ended, and are given back.
func TestHandles(t *testing.T) {
	pid := start(t, 1, 8, self(t))
	s, now := NewSampler(Host), time.Now()
	all := s.spare
	a := Target{ID: 1, PID: pid}
	var u Usage
	for range 3 * statEvery {
		now = now.Add(time.Second)
		u = s.Sample(now, []Target{a})[0]
		if u.Err != nil || u.RSS < 8*mib {
			t.Fatalf("Usage = %+v", u)
		}
	}
	if s.spare != all-2 {
		t.Errorf("%d files are open, want 2", all-s.spare)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for { // until it waits to be reaped
		if stat, err := Host.Stat(pid); err != nil || stat.ended() {
			break
		}
	}
	before := u
	u = s.Sample(now, []Target{a})[0]
	if !Gone(u.Err) || u.RSS != 0 || u.Hidden || u.MinorFaults < before.MinorFaults {
		t.Errorf("Usage of a zombie = %+v", u)
	}
	s.Sample(now, nil)
	if s.spare != all {
		t.Errorf("%d files are left open", all-s.spare)
	}
}

// Without a file to spare, each is opened when it is read.
func TestNoHandles(t *testing.T) {
	pid := start(t, 1, 8, self(t))
	s := NewSampler(Host)
	s.spare = 1
	for range 3 {
		u := s.Sample(time.Now(), []Target{{ID: 1, PID: pid}})[0]
		if u.Err != nil || u.RSS < 8*mib || u.MinorFaults == 0 {
			t.Fatalf("Usage = %+v", u)
		}
	}
	if s.spare != 0 {
		t.Errorf("spare = %d", s.spare)
	}
	s.Sample(time.Now(), nil)
}
