package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestParseFile(t *testing.T) {
	f, err := parseFile("rota.yaml", []byte(`# everything once
workers: 4
max-memory: &size 512MiB
listen: [":8080", "unix:/run/app.sock"]
handoff: adopt, inherit
stop-signal: 010
env:
  MODE: production
  DEBUG: no
  EMPTY: ""
restart-interval: *size
command:
  - python3
  - app.py
  - 8080
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]item{
		"workers":          {{"4", "rota.yaml:2: workers"}},
		"max-memory":       {{"512MiB", "rota.yaml:3: max-memory"}},
		"listen":           {{":8080", "rota.yaml:4: listen"}, {"unix:/run/app.sock", "rota.yaml:4: listen"}},
		"handoff":          {{"adopt, inherit", "rota.yaml:5: handoff"}},
		"stop-signal":      {{"010", "rota.yaml:6: stop-signal"}},
		"env":              {{"MODE=production", "rota.yaml:8: env"}, {"DEBUG=no", "rota.yaml:9: env"}, {"EMPTY=", "rota.yaml:10: env"}},
		"restart-interval": {{"512MiB", "rota.yaml:11: restart-interval"}},
	} {
		if got := f.entries[name].items; !slices.Equal(got, want) {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
	if want := []string{"python3", "app.py", "8080"}; !slices.Equal(f.command, want) || f.line != 12 {
		t.Errorf("command on line %d: %q; want %q on line 12", f.line, f.command, want)
	}
}

func TestParseFileWithoutSettings(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "~\n", "{}\n", "\ufeff"} {
		if f, err := parseFile("rota.yaml", []byte(text)); err != nil || len(f.entries) > 0 {
			t.Errorf("parseFile(%q) = %+v, %v", text, f, err)
		}
	}
}

func TestParseFileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"\n\nmax-memroy: 1G":          `rota.yaml:3: unknown key "max-memroy" (did you mean "max-memory"?)`,
		"wrokers: 3":                  `rota.yaml:1: unknown key "wrokers" (did you mean "workers"?)`,
		"colour: red":                 `rota.yaml:1: unknown key "colour"`,
		"Workers: 3":                  `rota.yaml:1: unknown key "Workers" (did you mean "workers"?)`,
		"<<: {workers: 3}":            `rota.yaml:1: unknown key "<<"`,
		"config: other.yaml":          `rota.yaml:1: config: a file cannot name another one`,
		"workers: 3\n\nworkers: 4":    `rota.yaml:3: workers is set twice, first on line 1`,
		"- workers: 3":                `rota.yaml:1: a list where settings are wanted, like max-memory: 512MiB`,
		"just words":                  `rota.yaml:1: a string where settings are wanted, like max-memory: 512MiB`,
		"workers: [3]":                `rota.yaml:1: workers: a list where one value is wanted`,
		"workers:\n  min: 3":          `rota.yaml:2: workers: a mapping where one value is wanted`,
		"listen: {port: 80}":          `rota.yaml:1: listen: a mapping where one value or a list is wanted`,
		"listen:\n- :80\n- [x]":       `rota.yaml:3: listen: a list where one value is wanted`,
		"max-memory:":                 `rota.yaml:1: max-memory: has no value (leave the line out for the default)`,
		"env:\n  A: 1\n  B:\n":        `rota.yaml:3: env: B: has no value (leave the line out for the default)`,
		"env:\n  A: 1\n  A: 2\n":      `rota.yaml:3: env: A is set twice`,
		"env:\n  [a, b]: 1\n":         `rota.yaml:2: env: a list is no name of a variable`,
		"[a, b]: 1":                   `rota.yaml:1: a list is no name of a setting`,
		"command: python3 app.py":     `rota.yaml:1: command: a string where a list is wanted, like ["python3", "app.py"]`,
		"command: {a: b}":             `rota.yaml:1: command: a mapping where a list is wanted, like ["python3", "app.py"]`,
		"command:":                    `rota.yaml:1: command: nothing where a list is wanted, like ["python3", "app.py"]`,
		"command: []":                 `rota.yaml:1: command: is empty (want a list like ["python3", "app.py"])`,
		"command: [[a]]":              `rota.yaml:1: command: a list where one value is wanted`,
		"workers: 3\n---\nworkers: 4": `rota.yaml:2: a second document begins: put all settings into the first`,
		"a: &a [*a]":                  `rota.yaml:1: unknown key "a"`,
		"workers: 3\n\tlisten: x":     `rota.yaml:2: is not YAML: found a tab character that violates indentation`,
		"workers: 'three\n":           `rota.yaml:2: is not YAML: found unexpected end of stream`,
		"workers: *none":              `rota.yaml: is not YAML: unknown anchor 'none' referenced`,
		"workers: \xff":               `rota.yaml: is not YAML: invalid leading UTF-8 octet`,
	} {
		if f, err := parseFile("rota.yaml", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("parseFile(%q) = %+v\n got %v\nwant %s", text, f, err, want)
		}
	}
}

func FuzzParseFile(f *testing.F) {
	for _, s := range []string{"workers: 4\n", "listen: [a, b]\nenv: {A: 1}", "a: &a [*a]", "command: x y", "? [a]\n: b", "---\n---\n", "env: &e {A: *e}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := parseFile("rota.yaml", data)
		if err == nil {
			return
		}
		if text := err.Error(); !strings.HasPrefix(text, "rota.yaml:") || strings.Contains(text, "\n") {
			t.Errorf("%q", text)
		}
	})
}
