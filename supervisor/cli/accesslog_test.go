package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rota/listener/front"
)

// sink is where a log goes. It keeps each write, with when it came.
type sink struct {
	mu     sync.Mutex
	writes []string
	times  []time.Time
	gate   chan struct{} // if there is one, each write takes one from it
	fail   func(p []byte) (int, error)
}

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := len(p), error(nil)
	if s.fail != nil {
		n, err = s.fail(p)
	}
	s.writes, s.times = append(s.writes, string(p[:n])), append(s.times, time.Now())
	return n, err
}

// seen is what was written so far, and when.
func (s *sink) seen() ([]string, []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes), slices.Clone(s.times)
}

func (s *sink) text() string {
	writes, _ := s.seen()
	return strings.Join(writes, "")
}

// numbered is a request that can be told from others.
func numbered(n int) front.Answer {
	return front.Answer{Request: asked("GET", fmt.Sprintf("/%d", n), "", ""), Client: "192.0.2.1", Code: 200, Began: noon, Kind: front.KindRequest}
}

func silent(t *testing.T) func(string) {
	return func(text string) { t.Errorf("it warns: %s", text) }
}

// A line after a pause is written at once, those after it together.
func TestAccessLogGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		l := newAccessLog(out, "text")
		begin := time.Now()
		l.answered(numbered(1))
		synctest.Wait()
		for i := range 10 {
			l.answered(numbered(2 + i))
		}
		synctest.Wait()
		if writes, _ := out.seen(); len(writes) != 1 {
			t.Errorf("%d writes at first, want 1", len(writes))
		}
		time.Sleep(accessInterval)
		synctest.Wait()
		if writes, _ := out.seen(); len(writes) != 2 || strings.Count(writes[1], "\n") != 10 {
			t.Errorf("then %q, want ten lines in a second write", writes[1:])
		}
		time.Sleep(10 * time.Second)
		l.answered(numbered(12))
		synctest.Wait()
		if _, times := out.seen(); len(times) != 3 || times[0] != begin || times[2] != begin.Add(10*time.Second+accessInterval) {
			t.Errorf("begun at %s, written at %v", begin, times)
		}
		// Much is not kept for as long.
		now := time.Now()
		for i := 0; i*80 < accessBatch; i++ {
			l.answered(numbered(i))
		}
		synctest.Wait()
		writes, times := out.seen()
		if last := times[len(times)-1]; !last.Equal(now) || len(out.text()) < accessBatch {
			t.Errorf("a batch is written after %v", last.Sub(now))
		}
		for i, w := range writes {
			if len(w) > accessWrite || !strings.HasSuffix(w, "\n") {
				t.Errorf("write %d has %d bytes and ends with %q", i, len(w), w[len(w)-1:])
			}
		}
		l.close(silent(t))
	})
}

// Requests do not wait for a reader that has stopped: what there is no room for
// is lost and counted, and the rest is whole.
func TestAccessLogNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{gate: make(chan struct{})}
		l := newAccessLog(out, "text")
		l.answered(numbered(0))
		synctest.Wait() // it is in the hands of the reader
		lines := 1
		for size := 0; size < 2*accessBuffer; lines++ {
			a := numbered(lines)
			size += len(appendText(nil, &a))
			l.answered(a)
		}
		var warnings []string
		warn := func(text string) { warnings = append(warnings, text) }
		l.report(warn)
		l.report(warn) // nothing new
		close(out.gate)
		l.close(silent(t))
		written := strings.Count(out.text(), "\n")
		if want := fmt.Sprintf("the access log has lost %d lines: they came faster than they were read", lines-written); len(warnings) != 1 || warnings[0] != want {
			t.Errorf("it warns %q, want %q", warnings, want)
		}
		if size := len(out.text()); size > accessBuffer+accessWrite || size < accessBuffer-accessWrite {
			t.Errorf("%d bytes were kept", size)
		}
		for i, line := range strings.Split(strings.TrimSuffix(out.text(), "\n"), "\n") {
			if !strings.Contains(line, fmt.Sprintf(`"GET /%d HTTP/1.1"`, i)) {
				t.Fatalf("line %d is %q", i, line)
			}
		}
	})
}

// The operator is told once a minute.
func TestAccessLogWarns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newAccessLog(&sink{fail: func([]byte) (int, error) { return 0, errors.New("no space left") }}, "json")
		warnings := make(chan string, 10)
		go l.watch(t.Context(), func(text string) { warnings <- text })
		begin := time.Now()
		for i := range 3 {
			l.answered(numbered(i))
		}
		want := "the access log has lost 3 lines: no space left"
		if got := <-warnings; got != want || time.Since(begin) != accessWarn {
			t.Errorf("after %s: %q, want %q", time.Since(begin), got, want)
		}
		time.Sleep(5 * accessWarn)
		l.close(silent(t))
		if len(warnings) > 0 {
			t.Errorf("again: %q", <-warnings)
		}
	})
}

// After a failure the next line begins on a line of its own, and only what did
// not arrive is counted.
func TestAccessLogTorn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := true
		out := &sink{fail: func(p []byte) (int, error) {
			if full {
				return max(len(p)-5, 0), errors.New("no space left")
			}
			return len(p), nil
		}}
		l := newAccessLog(out, "json")
		l.answered(numbered(0))
		synctest.Wait()
		l.answered(numbered(1))
		l.answered(numbered(2))
		time.Sleep(accessInterval) // after "\n" there is no room either
		synctest.Wait()
		out.mu.Lock()
		full = false
		out.mu.Unlock()
		l.answered(numbered(3))
		var warning string
		l.close(func(text string) { warning = text })
		if want := "the access log has lost 3 lines: no space left"; warning != want {
			t.Errorf("it warns %q, want %q", warning, want)
		}
		lines := strings.Split(out.text(), "\n")
		if a := numbered(3); len(lines) != 3 || lines[1]+"\n" != string(appendJSON(nil, &a)) {
			t.Errorf("%q", lines)
		}
	})
}

// A reader that never reads again does not keep rota from ending.
func TestAccessLogStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{gate: make(chan struct{})}
		l := newAccessLog(out, "text")
		l.answered(numbered(0))
		begin := time.Now()
		var warnings []string
		l.close(func(text string) { warnings = append(warnings, text) })
		l.answered(numbered(1))
		if took := time.Since(begin); took != accessClose || len(warnings) != 1 || !strings.Contains(warnings[0], "the end of the access log is lost") {
			t.Errorf("after %s: %q", took, warnings)
		}
		if n, _ := l.lost(); n != 1 {
			t.Errorf("%d lines are lost after the end, want 1", n)
		}
		close(out.gate)
	})
}

// Once nobody reads standard output any more, lines are lost, and rota is not.
func TestAccessLogReaderGone(t *testing.T) {
	if os.Getenv("READER_GONE") != "" {
		l := (&service{}).openAccessLog(&Settings{AccessLog: "text"})
		l.answered(numbered(0))
		l.close(func(text string) { fmt.Fprintln(os.Stderr, text) })
		os.Exit(0)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	var said bytes.Buffer
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env, child.Stdout, child.Stderr = append(os.Environ(), "READER_GONE=1"), w, &said
	if err := child.Run(); err != nil || !strings.Contains(said.String(), "has lost 1 lines: write /dev/stdout: broken pipe") {
		t.Errorf("%v: %s", err, said.String())
	}
}

func TestAccessLogOff(t *testing.T) {
	l := newAccessLog(nil, "off")
	l.answered(numbered(0))
	l.watch(t.Context(), silent(t))
	l.close(silent(t))
}

// Lines of many requests at once are all there, each whole, a huge one too.
func TestAccessLogAtOnce(t *testing.T) {
	var out bytes.Buffer
	l := newAccessLog(&out, "text")
	const clients, each = 8, 2000
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range each {
				l.answered(numbered(c*each + i))
			}
		})
	}
	huge := numbered(0)
	huge.Request.RequestURI = "/" + strings.Repeat("\x80", 100<<10)
	l.answered(huge)
	all.Wait()
	l.close(silent(t))
	seen := map[string]int{}
	for line := range strings.Lines(out.String()) {
		m := combined.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%.200q does not parse", line)
		}
		seen[unescaped(m[3])]++
	}
	if len(seen) != clients*each+1 || seen["GET "+huge.Request.RequestURI+" HTTP/1.1"] != 1 {
		t.Errorf("%d different lines, want %d", len(seen), clients*each+1)
	}
}

func BenchmarkAccessLog(b *testing.B) {
	for _, format := range []string{"text", "json"} {
		b.Run(format, func(b *testing.B) {
			l := newAccessLog(io.Discard, format)
			a := numbered(1)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					l.answered(a)
				}
			})
			l.close(func(string) {})
		})
	}
}
