package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is a pipe that nobody reads until it is freed.
type stuck struct {
	free chan struct{}
	bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.free
	return s.Buffer.Write(p)
}

func TestUnhurried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{free: make(chan struct{})}
		var u *unhurried
		u = newUnhurried(out, func(text string) { _, _ = u.Write([]byte(text + "\n")) })
		const more = 10
		for range unhurriedLines + 1 + more { // one is being written
			if n, err := u.Write([]byte("line\n")); n != 5 || err != nil {
				t.Fatal(n, err)
			}
			synctest.Wait()
		}
		close(out.free)
		synctest.Wait()
		if n := strings.Count(out.String(), "line\n"); n != unhurriedLines+1 {
			t.Errorf("%d lines were written, want %d", n, unhurriedLines+1)
		}
		if !strings.Contains(out.String(), "10 lines of the log were lost") {
			t.Error("that lines were lost was not told")
		}
		u.close()
		_, _ = u.Write([]byte("late"))
		u.close()
	})
}

func TestUnhurriedEndsWithoutAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{free: make(chan struct{})}
		u := newUnhurried(out, func(string) {})
		_, _ = u.Write([]byte("line\n"))
		began := time.Now()
		u.close()
		if took := time.Since(began); took != unhurriedClose {
			t.Errorf("it waited %s for a reader that is not there, want %s", took, unhurriedClose)
		}
		close(out.free)
	})
}

type failing struct{ failures int }

func (f *failing) Write(p []byte) (int, error) {
	if f.failures > 0 {
		f.failures--
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

func TestUnhurriedTellsOfLinesThatCouldNotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		u := newUnhurried(&failing{2}, func(text string) { said = append(said, text) })
		for range 3 {
			_, _ = u.Write([]byte("line\n"))
		}
		u.close()
		if len(said) != 1 || !strings.HasPrefix(said[0], "2 lines") {
			t.Errorf("it said %q", said)
		}
	})
}
