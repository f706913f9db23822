package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// expression is one that a file of the examples asks Prometheus for.
type expression struct {
	from string // where it stands, for people
	text string
}

// ruled are the expressions of the alert rules.
func ruled(t *testing.T) (all []expression) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	parse(t, "../examples/prometheus/rules.yml", yaml.Unmarshal, &file)
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			all = append(all, expression{"rule " + rule.Alert, rule.Expr})
		}
	}
	return all
}

type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource struct{ UID string }
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct{ Expr, LegendFormat string }
}

type grafana struct {
	Panels      []panel
	Annotations struct{ List []struct{ Name, Expr string } }
	Templating  struct {
		List []struct{ Name, Definition string }
	}
}

func drawn(t *testing.T) (d grafana) {
	t.Helper()
	parse(t, "../examples/grafana/rota.json", json.Unmarshal, &d)
	return d
}

// expressions are those of a dashboard, for the targets of one instance.
func (d grafana) expressions(instance string) (all []expression) {
	fill := strings.NewReplacer("$job", "rota", "$instance", instance, "$__rate_interval", "15s", "$__interval", "15s", "$__range", "1m")
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, expression{fmt.Sprintf("panel %q", p.Title), fill.Replace(target.Expr)})
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, expression{"annotation " + a.Name, fill.Replace(a.Expr)})
	}
	return all
}

func parse(t *testing.T, path string, unmarshal func([]byte, any) error, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

var (
	quoted   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	selector = regexp.MustCompile(`\b([a-z_]+)\s*\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	grouping = regexp.MustCompile(`\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)`)
	word     = regexp.MustCompile(`\b(?:rota|process)_[a-z_]+\b`)
	inLegend = regexp.MustCompile(`\{\{\s*([a-z_]+)\s*\}\}`)
)

// uses are the metrics that the expression is about, with the labels that it
// picks them by, and those that it groups by.
func (e expression) uses() (metrics map[string][]string, groups []string) {
	metrics = map[string][]string{}
	text := quoted.ReplaceAllString(e.text, `""`)
	for _, name := range word.FindAllString(text, -1) {
		metrics[name] = nil
	}
	for _, s := range selector.FindAllStringSubmatch(text, -1) {
		for _, l := range matcher.FindAllStringSubmatch(s[2], -1) {
			metrics[s[1]] = append(metrics[s[1]], l[1])
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(text, -1) {
		groups = append(groups, strings.FieldsFunc(g[1], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return metrics, groups
}

// exported are the labels that each series has.
type exported map[string][]string

var seriesName = regexp.MustCompile(`^([a-zA-Z_:]+)(?:\{(.*)\})?$`)

func (x exported) add(values map[string]float64) {
	for series := range values {
		m := seriesName.FindStringSubmatch(series)
		labels := x[m[1]]
		for _, l := range matcher.FindAllStringSubmatch(quoted.ReplaceAllString(m[2], `""`), -1) {
			if !slices.Contains(labels, l[1]) {
				labels = append(labels, l[1])
			}
		}
		x[m[1]] = labels
	}
}

// given are labels that Prometheus puts on all that it scrapes.
var given = []string{"job", "instance"}

// check says what an expression asks for and rota has not.
func (x exported) check(t *testing.T, e expression, absent func(string) bool) {
	t.Helper()
	metrics, groups := e.uses()
	known := slices.Clone(given)
	for name, picked := range metrics {
		labels, there := x[name]
		if name == "up" {
			labels, there = nil, true
		}
		if !there && !absent(name) {
			t.Errorf("%s asks for %s, which no pool exports", e.from, name)
		}
		for _, l := range picked {
			if !slices.Contains(labels, l) && !slices.Contains(given, l) {
				t.Errorf("%s picks %s by %s, which is no label of it", e.from, name, l)
			}
		}
		known = append(known, labels...)
	}
	for _, l := range groups {
		if !slices.Contains(known, l) {
			t.Errorf("%s groups by %s, which nothing in it has", e.from, l)
		}
	}
}
