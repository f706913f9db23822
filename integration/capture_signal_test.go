package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// signalled is examples/capture/signal.sh without rota, with a server that is a
// shell.
type signalled struct {
	t    *testing.T
	tmp  string // where the server writes
	dir  string // of the results
	pids []int
}

func newSignalled(t *testing.T) *signalled {
	t.Helper()
	return &signalled{t: t, tmp: t.TempDir(), dir: filepath.Join(t.TempDir(), "captures")}
}

// serve starts a server and waits until it says that it is up.
func (s *signalled) serve(script string) int {
	s.t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Dir, cmd.SysProcAttr = s.tmp, &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_, err = out.Read(make([]byte, 1))
	reaped := make(chan struct{})
	go func() {
		defer close(reaped)
		_ = cmd.Wait()
	}()
	s.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-reaped
	})
	if err != nil {
		s.t.Fatalf("the server does not come up: %v", err)
	}
	s.pids = append(s.pids, cmd.Process.Pid)
	return cmd.Process.Pid
}

// ask is the script with its arguments, for the servers so far, and its result's folder.
func (s *signalled) ask(args ...string) (cmd *exec.Cmd, result string) {
	s.t.Helper()
	result = filepath.Join(s.dir, strconv.Itoa(len(s.pids)))
	if err := os.MkdirAll(result, 0o700); err != nil {
		s.t.Fatal(err)
	}
	cmd = exec.Command("../examples/capture/signal.sh", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "ROTA_CAPTURE_DIR="+result, "ROTA_WORKER_PIDS="+strings.Trim(fmt.Sprint(s.pids), "[]"))
	return cmd, result
}

// namesIn are those of what is in a folder, hidden or not.
func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A signal ends a process that does not catch it.
func TestCaptureSignalIsNotSentToWhomItWouldEnd(t *testing.T) {
	t.Parallel()
	s := newSignalled(t)
	deaf := s.serve(`echo; exec sleep 4325`)
	cmd, _ := s.ask("PROF", filepath.Join(s.tmp, "dump.PID"))
	text, err := cmd.CombinedOutput()
	want := fmt.Sprintf("SIGPROF was not sent: no process of the worker catches it (%d), and it would end one that does not\n", deaf)
	if err == nil || string(text) != want {
		t.Errorf("%v: %q, want %q", err, text, want)
	}
	if cmd, _ := s.ask("NONE", "x"); cmd.Run() == nil {
		t.Error("there is a signal NONE")
	}

	// Of two, the one that catches it is asked.
	hears := s.serve(`trap 'echo all > "dump.$$"' USR2; echo; while :; do sleep 0.01; done`)
	cmd, result := s.ask("USR2", filepath.Join(s.tmp, "dump.PID"))
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if got := read(t, filepath.Join(result, fmt.Sprintf("dump.%d", hears))); got != "all\n" {
		t.Errorf("the result is %q", got)
	}
	if !alive(deaf) {
		t.Error("the process that does not catch the signal got it")
	}
	if names := append(namesIn(t, s.tmp), namesIn(t, s.dir)...); !slices.Equal(names, []string{"1", "2"}) {
		t.Errorf("%q is left beside the folders of the two results", names)
	}
}

// What a server is still writing when the capture's time is over goes, and what
// it writes only then goes with the next capture after its end.
func TestCaptureSignalLeavesNoDump(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]string{
		"under way": `trap 'echo half > "heap dump.$$"; exec 3>>"heap dump.$$"; sleep 4326' USR2; echo; while :; do sleep 0.01; done`,
		"later":     `trap 'until [ -e gate ]; do sleep 0.01; done; echo all > "heap dump.$$"' USR2; echo; while :; do sleep 0.01; done`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSignalled(t)
			pid := s.serve(server)
			dump := filepath.Join(s.tmp, fmt.Sprintf("heap dump.%d", pid))
			cmd, _ := s.ask("USR2", filepath.Join(s.tmp, "heap d*.PID"))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			note := filepath.Join(s.dir, fmt.Sprintf(".signal-%d", pid))
			eventually(t, "the dump is under way", func() bool {
				_, err := os.Stat(dump)
				_, noted := os.Stat(note)
				return noted == nil && (err == nil || name == "later")
			})
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // as rota does
			if err := cmd.Wait(); err == nil || err.Error() != "exit status 143" {
				t.Errorf("it ended with %v", err)
			}
			if _, err := os.Stat(dump); err == nil {
				t.Error("a dump is left that nobody waits for")
			}
			if name == "later" {
				put(t, filepath.Join(s.tmp, "gate"), "", 0o600)
				eventually(t, "the dump comes all the same", func() bool { _, err := os.Stat(dump); return err == nil })
			}

			_ = syscall.Kill(-pid, syscall.SIGKILL)
			eventually(t, "the server has gone", func() bool { _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); return err != nil })
			os.Remove(filepath.Join(s.tmp, "gate"))
			s.pids = nil
			s.serve(`trap 'echo all > "other.$$"' USR2; echo; while :; do sleep 0.01; done`)
			cmd, _ = s.ask("USR2", filepath.Join(s.tmp, "other.PID"))
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if names := append(namesIn(t, s.tmp), namesIn(t, s.dir)...); !slices.Equal(names, []string{"1"}) {
				t.Errorf("%q is left beside the folder of the result", names)
			}
		})
	}
}
