package procstats

import (
	"testing"
	"time"
)

// The processor's time counts, not the clock's: a look that waits costs nothing.
func TestWork(t *testing.T) {
	waited := Work(func() { <-time.After(200 * time.Millisecond) })
	if waited < 0 || waited > 100*time.Millisecond {
		t.Errorf("waiting took %s of a processor", waited)
	}
	n := 0
	worked := Work(func() {
		for n < 1e7 {
			n++
		}
	})
	if worked <= 0 {
		t.Errorf("counting to %d took %s", n, worked)
	}
}
