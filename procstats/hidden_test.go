package procstats

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	nobody  = 65534
	another = 1234
)

// A process that lives, though procfs does not show it (any more).
func TestHidden(t *testing.T) {
	w := newWorld(t)
	lives := map[int]bool{10: true, 11: true}
	w.s.alive = func(pid int) bool { return lives[pid] }
	a := Target{ID: 1, PID: 10}
	u := w.sample(a)[0]
	w.check("Hidden at first", u.Hidden, true)
	w.check("Gone", Gone(u.Err), false)
	w.check("permission", errors.Is(u.Err, fs.ErrPermission), true)
	w.check("names the file", strings.HasPrefix(u.Err.Error(), "cannot read "+w.k.of(10, "stat")+": hidden"), true)
	w.check("PIDs", u.PIDs, []int{10})

	w.put(Stat{PID: 10, User: time.Second}, 100, 0)
	w.put(Stat{PID: 11, PPID: 10, User: time.Second}, 100, 0)
	w.rollup(10, Rollup{RSS: 100, PSS: 50, PSSAnon: 50, PrivateDirty: 20, SharedDirty: 80})
	w.now = w.now.Add(censusMax)
	u = w.sample(a)[0]
	w.check("seen", []any{u.Hidden, u.Err, u.RSS >> 10}, []any{false, error(nil), int64(200)})

	w.remove(11)
	u = w.sample(a)[0]
	w.check("one hidden", []any{u.Hidden, Gone(u.Err), u.RSS >> 10, u.CPU}, []any{true, false, int64(100), 2 * time.Second})
	lives[11] = false
	u = w.sample(a)[0]
	w.check("and ended", []any{u.Hidden, u.Err, u.RSS >> 10, u.CPU}, []any{false, error(nil), int64(100), 2 * time.Second})
	w.remove(10)
	u = w.sample(a)[0]
	w.check("the leader", []any{u.Hidden, u.RSS, u.Private, u.Proportional, u.Shared, u.CPU}, []any{true, int64(0), int64(0), int64(0), int64(0), 2 * time.Second})
	lives[10] = false
	u = w.sample(a)[0]
	w.check("ended", []any{u.Hidden, Gone(u.Err)}, []any{false, true})
}

// A kernel without smaps_rollup.
func TestUnsupported(t *testing.T) {
	w := newWorld(t)
	w.put(Stat{PID: 10}, 100, 20)
	u := w.sample(Target{ID: 1, PID: 10, Measure: true})[0]
	w.check("Usage", []any{u.Unsupported, u.Denied, u.Fresh, u.Measured.IsZero(), u.Private >> 10, u.Proportional >> 10, u.Err},
		[]any{true, false, true, true, int64(100), int64(120), error(nil)})
	u = w.sample(Target{ID: 1, PID: 10})[0]
	w.check("a second later", []any{u.Unsupported, u.Fresh}, []any{true, false})
}

func TestConceals(t *testing.T) {
	for options, want := range map[string]bool{
		"rw": false, "rw,hidepid=0": false, "rw,hidepid=off": false,
		"rw,hidepid=2": true, "rw,gid=7,hidepid=invisible": true, "rw,hidepid=1,subset=pid": true, "rw,hidepid=ptraceable": true,
	} {
		dir := t.TempDir()
		k := Kernel{Proc: dir + "/proc", Sys: dir + "/sys"}
		writeAll(t, dir, map[string]string{"proc/self/mountinfo": "9 8 0:5 / /other rw - proc proc hidepid=2\n9 8 0:4 / " + k.Proc + " rw,nosuid - proc proc " + options + "\n"})
		if got := k.conceals(); got != want {
			t.Errorf("conceals with %s = %v", options, got)
		}
	}
}

// demoted starts a child that holds memory as another user, and becomes nobody.
func demoted() {
	must(os.Unsetenv(roleEnv))
	cmd := exec.Command(os.Args[0])
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{os.NewFile(3, "stay")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: another, Gid: another}}
	must(cmd.Start())
	become(nobody)
	// As after an exec: who has changed its user is closed to its own user too.
	must(unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0))
	fmt.Println("ready")
	must(cmd.Wait())
}

func become(user int) {
	must(syscall.Setgroups(nil))
	must(syscall.Setgid(user))
	must(syscall.Setuid(user))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// sight is what a watcher says of a target.
type sight struct {
	Usage
	Error      string
	Permission bool
}

// watcher mounts procfs on the folder of its first argument, with the option of its
// second, becomes nobody, and says what it sees of the pids that follow.
func watcher() {
	must(unix.Mount("proc", os.Args[1], "proc", 0, os.Args[2]))
	become(nobody)
	for _, arg := range os.Args[3:] {
		var pid int
		_, err := fmt.Sscan(arg, &pid)
		must(err)
		u := NewSampler(Kernel{Proc: os.Args[1], Sys: "/sys"}).Sample(time.Now(), []Target{{PID: pid, Measure: true}})[0]
		seen := sight{Usage: u, Permission: errors.Is(u.Err, fs.ErrPermission)}
		if u.Err != nil {
			seen.Error, seen.Usage.Err = u.Err.Error(), nil
		}
		must(json.NewEncoder(os.Stdout).Encode(seen))
	}
}

// copyForAll is a copy of the test binary that every user may run.
func copyForAll(t *testing.T) string {
	dir := t.TempDir()
	data, err := os.ReadFile(self(t))
	for _, d := range []string{dir, filepath.Dir(dir)} {
		err = errors.Join(err, os.Chmod(d, 0o755))
	}
	program := filepath.Join(dir, "program")
	if err = errors.Join(err, os.WriteFile(program, data, 0o755)); err != nil {
		t.Fatal(err)
	}
	return program
}

// Of a process of another user, procfs shows all but smaps_rollup, nothing but
// the folder (hidepid=1), or nothing (hidepid=2).
func TestHidepid(t *testing.T) {
	if os.Getuid() != 0 {
		cannot(t, "only root may mount procfs and change users")
	}
	program := copyForAll(t)
	t.Setenv(roleEnv, "demoted")
	parent := start(t, 2, 8, program)
	kids, err := Host.Children(parent)
	if err != nil || len(kids) != 1 {
		t.Fatalf("Children = %v, %v", kids, err)
	}
	t.Setenv(roleEnv, "watcher")
	for _, option := range []string{"hidepid=0", "hidepid=1", "hidepid=2"} {
		t.Run(option, func(t *testing.T) {
			dir := filepath.Join(filepath.Dir(program), option)
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program, dir, option, fmt.Sprint(parent), fmt.Sprint(kids[0]))
			cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				cannot(t, "cannot mount procfs: %v", err)
			}
			var tree, child sight
			answers := json.NewDecoder(strings.NewReader(string(out)))
			if err := errors.Join(answers.Decode(&tree), answers.Decode(&child)); err != nil {
				t.Fatal(err)
			}
			if option == "hidepid=0" {
				if !tree.Denied || tree.Hidden || tree.RSS < 8*mib || tree.Error != "" || len(tree.PIDs) != 2 {
					t.Errorf("tree: %+v", tree)
				}
				if !child.Denied || child.Hidden || child.RSS < 8*mib || child.Private < 8*mib || child.Error != "" || !child.Measured.IsZero() {
					t.Errorf("child: %+v", child)
				}
				return
			}
			if !tree.Hidden || tree.Denied || tree.RSS == 0 || tree.Error != "" || len(tree.PIDs) != 1 || tree.Measured.IsZero() {
				t.Errorf("tree: %+v", tree)
			}
			if !child.Hidden || child.RSS != 0 || child.Private != 0 || child.Proportional != 0 || !child.Permission {
				t.Errorf("child: %+v", child)
			}
		})
	}
}
