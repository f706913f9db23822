package integration

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rota/integration/cgroup"
)

// preforked is a pool whose processes are copies of one that had loaded
// everything before it forked, so that they share most of their memory.
type preforked struct {
	name    string
	workers int
	command func(t testing.TB, port string) []string
	env     []string
}

var preforks = []preforked{
	{"gunicorn --preload, 4 children, 150 MiB", 1, func(t testing.TB, port string) []string {
		python(t, "flask", "python3-flask")
		return []string{server(t, "/usr/bin/gunicorn", "gunicorn"), "--preload", "--workers", "4", "--bind", "127.0.0.1:" + port,
			"--chdir", serversDir(t, "python"), "app:app"}
	}, []string{"BALLAST_MIB=150"}},
	{"300 MiB forked 4 times, a quarter rewritten", 1, forked(4), nil},
	{"the same as 2 workers of 2 copies", 2, forked(2), nil},
}

func forked(copies int) func(testing.TB, string) []string {
	return func(t testing.TB, port string) []string {
		return []string{server(t, "/usr/bin/python3", "python3"), serversDir(t, "python/forked.py"), port, strconv.Itoa(copies), "300"}
	}
}

// account is what a pool costs, in bytes: what rota's metrics say, added up over
// its workers, and what the kernel charges its group with.
type account struct {
	rss, pss, private, shared, swap float64

	charge    float64 // without pages of files, and without rota itself
	files     float64 // of pss, the pages of files, which are charged to whoever read them first
	processes int
}

// off is how far the sum of proportional memory is from the charge, as a share of it.
func (a account) off() float64 { return (a.pss + a.swap - a.files - a.charge) / a.charge }

// start runs the pool in a group of its own.
func (f preforked) start(t testing.TB) (*pool, *cgroup.Group) {
	t.Helper()
	g := group(t, 4<<30)
	port := freePort(t)
	p := start(t, slices.Concat([]string{"-w", strconv.Itoa(f.workers), "--sample-interval", "200ms", "--"}, f.command(t, strconv.Itoa(port))),
		inside(g), quiet(t), withEnv(f.env...))
	p.awaitKind("pool ready", 1)
	return p, g
}

// account reads all figures of one moment.
func (f preforked) account(p *pool, g *cgroup.Group) (a account) {
	p.t.Helper()
	values := scrape(p.t, p)
	for slot := range f.workers {
		of := func(what string) float64 {
			return values[fmt.Sprintf(`rota_worker_memory_%s_bytes{slot="%d"}`, what, slot)]
		}
		a.rss += of("rss")
		a.pss += of("pss")
		a.private += of("private")
		a.shared += of("shared")
		a.swap += of("swap")
	}
	a.charge = float64(g.Anonymous())
	for _, pid := range g.Processes() {
		of := rollup(p.t, pid)
		if pid == p.rota() {
			a.charge -= of["Anonymous"] // a Go program shares none of it
			continue
		}
		a.files += of["Pss_File"]
		a.processes++
	}
	return a
}

// rollup is smaps_rollup of a process, in bytes.
func rollup(t testing.TB, pid int) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for _, line := range lines(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) {
		name, value, _ := strings.Cut(line, ":")
		if kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64); err == nil {
			values[name] = kb * 1024
		}
	}
	if len(values) == 0 {
		t.Fatalf("cannot read smaps_rollup of process %d (%s)", pid, commandLine(pid))
	}
	return values
}

// sharingOff is how far the sum of PSS may be from the charge, as a share of it.
const sharingOff = 0.05

// TestSharing adds up what copies cost that share most of it. The sum must be
// what the kernel charges for them, not what each seems to have.
func TestSharing(t *testing.T) {
	if os.Getenv("TEST_RACE") != "" {
		return // it is about numbers, and takes gigabytes
	}
	t.Parallel()
	for _, f := range preforks {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			p, g := f.start(t)
			// The first exact reading comes when there is time for it.
			eventually(t, "the sum of PSS is what is charged", func() bool { return math.Abs(f.account(p, g).off()) <= sharingOff })
			awaitSamples(t, p, 10, func(map[string]float64) {
				if a := f.account(p, g); math.Abs(a.off()) > sharingOff {
					t.Errorf("PSS is %+.1f %% off the charge: %+v", 100*a.off(), a)
				}
			})
			a := f.account(p, g)
			t.Logf("%d processes: RSS %.1f MiB, PSS %.1f, private %.1f, charged %.1f (PSS %+.1f %% off), of files %.1f; usage %.1f",
				a.processes, a.rss/mib, a.pss/mib, a.private/mib, a.charge/mib, 100*a.off(), a.files/mib, float64(g.Usage())/mib)
			if a.rss < 1.5*a.charge {
				t.Errorf("RSS is %.1f MiB, %.2f of what is charged: nothing is shared, that proves nothing", a.rss/mib, a.rss/a.charge)
			}
			if sharing := 1 - a.pss/a.rss; math.Abs(scrape(t, p)["rota_memory_sharing_ratio"]-sharing) > 0.02 {
				t.Errorf("rota_memory_sharing_ratio is %.3f, want %.3f", scrape(t, p)["rota_memory_sharing_ratio"], sharing)
			}
			if code := p.stop(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
		})
	}
}
