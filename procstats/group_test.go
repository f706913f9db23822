package procstats

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cannot skips a test for which the machine lacks something, or lets it fail if
// ROTA_REQUIRE_SERVERS is set, as in CI.
func cannot(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("ROTA_REQUIRE_SERVERS") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// memGroup makes a control group below our own, for as long as the test takes.
func memGroup(t *testing.T, limit int64) memoryGroup {
	t.Helper()
	at, err := Host.memoryGroup()
	if err != nil {
		cannot(t, "cannot find our memory group: %v", err)
	}
	at.dir = filepath.Join(at.dir, fmt.Sprintf("procstats-test-%d", os.Getpid()))
	if err := os.Mkdir(at.dir, 0o755); err != nil {
		cannot(t, "cannot make a group: %v", err)
	}
	t.Cleanup(func() {
		deadline := time.Now().Add(20 * time.Second)
		err := os.Remove(at.dir)
		for ; err != nil && time.Now().Before(deadline); err = os.Remove(at.dir) {
			// Those that nobody here waits for may not be gone yet, or stay after a failure.
			procs, _ := os.ReadFile(filepath.Join(at.dir, "cgroup.procs"))
			for _, field := range strings.Fields(string(procs)) {
				if pid, err := strconv.Atoi(field); err == nil {
					syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			time.Sleep(time.Millisecond)
		}
		if err != nil {
			t.Error(err)
		}
	})
	files := []string{"memory.swap.max", "memory.max"}
	values := []string{"0", fmt.Sprint(limit)}
	if at.v1 {
		files, values = []string{"memory.swappiness", "memory.limit_in_bytes"}, []string{"0", fmt.Sprint(limit)}
	}
	for i, file := range files {
		err := os.WriteFile(filepath.Join(at.dir, file), []byte(values[i]), 0)
		if err != nil && !(os.IsNotExist(err) && file == "memory.swap.max") {
			cannot(t, "cannot limit a group: %v", err)
		}
	}
	return at
}

// grouped enters the group that its argument names and does what it is told on
// stdin, a word a line, each answered with what its Container is then.
func grouped() {
	must(os.WriteFile(filepath.Join(os.Args[1], "cgroup.procs"), []byte(fmt.Sprint(os.Getpid())), 0))
	take := func(size, flags int) []byte {
		b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_ANON)
		must(err)
		for i := 0; i < size; i += 4096 {
			b[i] = 1
		}
		return b
	}
	g := NewGroup(Host)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "look":
		case "anon":
			take(50*mib, unix.MAP_PRIVATE)
		case "shmem":
			take(30*mib, unix.MAP_SHARED)
		case "lazyfree":
			must(unix.Madvise(take(20*mib, unix.MAP_PRIVATE), unix.MADV_FREE))
		case "cache":
			file, err := os.Create(filepath.Join(os.Args[2], "cache"))
			must(err)
			block := make([]byte, 64<<10)
			for range 40 * mib / len(block) {
				_, err := file.Write(block)
				must(err)
			}
			must(file.Sync())
		case "reclaim":
			// Some of it may be in use just now, which is no error. What is asked for beyond
			// what there is would be looked for among our own program's pages, for ever.
			if file := filepath.Join(os.Args[1], "memory.force_empty"); exists(file) {
				os.WriteFile(file, []byte("0"), 0)
			} else {
				os.WriteFile(filepath.Join(os.Args[1], "memory.reclaim"), []byte("60M"), 0)
			}
		case "worker": // too large for the group
			cmd := exec.Command(os.Args[0])
			cmd.Env = []string{helperEnv + "=1024"}
			if err := cmd.Run(); err == nil || cmd.ProcessState.String() != "signal: killed" {
				must(fmt.Errorf("worker: %v", err))
			}
		}
		c, err := g.Container()
		must(err)
		kills, err := g.OOMKills()
		must(err)
		if kills != c.Events.OOMKill {
			must(fmt.Errorf("OOMKills() = %+v, Container() = %+v", kills, c))
		}
		must(json.NewEncoder(os.Stdout).Encode(c))
	}
}

// A real group: what cannot be reclaimed is what remains when all else is.
func TestRealGroup(t *testing.T) {
	const limit = 400 * mib
	at := memGroup(t, limit)
	cmd := exec.Command(self(t), at.dir, t.TempDir())
	cmd.Env = append(os.Environ(), roleEnv+"=grouped")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	answers := json.NewDecoder(out)
	do := func(what string) Container {
		t.Helper()
		var c Container
		if _, err := fmt.Fprintln(in, what); err != nil {
			t.Fatal(err)
		}
		if err := answers.Decode(&c); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return c
	}
	before := do("look")
	if before.Machine || before.Limit.Bytes != limit || filepath.Dir(before.Limit.Source) != at.dir {
		t.Fatalf("Container() = %+v, want a limit of %d", before, limit)
	}
	for _, step := range []struct {
		what                                string
		usage, workingSet, unreclaimableMiB int64
	}{{"anon", 50, 50, 50}, {"shmem", 30, 30, 30}, {"lazyfree", 20, 0, 0}, {"cache", 40, 0, 0}} {
		c := do(step.what)
		for _, size := range []struct {
			name      string
			got, want int64
		}{
			{"Usage", c.Usage - before.Usage, step.usage * mib},
			{"WorkingSet", c.WorkingSet - before.WorkingSet, step.workingSet * mib},
			{"Unreclaimable", c.Unreclaimable - before.Unreclaimable, step.unreclaimableMiB * mib},
		} {
			// The kernel adds up the counts of its CPUs when they are some 64 pages
			// each apart; pages wait in batches to be put onto a list.
			if size.got < size.want-4*mib || size.got > size.want+6*mib {
				t.Errorf("%s: %s grew by %.1f MiB, want %d", step.what, size.name, float64(size.got)/mib, size.want/mib)
			}
		}
		before = c
	}
	after := do("reclaim")
	if after.Usage < after.Unreclaimable || after.Usage > before.Unreclaimable+6*mib || after.Usage < before.Unreclaimable-6*mib {
		t.Errorf("reclaimed, %d of %d MiB are left, want %d", after.Usage/mib, before.Usage/mib, before.Unreclaimable/mib)
	}
	killed := do("worker")
	if killed.Events.OOMKill.Own != after.Events.OOMKill.Own+1 || killed.Events.Max <= after.Events.Max {
		t.Errorf("after one was killed: %+v, before: %+v", killed.Events, after.Events)
	}
}
