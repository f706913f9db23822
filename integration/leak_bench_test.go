package integration

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"rota/integration/cgroup"
	"rota/integration/load"
)

// leakBench is for how long BenchmarkLeak loads each container.
const leakBench = time.Minute

// BenchmarkLeak prints how containers fare that are filled every ten seconds:
// under rota as it comes, and under rota without any limit, which then only
// starts anew what has died, as any supervisor does.
func BenchmarkLeak(b *testing.B) {
	off := []string{"--max-total-memory", "off", "--min-uptime", "0s"}
	contenders := []struct {
		name string
		container
	}{
		{"default", container{}},
		{"no limits", container{flags: off}},
		{"default, boot 3 s", container{boot: 3 * time.Second}},
		{"no limits, boot 3 s", container{boot: 3 * time.Second, flags: off}},
	}
	for b.Loop() {
		rows := make([]string, len(contenders))
		var together sync.WaitGroup
		for i, c := range contenders {
			p, g, addr := c.in(b, 1024)
			together.Go(func() { rows[i] = c.row(c.name, p, g, c.load(b, addr, leakBench)) })
		}
		together.Wait()
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(table, "%s at %d/s\tserved\tlost\tp50 ms\tp99 ms\tOOM kills\tpeak MiB\tcycles\t\n", leakBench, leakRate)
		for _, row := range rows {
			fmt.Fprintln(table, row)
		}
		table.Flush()
		b.ReportMetric(0, "ns/op")
	}
}

// row is what became of a load, with whatever was not answered by a worker as lost.
func (c container) row(name string, p *pool, g *cgroup.Group, a *load.Arrivals) string {
	lost := 0
	for _, n := range a.Lost {
		lost += n
	}
	var took []time.Duration
	for status, answers := range a.Took {
		took = append(took, answers...)
		if status != 200 {
			lost += len(answers)
		}
	}
	slices.Sort(took)
	at := func(q float64) int64 { return took[int(q*float64(len(took)-1))].Milliseconds() }
	return fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t", name, a.Count(200), lost, at(0.5), at(0.99), g.OOMKills(), g.Peak()/mib, p.count("cycle done"))
}
