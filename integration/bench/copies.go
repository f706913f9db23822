package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"rota/integration/cgroup"
	"rota/integration/load"
)

// copied is a pool of which each worker is several processes, copies of one that
// had loaded everything before it forked, so that they share most of their memory.
type copied struct {
	name    string
	workers int
	env     string
	argv    func(b *bench, port string) []string
}

var copieds = []copied{
	{"gunicorn `--preload`, 4 children, 150 MiB loaded", 1, "BALLAST_MIB=150", func(b *bench, port string) []string {
		return []string{"/usr/bin/gunicorn", "--preload", "--workers", "4", "--bind", "127.0.0.1:" + port, "--chdir", b.servers("python"), "app:app"}
	}},
	{"300 MiB forked 4 times, a quarter rewritten by each", 1, "", forked(4)},
	{"the same as 2 workers of 2 copies each", 2, "", forked(2)},
}

func forked(copies int) func(*bench, string) []string {
	return func(b *bench, port string) []string {
		return []string{"/usr/bin/python3", filepath.Join(b.servers("python"), "forked.py"), port, strconv.Itoa(copies), "300"}
	}
}

// servers is a folder of integration/servers.
func (b *bench) servers(name string) string {
	out, _ := exec.Command("go", "list", "-f", "{{.Dir}}", "rota/integration/cgroup").Output()
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "servers", name)
}

var copiesQuestion = question{"copies", "What copies of one process cost", askCopies}

// askCopies finds what copies seem to cost and what they do: what rota's metrics
// say, beside what the kernel charges.
func askCopies(b *bench) (*answer, error) {
	t := table{title: "What copies cost, in MiB", head: []string{"", "processes", "RSS", "PSS", "of it files", "private", "charged"},
		how: "What rota's metrics say, added up over its workers, and what the kernel charges their control group with, without pages of files and without rota. " +
			"PSS is above that by the programs' and libraries' own files, which are charged to whoever read them first."}
	if missing := lacks("/usr/bin/python3", "/usr/bin/gunicorn")(b); missing != "" {
		return &answer{missing: []string{"what copies cost: " + missing}}, nil
	}
	if exec.Command("/usr/bin/python3", "-c", "import flask").Run() != nil {
		return &answer{missing: []string{"what copies cost: flask"}}, nil
	}
	accounts, errs := make([]costs, len(copieds)), make([]error, len(copieds))
	var counting sync.WaitGroup
	for i, c := range copieds {
		counting.Go(func() { accounts[i], errs[i] = c.account(b) })
	}
	counting.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	mib := func(bytes float64) string { return fmt.Sprintf("%.0f", bytes/(1<<20)) }
	for i, a := range accounts {
		t.add(copieds[i].name, strconv.Itoa(a.processes), mib(a.rss), mib(a.pss), mib(a.ofFiles), mib(a.private), mib(a.charged))
	}
	return &answer{tables: []table{t}}, nil
}

// costs are what some copies cost, in bytes.
type costs struct {
	processes         int
	rss, pss, private float64 // by rota's metrics
	charged, ofFiles  float64 // by the kernel; and the part of pss that is not in there
}

// settled tells whether all has been read exactly: then what rota adds up is what
// is charged, and files.
func (c costs) settled() bool {
	off := c.pss - c.ofFiles - c.charged
	return c.charged > 0 && max(off, -off) < 0.02*c.charged
}

// account starts the pool and reads all figures of one moment.
func (c copied) account(b *bench) (a costs, err error) {
	g, err := cgroup.New(4 << 30)
	if err != nil {
		return a, err
	}
	defer g.Remove()
	port, err := freePort()
	if err != nil {
		return a, err
	}
	admin, err := freePort()
	if err != nil {
		return a, err
	}
	argv := []string{b.rota, "-w", strconv.Itoa(c.workers), "--sample-interval", "200ms", "--admin", fmt.Sprint("127.0.0.1:", admin), "--"}
	p, err := b.spawn(g, "", []string{c.env}, append(argv, c.argv(b, strconv.Itoa(port))...)...)
	if err != nil {
		return a, err
	}
	defer p.end(syscall.SIGTERM)
	if err := p.answers(fmt.Sprint("127.0.0.1:", port)); err != nil {
		return a, err
	}
	for deadline := time.Now().Add(patience); !a.settled(); {
		if time.Now().After(deadline) {
			return a, fmt.Errorf("what is measured never is what is charged: %+v", a)
		}
		if err := b.pause(500 * time.Millisecond); err != nil {
			return a, err
		}
		metrics, err := load.Get(fmt.Sprint("127.0.0.1:", admin), "/metrics")
		if err != nil {
			return a, err
		}
		a = costs{}
		a.read(metrics, g, p.Process.Pid)
	}
	return a, nil
}

// read fills the account from rota's metrics and from the kernel.
func (c *costs) read(metrics string, g *cgroup.Group, rota int) {
	for name, sum := range map[string]*float64{"rss": &c.rss, "pss": &c.pss, "private": &c.private} {
		for line := range strings.Lines(metrics) {
			if strings.HasPrefix(line, "rota_worker_memory_"+name+"_bytes{") {
				_, value, _ := strings.Cut(strings.TrimSpace(line), " ")
				bytes, _ := strconv.ParseFloat(value, 64)
				*sum += bytes
			}
		}
	}
	c.charged = float64(g.Anonymous())
	for _, pid := range g.Processes() {
		rollup := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
		if pid == rota {
			c.charged -= kibOf(rollup, "Anonymous") * 1024 // a Go program shares none of it
			continue
		}
		c.ofFiles += kibOf(rollup, "Pss_File") * 1024
		c.processes++
	}
}
