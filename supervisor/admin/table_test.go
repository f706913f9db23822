package admin

import (
	"flag"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rota/listener"
	"rota/listener/front"
	"rota/policy"
	"rota/policy/verdict"
	"rota/procstats"
	"rota/supervisor"
)

var update = flag.Bool("update", false, "write the tables of metrics anew")

// metricsPage is where every metric is listed, for people.
const metricsPage = "../../examples/prometheus/README.md"

// complete is a pool of which everything is known that can be, and its metrics.
func complete(t *testing.T, accept string) (Pool, *Metrics) {
	t.Helper()
	now := time.Now()
	f := front.New(front.Config{}, front.Hooks{})
	f.Add(1, 0, func() (net.Conn, error) { return nil, net.ErrClosed })
	port, err := listener.FreePort(func(uint16) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	held := newFixedOn(t, &supervisor.Status{
		Time: now, Desired: 1, Ready: 1, Memory: 300, Budget: 900, MaxMemory: 500, MemoryMetric: "private",
		Container: procstats.Container{
			Limit: procstats.Limit{Bytes: 1000}, Usage: 800, Pressure: procstats.Pressure{Known: true},
		},
		Verdict: verdict.Verdict{Kind: verdict.Leak, PerHour: 1, PerRequest: 1, PerCPUSecond: 1, Settles: 1, ToLimit: 1},
		Workers: []supervisor.WorkerStatus{{
			ID: 1, State: policy.Ready, RSS: 400, PSS: 300, Sampled: true, Measured: true, Started: now,
			Foreseen: policy.Foreseen{Growth: 2.5, Reaches: now.Add(time.Minute)},
		}},
	}, fmt.Sprintf("127.0.0.1:%d", port))
	m := NewMetrics(accept)
	if accept != supervisor.AcceptFront {
		m.Watch(held)
		return held, m
	}
	fronted := fixedFront{held, f}
	m.Watch(fronted)
	return fronted, m
}

var (
	metaLine   = regexp.MustCompile(`^# (HELP|TYPE) (\S+) (.*)$`)
	seriesLine = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? \S+$`)
	labelName  = regexp.MustCompile(`([a-z]+)="`)
)

// row describes a metric as the page does.
func rows(text string) map[string]string {
	help, kind, labels := map[string]string{}, map[string]string{}, map[string][]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if m := metaLine.FindStringSubmatch(line); m != nil && m[1] == "HELP" {
			help[m[2]] = m[3]
		} else if m != nil {
			kind[m[2]] = m[3]
		} else if m := seriesLine.FindStringSubmatch(line); m != nil {
			for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
				if l[1] != "le" && !slices.Contains(labels[m[1]], l[1]) {
					labels[m[1]] = append(labels[m[1]], l[1])
				}
			}
		}
	}
	described := map[string]string{}
	for name, text := range help {
		l := ""
		if len(labels[name]) > 0 {
			l = "{" + strings.Join(labels[name], ",") + "}"
		}
		described[name] = fmt.Sprintf("| `%s%s` | %s | %s |", name, l, kind[name], text)
	}
	return described
}

// Every metric, as the page lists them, is what rota exports, and the other way round.
func TestMetricsAreListed(t *testing.T) {
	both := map[string]map[string]string{}
	for _, accept := range []string{supervisor.AcceptFront, supervisor.AcceptShared} {
		pool, m := complete(t, accept)
		_, text := get(t, handlerOf(pool, m), "GET", "/metrics")
		lint(t, text)
		both[accept] = rows(text)
		for _, name := range families(m) {
			// Without a front there is nothing of it to describe.
			if both[accept][name] == "" && (accept == supervisor.AcceptFront || !strings.HasPrefix(name, "rota_http_") && name != "rota_worker_requests_in_flight") {
				t.Errorf("%s is described and not exported by a pool of which all is known (accept %s)", name, accept)
			}
		}
	}
	var shared, fronted, self []string
	for name, row := range both[supervisor.AcceptFront] {
		switch {
		case strings.HasPrefix(name, "process_"):
			self = append(self, row)
		case both[supervisor.AcceptShared][name] == "":
			fronted = append(fronted, row)
		case both[supervisor.AcceptShared][name] != row:
			t.Errorf("%s has two meanings:\n%s\n%s", name, row, both[supervisor.AcceptShared][name])
		default:
			shared = append(shared, row)
		}
		delete(both[supervisor.AcceptShared], name)
	}
	if len(both[supervisor.AcceptShared]) > 0 {
		t.Errorf("without a front alone there are %v", both[supervisor.AcceptShared])
	}
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	wanted := tables(string(page), map[string][]string{"pool": shared, "front": fronted, "rota": self})
	if wanted == string(page) {
		return
	}
	if !*update {
		t.Fatalf("%s does not list the metrics as they are; go test ./supervisor/admin -run %s -update writes it anew", metricsPage, t.Name())
	}
	if err := os.WriteFile(metricsPage, []byte(wanted), 0o644); err != nil {
		t.Fatal(err)
	}
}

// families are the names of all that is described.
func families(m *Metrics) []string {
	descs := make(chan *prometheus.Desc)
	go func() {
		m.registry.Describe(descs)
		close(descs)
	}()
	var names []string
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range descs {
		n := name.FindStringSubmatch(d.String())[1]
		// Limits of the process that may be none, and traffic of its network.
		if !strings.HasPrefix(n, "process_") && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// tables puts rows into the places of a page that are marked for them.
func tables(page string, rows map[string][]string) string {
	for name, lines := range rows {
		slices.Sort(lines)
		before, rest, _ := strings.Cut(page, "<!-- metrics: "+name+" -->\n")
		_, after, found := strings.Cut(rest, "<!-- end -->")
		if !found {
			return "" // the mark is missing
		}
		page = before + "<!-- metrics: " + name + " -->\n| metric | type | meaning |\n| --- | --- | --- |\n" +
			strings.Join(lines, "\n") + "\n<!-- end -->" + after
	}
	return page
}
