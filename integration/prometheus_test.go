package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// prometheus is a running one that has the examples' rules.
type prometheus struct {
	t   *testing.T
	url string
}

func startPrometheus(t *testing.T, promtool string, targets map[string]string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	link(t, "../examples/prometheus/rules.yml", dir)
	config := "global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: [rules.yml]\nscrape_configs:\n  - job_name: rota\n    static_configs:\n"
	for _, target := range targets {
		config += fmt.Sprintf("      - targets: [%q]\n", target)
	}
	put(t, filepath.Join(dir, "prometheus.yml"), config, 0o600)
	run(t, dir, promtool, "check", "config", "prometheus.yml")
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	var output lockedBuffer
	cmd := exec.Command(server(t, "prometheus", "prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data",
		"--web.listen-address="+address, "--log.level=warn")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // its data are of no use
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus says:\n%s", output.String())
		}
	})
	p := &prometheus{t, "http://" + address}
	eventually(t, "prometheus is ready", func() bool {
		response, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return p
}

// api asks for something and takes what its data are.
func (p *prometheus) api(path string, into any) error {
	response, err := http.Get(p.url + "/api/v1/" + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer := struct {
		Error string
		Data  any
	}{Data: into}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return fmt.Errorf("%s", answer.Error)
	}
	return nil
}

// query evaluates an expression, and says how many series that gives.
func (p *prometheus) query(text string) (int, error) {
	var data struct{ Result []json.RawMessage }
	err := p.api("query?query="+url.QueryEscape(text), &data)
	return len(data.Result), err
}

// answers waits until an expression gives something, unless it may give nothing.
func (p *prometheus) answers(e expression, absent func(string) bool) {
	p.t.Helper()
	always := !strings.Contains(e.text, ") > 0") // that which has happened, if it has
	metrics, _ := e.uses()
	for name := range metrics {
		always = always && !absent(name)
	}
	if _, err := p.query(e.text); err != nil {
		p.t.Errorf("%s: %v", e.from, err)
		return
	}
	if always {
		eventually(p.t, fmt.Sprintf("%s gives something: %s", e.from, e.text), func() bool {
			n, err := p.query(e.text)
			return err == nil && n > 0
		})
	}
}

// rulesAreWell waits until every rule was evaluated, and without an error.
func (p *prometheus) rulesAreWell() {
	p.t.Helper()
	eventually(p.t, "every rule was evaluated", func() bool {
		var data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
		if err := p.api("rules", &data); err != nil {
			p.t.Fatal(err)
		}
		for _, group := range data.Groups {
			for _, rule := range group.Rules {
				if rule.LastError != "" {
					p.t.Fatalf("%s: %s", rule.Name, rule.LastError)
				}
				if rule.Health != "ok" {
					return false
				}
			}
		}
		return len(data.Groups) > 0
	})
}
