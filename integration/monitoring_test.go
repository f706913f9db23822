package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"rota/integration/load"
)

// What the examples ask promtool to check, as their pages say it.
func TestPrometheusExamples(t *testing.T) {
	if os.Getenv("TEST_RACE") != "" {
		return // no rota runs in it
	}
	t.Parallel()
	promtool := server(t, "promtool", "prometheus")
	commands := 0
	for _, page := range []string{"../examples/prometheus/README.md", "../examples/grafana/README.md"} {
		for _, line := range lines(page) {
			if args, ok := strings.CutPrefix(line, "    promtool "); ok {
				commands++
				run(t, "..", promtool, strings.Fields(args)...)
			}
		}
	}
	if commands < 3 {
		t.Errorf("the pages show %d commands of promtool", commands)
	}

	// Debian's promtool knows no Kubernetes; all but the finding can be checked.
	text, err := os.ReadFile("../examples/prometheus/kubernetes.yml")
	if err != nil {
		t.Fatal(err)
	}
	const finds = "kubernetes_sd_configs:\n      - role: pod"
	if !strings.Contains(string(text), finds) {
		t.Fatalf("kubernetes.yml does not have %q", finds)
	}
	dir := t.TempDir()
	link(t, "../examples/prometheus/rules.yml", dir)
	put(t, filepath.Join(dir, "kubernetes.yml"), strings.Replace(string(text), finds, "static_configs:\n      - targets: []", 1), 0o600)
	run(t, dir, promtool, "check", "config", "kubernetes.yml")
	var pod map[string]any
	parse(t, "../examples/prometheus/pod.yml", yaml.Unmarshal, &pod)
}

// Each alert has a test in which it fires, and says what to do.
func TestAlertsAreTested(t *testing.T) {
	if os.Getenv("TEST_RACE") != "" {
		return // no rota runs in it
	}
	t.Parallel()
	tests, err := os.ReadFile("../examples/prometheus/rules_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert               string
				Labels, Annotations map[string]string
			}
		}
	}
	parse(t, "../examples/prometheus/rules.yml", yaml.Unmarshal, &file)
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if !strings.Contains(string(tests), fmt.Sprintf(`exp_samples: [{ labels: '{alertname=%q}', value: 1 }]`, rule.Alert)) {
				t.Errorf("%s has no test in which it fires alone", rule.Alert)
			}
			for _, annotation := range []string{"summary", "description", "action"} {
				if rule.Annotations[annotation] == "" {
					t.Errorf("%s has no %s", rule.Alert, annotation)
				}
			}
			if s := rule.Labels["severity"]; s != "page" && s != "ticket" {
				t.Errorf("%s has the severity %q", rule.Alert, s)
			}
		}
	}
}

// Nothing of the dashboard lies over something else, and what a legend speaks of
// is still there behind the expression.
func TestDashboardIsWhole(t *testing.T) {
	t.Parallel()
	d := drawn(t)
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q has the id of another", p.Title)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" || at[0] >= 24 {
					t.Errorf("%q lies over %q", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q has the source %q and %d expressions", p.Title, p.Datasource.UID, len(p.Targets))
		}
	}
	variables := []string{}
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	if want := []string{"datasource", "job", "instance"}; !slices.Equal(variables, want) {
		t.Errorf("the variables are %v, want %v", variables, want)
	}
}

// Every expression of the rules and of the dashboard asks for what running pools
// export, and a real Prometheus that scrapes them has an answer to it.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	promtool := server(t, "promtool", "prometheus")
	targets := map[string]string{} // by how the pool accepts
	known := exported{}
	for _, accept := range []string{"front", "shared"} {
		p := leakingPool(t, accept)
		p.await("a worker was replaced for its memory", 1, func(e event) bool { return e.is("cycle done") && e.str("trigger") == "memory" })
		p.signal(syscall.SIGHUP)
		p.awaitKind("roll done", 1)
		values, text := p.scrape()
		lint(t, text)
		known.add(values)
		targets[accept] = strings.TrimPrefix(p.adminURL(), "http://")
	}
	absent, fronted := listed(t)
	d := drawn(t)
	all := append(ruled(t), d.expressions(".*")...)
	for _, e := range all {
		known.check(t, e, absent)
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			groups := known.labelsOf(expression{text: target.Expr})
			for _, l := range inLegend.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !slices.Contains(groups, l[1]) {
					t.Errorf("the legend of panel %q speaks of %s", p.Title, l[1])
				}
			}
		}
	}

	prometheus := startPrometheus(t, promtool, targets)
	for _, e := range ruled(t) {
		if _, err := prometheus.query(e.text); err != nil {
			t.Errorf("%s: %v", e.from, err)
		}
	}
	for accept, target := range targets {
		for _, e := range d.expressions(target) {
			prometheus.answers(e, func(name string) bool { return absent(name) || accept != "front" && fronted(name) })
		}
	}
	prometheus.rulesAreWell()
}

// labelsOf are what series of the expression may be told apart by.
func (x exported) labelsOf(e expression) []string {
	metrics, groups := e.uses()
	if len(groups) > 0 {
		return groups
	}
	labels := slices.Clone(given)
	for name := range metrics {
		labels = append(labels, x[name]...)
	}
	return labels
}

// listed tells of which metrics the page says that they may be absent, and which
// only a front has.
func listed(t *testing.T) (absent, fronted func(string) bool) {
	t.Helper()
	is, front := map[string]bool{}, map[string]bool{}
	row := regexp.MustCompile("^\\| `([a-z_]+)(?:\\{.*\\})?` \\| ([a-z]+) \\| (.*)")
	table := ""
	for _, line := range lines("../examples/prometheus/README.md") {
		if name, ok := strings.CutPrefix(line, "<!-- metrics: "); ok {
			table = name
		}
		if m := row.FindStringSubmatch(line); m != nil {
			is[m[1]] = strings.Contains(m[3], "absent")
			for _, part := range []string{"", "_bucket", "_sum", "_count"} {
				front[m[1]+part] = strings.HasPrefix(table, "front")
			}
		}
	}
	if len(is) == 0 || !front["rota_http_requests_total"] {
		t.Errorf("the page lists %v", is)
	}
	return func(name string) bool { return is[name] }, func(name string) bool { return front[name] }
}

// leakingPool is a pool that leaks and is asked for something ten times a second, until the
// test ends.
func leakingPool(t *testing.T, accept string) *pool {
	t.Helper()
	port := freePort(t)
	p := start(t, []string{"-w", "2", "--accept", accept, "--max-memory", "40MiB", "--sample-interval", "100ms", "--min-uptime", "1s", "--", leaky},
		withEnv(fmt.Sprintf("PORT=%d", port), "LEAK_KIB=2048"))
	p.awaitKind("pool ready", 1)
	var asking sync.WaitGroup
	done := make(chan struct{})
	asking.Go(func() {
		every := time.NewTicker(100 * time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-done:
				return
			case <-every.C:
				_, _ = load.Get(fmt.Sprintf("127.0.0.1:%d", port), "/")
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		asking.Wait()
	})
	return p
}

// run runs a program in a folder, which must end well.
func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %q: %v\n%s", name, args, err, text)
	}
}

// link puts a file into a folder.
func link(t *testing.T, path, dir string) {
	t.Helper()
	whole, err := filepath.Abs(path)
	if err == nil {
		err = os.Symlink(whole, filepath.Join(dir, filepath.Base(path)))
	}
	if err != nil {
		t.Fatal(err)
	}
}
