package procstats

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// world is a folder that looks like /proc, for processes that change at will.
type world struct {
	t *testing.T
	k Kernel
	s *Sampler

	now  time.Time
	tick time.Duration // how far the sampler's clock goes at each look
	work time.Duration // what a reading takes of a processor
}

func newWorld(t *testing.T) *world {
	dir := t.TempDir()
	k := Kernel{Proc: filepath.Join(dir, "proc"), Sys: filepath.Join(dir, "sys")}
	w := &world{t: t, k: k, s: NewSampler(k), now: time.Unix(1e9, 0)}
	if err := os.Mkdir(k.Proc, 0o755); err != nil {
		t.Fatal(err)
	}
	w.s.alive = func(int) bool { return false }
	var elapsed time.Duration
	w.s.clock = func() time.Time {
		elapsed += w.tick
		return time.Unix(0, 0).Add(elapsed)
	}
	w.s.work = func(do func()) time.Duration {
		do()
		return w.work
	}
	return w
}

func (w *world) write(pid int, file, content string) {
	w.t.Helper()
	path := w.k.of(pid, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// put makes or changes a process; its Stat's zero values are filled in.
func (w *world) put(s Stat, anon, file int64) {
	w.t.Helper()
	s.Comm, s.Threads = "x", 1
	if s.State == 0 {
		s.State = 'S'
	}
	if s.StartTime == 0 {
		s.StartTime = 1
	}
	w.write(s.PID, "stat", formatStat(s))
	if s.ended() {
		w.write(s.PID, "status", fmt.Sprintf("State:\t%c\nPid:\t%d\n", s.State, s.PID))
		return
	}
	w.write(s.PID, "status", fmt.Sprintf("State:\t%c\nPid:\t%d\nVmRSS:\t%d kB\nRssAnon:\t%d kB\nRssFile:\t%d kB\n",
		s.State, s.PID, anon+file, anon, file))
}

func (w *world) rollup(pid int, u Rollup) {
	w.t.Helper()
	for _, size := range []*int64{&u.RSS, &u.PSS, &u.PSSAnon, &u.PSSFile, &u.PrivateClean, &u.PrivateDirty, &u.SharedClean, &u.SharedDirty, &u.Anonymous,
		&u.LazyFree, &u.AnonHugePages} {
		*size <<= 10
	}
	w.write(pid, "smaps_rollup", formatRollup(u))
}

func (w *world) remove(pid int) {
	w.t.Helper()
	if err := os.RemoveAll(w.k.of(pid, "")); err != nil {
		w.t.Fatal(err)
	}
}

// sample lets a second pass first.
func (w *world) sample(targets ...Target) []Usage {
	w.now = w.now.Add(time.Second)
	return w.s.Sample(w.now, targets)
}

func (w *world) check(what string, got, want any) {
	w.t.Helper()
	if !reflect.DeepEqual(got, want) {
		w.t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestMembership(t *testing.T) {
	w := newWorld(t)
	w.put(Stat{PID: 1}, 1, 0)
	w.put(Stat{PID: 10, PPID: 1, PGrp: 10}, 1, 0)
	w.put(Stat{PID: 11, PPID: 12, PGrp: 11}, 1, 0) // its parent has the higher pid
	w.put(Stat{PID: 12, PPID: 10, PGrp: 10}, 1, 0)
	w.put(Stat{PID: 13, PPID: 1, PGrp: 10}, 1, 0) // an orphan
	w.put(Stat{PID: 14, PPID: 10, PGrp: 10, State: 'Z'}, 0, 0)
	w.put(Stat{PID: 15, PPID: 1, PGrp: 15}, 1, 0) // a stranger
	a := Target{ID: 1, PID: 10}
	w.check("at first", w.sample(a)[0].PIDs, []int{10, 11, 12, 13})

	first := w.sample(a)[0].PIDs
	w.put(Stat{PID: 16, PPID: 11, PGrp: 11}, 1, 0)
	w.check("a child more", w.sample(a)[0].PIDs, []int{10, 11, 12, 13, 16})
	w.check("what was answered before", first, []int{10, 11, 12, 13})

	w.remove(12)
	w.put(Stat{PID: 11, PPID: 1, PGrp: 11}, 1, 0)
	w.check("orphaned, in a group of its own", w.sample(a)[0].PIDs, []int{10, 11, 13, 16})

	w.put(Stat{PID: 16, PPID: 1, PGrp: 16, StartTime: 9}, 1, 0)
	w.check("a pid used again", w.sample(a)[0].PIDs, []int{10, 11, 13})

	b := Target{ID: 2, PID: 11}
	w.put(Stat{PID: 17, PPID: 11, PGrp: 11}, 1, 0)
	w.sample(a)
	u := w.sample(a, b)
	w.check("the outer of two targets", u[0].PIDs, []int{10, 13})
	w.check("the inner", u[1].PIDs, []int{11, 17})

	w.sample(a)
	w.check("families left", len(w.s.families), 1)
	w.check("members left", len(w.s.members), 2)

	w.remove(10)
	u = w.sample(a)
	w.check("Gone(Err)", Gone(u[0].Err), true)
	w.check("without the leader", u[0].PIDs, []int{13})
	w.put(Stat{PID: 10, PPID: 1, PGrp: 10, StartTime: 9}, 1, 0)
	w.check("Err while another has the pid", Gone(w.sample(a)[0].Err), true)
	w.check("Err of a new target", w.sample(Target{ID: 3, PID: 10})[0].Err, error(nil))
	w.sample()
	w.check("members of nobody", len(w.s.members), 0)
}

// A worker that was forked by another target is that one's until it is a target.
func TestMembershipMoves(t *testing.T) {
	w := newWorld(t)
	w.put(Stat{PID: 10, PPID: 1, PGrp: 10, User: time.Second}, 1, 0)
	w.put(Stat{PID: 11, PPID: 10, PGrp: 10, User: time.Second}, 1, 0)
	w.put(Stat{PID: 12, PPID: 11, PGrp: 10, User: time.Second}, 1, 0)
	mold, worker := Target{ID: 1, PID: 10}, Target{ID: 2, PID: 11}
	w.check("mold alone", w.sample(mold)[0].PIDs, []int{10, 11, 12})
	u := w.sample(mold, worker)
	w.check("mold", u[0].PIDs, []int{10})
	w.check("mold's CPU", u[0].CPU, 3*time.Second)
	w.check("worker", u[1].PIDs, []int{11, 12})
	w.check("worker's CPU", u[1].CPU, 2*time.Second)
}

func TestZombieLeader(t *testing.T) {
	w := newWorld(t)
	w.put(Stat{PID: 10, State: 'Z', User: time.Second}, 0, 0)
	w.put(Stat{PID: 11, PPID: 1, PGrp: 10}, 5, 0)
	u := w.sample(Target{ID: 1, PID: 10})[0]
	w.check("Gone(Err)", Gone(u.Err), true)
	w.check("PIDs", u.PIDs, []int{11})
	w.check("RSS", u.RSS, int64(5<<10))
	w.check("CPU", u.CPU, time.Second)
	w.check("CPU of nobody", w.sample(Target{ID: 2, PID: 77})[0].CPU, time.Duration(0))
}

func TestPrivateOfOneProcess(t *testing.T) {
	w := newWorld(t)
	w.put(Stat{PID: 10}, 1000, 200)
	w.rollup(10, Rollup{RSS: 1200, PSS: 450, PSSAnon: 400, PSSFile: 50, PrivateDirty: 300, PrivateClean: 10, SharedDirty: 700, SharedClean: 190, LazyFree: 30, AnonHugePages: 20})
	quiet, a := Target{ID: 1, PID: 10, Quiet: true, Measure: true}, Target{ID: 1, PID: 10}
	kib := func(u Usage) [4]int64 { return [4]int64{u.RSS >> 10, u.Private >> 10, u.PSS >> 10, u.Shared >> 10} }

	u := w.sample(quiet)[0]
	w.check("before a reading", kib(u), [4]int64{1200, 1000, 1000, 200})
	w.check("Measured", u.Measured.IsZero(), true)
	u = w.sample(a)[0]
	w.check("after it", kib(u), [4]int64{1200, 310, 450, 890})
	w.check("Measured", u.Measured, w.now)
	w.check("more of it", [4]int64{u.SharedClean >> 10, u.SharedDirty >> 10, u.LazyFree >> 10, u.HugePages >> 10}, [4]int64{190, 700, 30, 20})
	w.put(Stat{PID: 10}, 1100, 200)
	w.check("grown", kib(w.sample(a)[0]), [4]int64{1300, 410, 550, 890})
	w.put(Stat{PID: 10}, 20, 30) // exec'd
	w.check("started over", kib(w.sample(a)[0]), [4]int64{50, 0, 0, 50})
	w.put(Stat{PID: 10}, 520, 30)
	w.check("and grown", kib(w.sample(a)[0]), [4]int64{550, 500, 500, 550})
}

// Pages that only processes of one tree share end with the tree.
func TestPrivateOfTree(t *testing.T) {
	w := newWorld(t)
	for pid, parent := range map[int]int{10: 1, 11: 10} {
		w.put(Stat{PID: pid, PPID: parent}, 1000, 0)
		w.rollup(pid, Rollup{RSS: 1000, PSS: 600, PSSAnon: 600, PrivateDirty: 200, SharedDirty: 800})
	}
	a := Target{ID: 1, PID: 10}
	u := w.sample(a)[0]
	w.check("Private", u.Private>>10, int64(1200))
	w.check("PSS", u.PSS>>10, int64(1200))
	w.remove(11)
	u = w.sample(a)[0]
	w.check("Private of who is left", u.Private>>10, int64(1000))
	w.check("PSS of who is left", u.PSS>>10, int64(1000))
}

func TestSpentNeverFalls(t *testing.T) {
	w := newWorld(t)
	a := Target{ID: 1, PID: 10}
	// CPU seconds, and page faults, of which there are ten and a hundred for each.
	spent := func() [3]int {
		u := w.sample(a)[0]
		return [3]int{int(u.CPU / time.Second), int(u.MinorFaults), int(u.MajorFaults)}
	}
	want := func(n int) [3]int { return [3]int{n, 10 * n, 100 * n} }
	put := func(pid, parent, own, children int, state byte) {
		w.put(Stat{PID: pid, PPID: parent, PGrp: 10, State: state,
			User: time.Duration(own) * time.Second, MinorFaults: int64(10 * own), MajorFaults: int64(100 * own),
			ChildUser: time.Duration(children) * time.Second, ChildMinorFaults: int64(10 * children), ChildMajorFaults: int64(100 * children)}, 1, 0)
	}
	put(10, 1, 2, 1, 'S')
	put(11, 10, 10, 0, 'S')
	put(12, 1, 20, 0, 'S')
	w.check("at first", spent(), want(33))
	put(11, 10, 11, 0, 'Z')
	w.check("with a zombie", spent(), want(34))
	w.remove(11)
	put(10, 1, 2, 12, 'S')
	w.check("waited for", spent(), want(34))
	w.remove(12)
	w.check("an orphan less", spent(), want(34))
	w.remove(10)
	w.check("without the leader", spent(), want(34))
}

// Run as another user, since root may read everything.
func TestDenied(t *testing.T) {
	w := newWorld(t)
	w.put(Stat{PID: 10}, 1000, 200)
	w.rollup(10, Rollup{RSS: 1200, PSS: 450, PSSAnon: 400, PSSFile: 50, PrivateDirty: 300})
	a := Target{ID: 1, PID: 10, Measure: true}
	w.check("Private while allowed", w.sample(a)[0].Private>>10, int64(300))
	for _, dir := range []string{filepath.Dir(filepath.Dir(w.k.Proc)), filepath.Dir(w.k.Proc)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(w.k.of(10, "smaps_rollup"), 0); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		// The file system's user id belongs to the thread, and with it go the
		// capabilities that concern files.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer unix.Setfsuid(0)
	}
	u := w.sample(a)[0]
	w.check("Denied", u.Denied, true)
	w.check("Measured", u.Measured.IsZero(), true)
	w.check("Private", u.Private>>10, int64(1000))
	w.check("Err", u.Err, error(nil))
}
