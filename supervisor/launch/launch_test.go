package launch

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// run starts a command and returns what it wrote, how the launch went and how
// it ended.
func run(t *testing.T, spec Spec) (string, Outcome, syscall.WaitStatus) {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec.Stdout, spec.Stderr = int(w.Fd()), int(w.Fd())
	child, err := l.Fork(spec)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child.PidFD)
	out := child.Await()
	if out.Notify != nil {
		t.Cleanup(func() { out.Notify.Close() })
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(child.PID, &status, 0, nil); err != nil {
		t.Fatal(err)
	}
	return string(text), out, status
}

func shell(script string) Spec {
	return Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=" + os.Getenv("PATH")}}
}

func TestTheCommandHasTheShimsPid(t *testing.T) {
	for _, adopt := range []bool{false, true} {
		spec := shell("echo $$ $LISTEN_PID $1; ls -l /proc/$$/fd | grep -c socket; exit 7")
		spec.Adopt = adopt
		spec.Sockets = []int{socket(t), socket(t)}
		text, out, status := run(t, spec)
		var pid, listenPID, sockets int
		if _, err := fmt.Sscanf(text, "%d %d\n%d", &pid, &listenPID, &sockets); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if pid != listenPID {
			t.Errorf("LISTEN_PID is %d in process %d", listenPID, pid)
		}
		if sockets != 2 {
			t.Errorf("%d sockets are open, want the two handed over alone", sockets)
		}
		if status.ExitStatus() != 7 || out.Exec != nil {
			t.Errorf("ended with %v, %v", status, out.Exec)
		}
		if adopt != (out.Notify != nil) || out.Filter != nil {
			t.Errorf("filter asked for: %v, got %v, %v", adopt, out.Notify, out.Filter)
		}
	}
}

func socket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func TestNoSocketNoListenPid(t *testing.T) {
	text, _, _ := run(t, shell("echo pid=$LISTEN_PID"))
	if text != "pid=\n" {
		t.Errorf("%q", text)
	}
}

func TestAWorkerLeadsAGroupOfItsOwn(t *testing.T) {
	text, _, _ := run(t, shell("read pid comm state ppid pgrp rest < /proc/self/stat; echo $$ $pgrp"))
	var pid, group int
	if _, err := fmt.Sscan(text, &pid, &group); err != nil || pid != group {
		t.Errorf("%q: want a group of its own", text)
	}
}

func TestCommandsThatCannotBeExecuted(t *testing.T) {
	file := t.TempDir() + "/text"
	if err := os.WriteFile(file, []byte("neither a script nor a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	noInterpreter := t.TempDir() + "/script"
	if err := os.WriteFile(noInterpreter, []byte("#!/no/such/interpreter\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/no/such/program": ExitNotFound,
		noInterpreter:      ExitNotFound,
		"/etc/hostname":    ExitCannotRun, // not executable
		"/tmp":             ExitCannotRun,
		file:               ExitCannotRun,
	} {
		_, out, status := run(t, Spec{Path: path, Args: []string{path}})
		if status.ExitStatus() != want || out.Exec == nil {
			t.Errorf("%s: exit code %d, %v; want %d and an error", path, status.ExitStatus(), out.Exec, want)
		}
	}
}

func TestASecondFilterIsRefusedAndSaidSo(t *testing.T) {
	// A process under the filter starts this test binary as a shim again, as rota
	// under rota would.
	if os.Getenv("ROTA_TEST_NESTED") != "" {
		_, out, _ := run(t, Spec{Path: "/bin/true", Args: []string{"true"}, Adopt: true})
		fmt.Printf("nested: notify %v, filter error %v\n", out.Notify != nil, out.Filter)
		return
	}
	text, out, _ := run(t, Spec{
		Path: "/proc/self/exe", Args: []string{"test", "-test.run=" + t.Name(), "-test.v"},
		Env: append(os.Environ(), "ROTA_TEST_NESTED=1"), Adopt: true,
	})
	if out.Filter != nil {
		t.Fatal(out.Filter)
	}
	if !strings.Contains(text, "nested: notify false, filter error cannot install the seccomp filter") {
		t.Errorf("%q", text)
	}
}

func TestNoExitCodeIsLost(t *testing.T) {
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		child, err := l.Fork(shellCode(i % 256))
		if err != nil {
			t.Fatal(err)
		}
		child.Await()
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(child.PID, &status, 0, nil); err != nil || status.ExitStatus() != i%256 {
			t.Errorf("exit %d is %v, %v", i%256, status, err)
		}
		unix.Close(child.PidFD)
	}
}

func shellCode(code int) Spec {
	s := shell(fmt.Sprintf("exit %d", code))
	s.Stdout, s.Stderr = 1, 2
	return s
}

func TestFilesAreLimited(t *testing.T) {
	spec := shell("ulimit -f; head -c 8192 /dev/zero > " + t.TempDir() + "/file")
	spec.FileSize = 4096
	text, _, status := run(t, spec)
	if !strings.HasPrefix(text, "8\n") { // blocks of 512 bytes, see dash(1)
		t.Errorf("the limit is %q", text)
	}
	if status.ExitStatus() != 128+int(syscall.SIGXFSZ) {
		t.Errorf("ended with %v, want SIGXFSZ", status)
	}
}

// See proc(5).
const (
	scoreFile = "/proc/self/oom_score_adj"
	scoreMost = 1000
)

// The kernel is to kill a worker before it kills rota, whose score is this
// process's here. A worker never gets less than rota has.
func TestTheKernelKillsAWorkerBeforeRota(t *testing.T) {
	own := func() (score int) {
		t.Helper()
		text, err := os.ReadFile(scoreFile)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(string(text), &score); err != nil {
			t.Fatal(err)
		}
		return score
	}
	before := own()
	worker := shell("cat " + scoreFile)
	worker.Score = 250
	text, out, _ := run(t, worker)
	if want := fmt.Sprintln(min(before+worker.Score, scoreMost)); text != want || out.Score != nil {
		t.Errorf("the worker's score is %q, %v; want %q above %d", text, out.Score, want, before)
	}
	if after := own(); after != before {
		t.Errorf("rota's own score went from %d to %d", before, after)
	}

	// Who has the highest score, or nearly, cannot have workers as far above it, and
	// says so.
	for _, score := range []int{950, 1000} {
		text, out, _ = run(t, shell(fmt.Sprintf("echo %d > %s; exec env ROTA_TEST_SCORE=1 %s -test.run=^TestScoreOfAWorker$ -test.v", score, scoreFile, os.Args[0])))
		if !strings.Contains(text, "score: 1000\n(") || !strings.Contains(text, fmt.Sprintf("is %d, which leaves %d of 100", score, scoreMost-score)) {
			t.Errorf("%q, %v", text, out)
		}
	}
}

// TestScoreOfAWorker is a part of the test above, in a process of its own.
func TestScoreOfAWorker(t *testing.T) {
	if os.Getenv("ROTA_TEST_SCORE") == "" {
		return
	}
	worker := shell("cat " + scoreFile)
	worker.Score = 100
	text, out, _ := run(t, worker)
	fmt.Printf("score: %s(%v)\n", text, out.Score)
}

// A worker's start costs what the shim touches on the way to its exec. Nearly all
// packages that a program is made of need package time, directly or not.
func TestTheShimIsAheadOfNearlyAllPackages(t *testing.T) {
	spec := shell("exit 0")
	spec.Env = append(spec.Env, "GODEBUG=inittrace=1")
	spec.Adopt = true
	text, out, status := run(t, spec)
	if !status.Exited() || status.ExitStatus() != 0 || out.Exec != nil {
		t.Fatalf("%v, %v", status, out.Exec)
	}
	if !strings.Contains(text, "init syscall @") {
		t.Errorf("%q: nothing was traced", text)
	}
	for _, name := range []string{"time", "os", "net"} {
		if strings.Contains(text, "init "+name+" @") {
			t.Errorf("package %s is initialised before the shim runs:\n%s", name, text)
		}
	}
}
