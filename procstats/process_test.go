package procstats

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

const mib = 1 << 20

func TestRealProcess(t *testing.T) {
	pid := start(t, 1, 64, self(t))
	status, err := Host.Status(pid)
	if err != nil {
		t.Fatal(err)
	}
	if status.PID != pid || status.PPID != os.Getpid() || status.Private() < 64*mib || status.Private() > 100*mib {
		t.Errorf("Status = %+v", status)
	}
	if !status.Catches(syscall.SIGTERM) { // as Go's runtime does
		t.Errorf("SigCaught = %x", status.SigCaught)
	}
	stat, err := Host.Stat(pid)
	if err != nil || stat.PGrp != pid || stat.PPID != os.Getpid() || stat.StartTime == 0 || stat.Threads < 1 {
		t.Errorf("Stat = %+v, %v", stat, err)
	}
	rollup, err := Host.Rollup(pid)
	if err != nil || rollup.PrivateDirty < 64*mib || rollup.PSS > rollup.RSS || rollup.Anonymous < 64*mib {
		t.Errorf("Rollup = %+v, %v", rollup, err)
	}
	u := NewSampler(Host).Sample(time.Now(), []Target{{ID: 7, PID: pid}})[0]
	if u.ID != 7 || u.Err != nil || u.Measured.IsZero() || u.Private < 64*mib || u.Private > u.RSS+u.Swap || u.PSS > u.RSS || u.Shared > u.RSS {
		t.Errorf("Usage = %+v", u)
	}
}

func TestRealTree(t *testing.T) {
	// The leader becomes a third process; the one in parentheses is orphaned.
	script := fmt.Sprintf(`"%[1]s" & ("%[1]s" &) ; exec "%[1]s"`, self(t))
	leader := start(t, 3, 16, "/bin/sh", "-c", script)
	group, err := Host.Group(leader)
	if err != nil || len(group) != 3 {
		t.Fatalf("Group = %v, %v", group, err)
	}
	tree, err := Host.Tree(leader)
	if err != nil || len(tree) < 2 || tree[0] != leader {
		t.Errorf("Tree = %v, %v", tree, err)
	}
	kids, err := Host.Children(leader)
	if err != nil || !slices.Contains(kids, tree[len(tree)-1]) {
		t.Errorf("Children = %v, %v, Tree = %v", kids, err, tree)
	}
	s := NewSampler(Host)
	u := s.Sample(time.Now(), []Target{{PID: leader}})[0]
	slices.Sort(u.PIDs)
	if !slices.Equal(u.PIDs, group) || u.RSS < 48*mib || u.Private < 48*mib || u.Private > u.RSS+u.Swap || u.MinorFaults < 3*16*256-u.HugePages/4096 { // one fault fills a huge page
		t.Errorf("Usage = %+v, group %v", u, group)
	}
	if s.Cost() <= 0 {
		t.Errorf("Cost = %v", s.Cost())
	}
}

// A parent of 64 MiB with two children that write a quarter each: the three map
// 192 MiB, of which 96 exist, and all of them end with the tree.
func TestCopyOnWrite(t *testing.T) {
	const script = `
		my $size = 64 << 20; my $heap = "x" x $size;
		for my $child (1, 2) {
			next if fork;
			for (my $i = 0; $i < $size / 4; $i += 4096) { vec($heap, $i, 8) = 1 }
			last;
		}
		syswrite STDOUT, "ready\n"; open my $stay, "<&=", 3; sysread $stay, my $end, 1;`
	pid := start(t, 3, 0, "/usr/bin/perl", "-e", script)
	s, now := NewSampler(Host), time.Now()
	before := s.Sample(now, []Target{{PID: pid, Quiet: true}})[0]
	if before.RSS < 192*mib || before.Private < 192*mib || !before.Measured.IsZero() {
		t.Errorf("before a reading: %+v", before)
	}
	after := s.Sample(now, []Target{{PID: pid, Measure: true}})[0]
	for what, got := range map[string]int64{"Private": after.Private, "PSS": after.PSS} {
		if got < 96*mib || got > 112*mib {
			t.Errorf("%s is %d MiB of %d, want some 96", what, got/mib, after.RSS/mib)
		}
	}
	if after.Private > after.RSS || after.Shared > after.RSS || after.Shared < 3*40*mib {
		t.Errorf("after it: %+v", after)
	}
	next := s.Sample(now.Add(time.Second), []Target{{PID: pid}})[0]
	if next.Private != after.Private || !next.Measured.Equal(after.Measured) {
		t.Errorf("a second later: %+v, not %+v", next, after)
	}
}
