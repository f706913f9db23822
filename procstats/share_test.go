package procstats

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a tree adds to the total between readings, in KiB. Its two processes have
// 1000 each, of which 800 are shared, so that 1200 exist.
func TestProportional(t *testing.T) {
	const page = 4 // KiB; the numbers below are multiples of it
	if pageSize != page<<10 {
		t.Skip("written for pages of 4 KiB")
	}
	for _, test := range []struct {
		name        string
		anon        [2]int64 // now
		faults      [2]int64 // since the reading
		share, sure int64    // Proportional, and at least so much of it
	}{
		{"nothing", [2]int64{1000, 1000}, [2]int64{0, 0}, 1200, 1200},
		{"grown", [2]int64{1400, 1000}, [2]int64{100, 0}, 1600, 1600},
		{"grown by huge pages", [2]int64{1400, 1000}, [2]int64{1, 0}, 1600, 1600},
		{"one copied 400 of what is shared", [2]int64{1000, 1000}, [2]int64{100, 0}, 1600, 1200},
		{"and all of it", [2]int64{1000, 1000}, [2]int64{200, 0}, 2000, 1200},
		{"and was busy after that", [2]int64{1000, 1000}, [2]int64{9999, 0}, 2000, 1200},
		{"one gave 100 back, which may be the other's", [2]int64{900, 1000}, [2]int64{0, 0}, 1200, 1100},
		{"one gave more back than was shared", [2]int64{100, 1000}, [2]int64{0, 0}, 1100, 300},
		{"gave back and copied", [2]int64{600, 1000}, [2]int64{200, 0}, 1600, 800},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			put := func(anon, faults [2]int64) {
				for i, pid := range []int{10, 11} {
					w.put(Stat{PID: pid, PPID: 1 + 9*i, MinorFaults: 500 + faults[i]/2, MajorFaults: faults[i] - faults[i]/2}, anon[i], 0)
				}
			}
			put([2]int64{1000, 1000}, [2]int64{})
			for _, pid := range []int{10, 11} {
				w.rollup(pid, Rollup{RSS: 1000, PSS: 600, PSSAnon: 600, PrivateDirty: 200, SharedDirty: 800})
			}
			a := Target{ID: 1, PID: 10}
			u := w.sample(Target{ID: 1, PID: 10, Quiet: true})[0]
			w.check("before a reading", [2]int64{u.Proportional >> 10, u.Slack >> 10}, [2]int64{2000, 2000})
			u = w.sample(a)[0]
			w.check("as read", [3]int64{u.Proportional >> 10, u.Slack >> 10, u.SharedDirty >> 10}, [3]int64{1200, 0, 1600})
			put(test.anon, test.faults)
			u = w.sample(Target{ID: 1, PID: 10, Quiet: true})[0]
			w.check("Proportional", u.Proportional>>10, test.share)
			w.check("at least", (u.Proportional-u.Slack)>>10, test.sure)
		})
	}
}

// Of a worker that shares nothing but files, no fault is taken for a copy.
func TestProportionalOfOne(t *testing.T) {
	w := newWorld(t)
	put := func(anon, faults int64) {
		w.put(Stat{PID: 10, MinorFaults: faults}, anon, 400)
		w.rollup(10, Rollup{RSS: anon + 400, PSS: anon + 100, PSSAnon: anon, PSSFile: 100, PrivateDirty: anon, SharedClean: 400})
	}
	a := Target{ID: 1, PID: 10}
	put(1000, 0)
	w.sample(a)
	for _, step := range [][2]int64{{1000, 9000}, {5000, 19000}, {300, 99000}} {
		put(step[0], step[1])
		u := w.sample(a)[0]
		w.check(fmt.Sprint("Proportional and Slack at ", step[0]), [2]int64{u.Proportional >> 10, u.Slack >> 10}, [2]int64{step[0] + 100, 0})
	}
}

// Trees that share with each other are read again when one of them has gone.
func TestProportionalOfSiblings(t *testing.T) {
	w := newWorld(t)
	a, b, c := Target{ID: 1, PID: 10}, Target{ID: 2, PID: 11}, Target{ID: 3, PID: 12}
	for _, pid := range []int{10, 11, 12} {
		w.put(Stat{PID: pid}, 1000, 0)
		w.rollup(pid, Rollup{RSS: 1000, PSS: 600, PSSAnon: 600, PrivateDirty: 200, SharedDirty: 800})
	}
	w.rollup(12, Rollup{RSS: 1000, PSS: 1000, PSSAnon: 1000, PrivateDirty: 1000}) // not kin
	w.sample(a, b, c)
	w.rollup(10, Rollup{RSS: 1000, PSS: 1000, PSSAnon: 1000, PrivateDirty: 1000})
	w.now = w.now.Add(time.Second)
	u := w.sample(a, c)
	w.check("read again", []bool{u[0].Fresh, u[1].Fresh}, []bool{true, false})
	w.check("all of it", u[0].Proportional>>10, int64(1000))
}

// Forked copies of one heap in a real group: what they add up to is what the
// group is charged with, as read, and never less while it changes unread.
func TestSharesMatchCharge(t *testing.T) {
	const heap, children = 96, 4
	const script = `
		$| = 1; my $size = (shift) << 20; my $heap = "x" x $size;
		my $writes = 0; $SIG{USR1} = sub { $writes = 1 };
		for my $child (1 .. 4) { last unless fork }
		syswrite STDOUT, "ready\n"; open my $stay, "<&=", 3;
		until (defined(sysread $stay, my $end, 1)) {
			next unless $writes; $writes = 0;
			for (my $i = 0; $i < $size / 2; $i += 4096) { vec($heap, $i, 8) = 1 }
			syswrite STDOUT, "ready\n";
		}`
	at := memGroup(t, 1<<30)
	stay, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", `echo $$ >"$0" && exec /usr/bin/perl -e "$1" "$2"`, filepath.Join(at.dir, "cgroup.procs"), script, fmt.Sprint(heap))
	cmd.ExtraFiles, cmd.Stderr = []*os.File{stay}, os.Stderr
	says, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stay.Close()
	out.Close()
	lines := bufio.NewReader(says)
	t.Cleanup(func() {
		hold.Close()
		io.Copy(io.Discard, lines)
		says.Close()
		cmd.Wait()
	})
	ready := func(n int) {
		t.Helper()
		for range n {
			if line, err := lines.ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
				t.Fatalf("perl said %q: %v", line, err)
			}
		}
	}
	ready(1 + children)
	s, now := NewSampler(Host), time.Now()
	charge := func() int64 {
		t.Helper()
		c, err := at.charge(at.dir, meminfo{})
		if err != nil {
			t.Fatal(err)
		}
		return c.Unreclaimable
	}
	sample := func(target Target) Usage {
		now = now.Add(time.Minute)
		target.ID, target.PID = 1, cmd.Process.Pid
		return s.Sample(now, []Target{target})[0]
	}
	exact := func(when string) Usage {
		t.Helper()
		u, c := sample(Target{Measure: true}), charge()
		t.Logf("%s: charged %.1f MiB, Proportional %.1f, Private %.1f, RSS %.1f", when, float64(c)/mib, float64(u.Proportional)/mib, float64(u.Private)/mib, float64(u.RSS)/mib)
		if !u.Fresh || u.Slack != 0 || u.Proportional < c*95/100 || u.Proportional > c*105/100 {
			t.Errorf("%s: Proportional is %.1f MiB, the group is charged %.1f: %+v", when, float64(u.Proportional)/mib, float64(c)/mib, u)
		}
		return u
	}
	bounded := func(when string) {
		t.Helper()
		u, c := sample(Target{Quiet: true}), charge()
		t.Logf("%s, unread: charged %.1f MiB, Proportional %.1f, Slack %.1f", when, float64(c)/mib, float64(u.Proportional)/mib, float64(u.Slack)/mib)
		if u.Fresh || u.Proportional < c*95/100 || u.Proportional-u.Slack > c*105/100 {
			t.Errorf("%s: Proportional is %.1f to %.1f MiB, the group is charged %.1f: %+v", when,
				float64(u.Proportional-u.Slack)/mib, float64(u.Proportional)/mib, float64(c)/mib, u)
		}
	}
	bounded("at first")
	first := exact("forked")
	// Of the five, one each: a child that copies half of its heap has as many
	// pages as before.
	for _, pid := range first.PIDs[1:] {
		if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
	ready(children)
	bounded("written to")
	second := exact("written to")
	if second.Proportional < first.Proportional+children*heap/2*mib*9/10 || second.RSS > first.RSS+10*mib {
		t.Errorf("from %+v to %+v", first, second)
	}
	if err := syscall.Kill(first.PIDs[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for { // until it is a zombie, or its memory is not free yet
		stat, err := Host.Stat(first.PIDs[1])
		if err != nil || stat.ended() {
			break
		}
	}
	bounded("one less")
	exact("one less")
}
