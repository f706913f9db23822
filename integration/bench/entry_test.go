package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// One that does not start leaves the others alone.
func TestAllWithoutOne(t *testing.T) {
	b := testBench(t)
	broken := contender{name: "broken", start: func(*bench, want) (*pool, error) { return nil, errors.New("no") }}
	entries := []*entry{{contender: broken}, {contender: bare(), want: want{workers: 1, app: "hello"}}}
	ran := 0
	err := b.all(entries, 0, func(running []*entry) error {
		ran = len(running)
		return nil
	})
	if err != nil || ran != 1 || !slices.Equal(b.unstarted, []string{"broken: did not start"}) {
		t.Errorf("error %v, %d ran, not started: %q", err, ran, b.unstarted)
	}
}

// Each worker has as many of the kept connections, and both ways to ask are counted.
func TestTurn(t *testing.T) {
	b := testBench(t)
	e := &entry{contender: bare(), want: want{workers: 2, app: "hello"}, stays: true}
	if err := e.starts(b, 0); err != nil {
		t.Fatal(err)
	}
	defer e.ends()
	for _, keep := range []bool{true, false} {
		rate, cpu, err := turn(e, keep, 100*time.Millisecond)
		if err != nil || rate <= 0 || cpu <= 0 {
			t.Errorf("kept %t: %g a second, %g µs, %v", keep, rate, cpu, err)
		}
	}
	h, err := newHerd(e.pool.addr, 8, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	for _, pid := range e.pool.workers() {
		if n := established(t, pid); n < 4 {
			t.Errorf("process %d has %d connections, want 4 of 8", pid, n)
		}
	}
}

// established counts the connections that a process has accepted.
func established(t *testing.T, pid int) (n int) {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, _ := os.Readlink(fd); strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n - 1 // the one that listens
}
