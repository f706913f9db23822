package procstats

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be the child of its own tests: with helperEnv
// set, it holds that many MiB, says so on stdout, and stays until the pipe that
// it got as file 3 is closed.
func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleEnv)]; role != nil {
		role()
		os.Exit(0)
	}
	size := os.Getenv(helperEnv)
	if size == "" {
		os.Exit(m.Run())
	}
	var mib int
	if _, err := fmt.Sscan(size, &mib); err != nil {
		panic(err)
	}
	// Not of Go's heap, which takes twice as much under the race detector.
	held, err := unix.Mmap(-1, 0, max(1, mib<<20), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(held); i += 4096 {
		held[i] = 1
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.NewFile(3, "stay"))
	os.Exit(int(held[0]) - 1)
}

const (
	helperEnv = "PROCSTATS_TEST_HELPER_MIB"
	roleEnv   = "PROCSTATS_TEST_ROLE" // another part that the test binary plays, one of roles
)

var roles = map[string]func(){"grouped": grouped, "demoted": demoted, "watcher": watcher}

func self(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// start runs a command in a process group of its own, whose processes stay for
// as long as their file 3 is open, and waits until ready of them have said so.
func start(t testing.TB, ready int, mib int, name string, args ...string) int {
	t.Helper()
	stay, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	says, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", helperEnv, mib))
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	cmd.ExtraFiles = []*os.File{stay}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stay.Close()
	out.Close()
	lines := bufio.NewReader(says)
	t.Cleanup(func() {
		hold.Close()
		io.Copy(io.Discard, lines) // until the last one, orphans too, has closed its stdout
		says.Close()
		cmd.Wait()
	})
	for range ready {
		if line, err := lines.ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
			t.Fatalf("%s said %q: %v", name, line, err)
		}
	}
	return cmd.Process.Pid
}
