package integration

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"rota/integration/cgroup"
)

// group makes a control group of so many bytes that a pool runs in as it would
// in a container: rota, its workers, and all that the kernel keeps for them. It
// is removed with the test, with all that is left in it.
func group(t testing.TB, limit int64) *cgroup.Group {
	t.Helper()
	needRoot(t)
	g, err := cgroup.New(limit)
	if err != nil {
		lacking(t, err.Error())
	}
	t.Cleanup(func() {
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// inside has rota run in the group from its first page on.
func inside(g *cgroup.Group) option { return under(g.Inside()...) }

// TestGroup checks the measure itself: what is in a group is charged to it, the
// kernel enforces its limit, and nothing is left of it.
func TestGroup(t *testing.T) {
	t.Parallel()
	var dir string
	t.Run("made", func(t *testing.T) {
		g := group(t, 64*mib)
		dir = g.Dir()
		// The peak is of 20 MiB at least for what holds so much in a variable.
		if e := runIn(t, g, `x=$(head -c 20000000 /dev/zero | tr '\0' x); echo ${#x}`); e.code != 0 {
			t.Errorf("exit code %d: %s", e.code, e.stderr)
		}
		if peak := g.Peak(); peak < 20_000_000 || peak > 64*mib || g.OOMKills() != 0 {
			t.Errorf("peak %d, %d OOM kills, want 20 MB to 64 MiB and none", peak, g.OOMKills())
		}
		if e := runIn(t, g, `x=$(head -c 200000000 /dev/zero | tr '\0' x); echo ${#x}`); e.code == 0 {
			t.Error("200 MB fit in 64 MiB")
		}
		if g.OOMKills() == 0 || g.Met() == 0 || g.Peak() > 64*mib {
			t.Errorf("%d OOM kills, limit met %d times, peak %d: the limit was not enforced", g.OOMKills(), g.Met(), g.Peak())
		}
		_ = runIn(t, g, `sleep 100 >/dev/null 2>&1 &`) // is left behind
	})
	if _, err := os.Stat(dir); dir != "" && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the group is still there: %v", err)
	}
}

// runIn runs a shell script in a group, to its end.
func runIn(t *testing.T, g *cgroup.Group, script string) ended {
	t.Helper()
	return runProgram(t, "sh", []string{"-c", script}, inside(g))
}
