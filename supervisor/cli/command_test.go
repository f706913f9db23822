package cli

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// programs makes a folder with files of every kind and goes there.
func programs(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for path, mode := range map[string]os.FileMode{"bin/server": 0o755, "bin/plain": 0o644, "here": 0o755, "app.py": 0o644, "late/plain": 0o755} {
		dir, _, ok := strings.Cut(path, "/")
		if ok {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("bin/folder", 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestLookCommand(t *testing.T) {
	programs(t)
	for _, test := range []struct {
		name, path string
		found      string
		code       int
		want       string
	}{
		{"server", "bin", "bin/server", 0, ""},
		{"server", "none:app.py:bin", "bin/server", 0, ""},
		{"plain", "bin:late", "late/plain", 0, ""},
		{"here", "bin:", "./here", 0, ""},
		{"./here", "", "./here", 0, ""},
		{"foo", "bin", "", 127, `command not found: "foo" (not in PATH; give its full path, or add its folder with --env PATH=...)`},
		{"foo", "", "", 127, `command not found: "foo" (PATH is empty; give its full path, or --env PATH=...)`},
		{"here", "bin", "", 127, `command not found: "here" (not in PATH; did you mean "./here"?)`},
		{"folder", "bin", "", 127, `command not found: "folder" (not in PATH; give its full path, or add its folder with --env PATH=...)`},
		{"./foo", "bin", "", 127, `command not found: "./foo" (no such file)`},
		{"./app.py/x", "bin", "", 127, `command not found: "./app.py/x" (no such file)`},
		{"./app.py", "bin", "", 126, `cannot run "./app.py": not executable (chmod +x ./app.py, or name its interpreter)`},
		{"plain", "bin", "", 126, `cannot run "bin/plain": not executable (chmod +x bin/plain, or name its interpreter)`},
		{"./bin", "bin", "", 126, `cannot run "./bin": it is a directory (name a program in it)`},
		{"", "bin", "", 2, `no command given: put it after --, like rota -w 3 -- python3 app.py`},
	} {
		found, err := LookCommand([]string{test.name, "arg"}, []string{"PATH=/nowhere", "PATH=" + test.path})
		if test.want == "" {
			if err != nil || found != test.found {
				t.Errorf("%s in %s: %q, %v; want %q", test.name, test.path, found, err, test.found)
			}
			continue
		}
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Code != test.code || err.Error() != test.want {
			t.Errorf("%s in %s:\n got %v\nwant %s, code %d", test.name, test.path, err, test.want, test.code)
		}
	}
}

// newTestRoot is a root command as small as can be.
func newTestRoot(command *[]string, limit Limit) *cobra.Command {
	root := &cobra.Command{Use: "rota [flags] -- COMMAND [ARG...]", Short: "keeps servers fresh", Args: cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true, SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			*command, err = commandAfterDash(cmd, args)
			return err
		}}
	addFlags(root.Flags())
	setHelp(root)
	root.AddCommand(newCheck(limit))
	return root
}

func TestCommandLine(t *testing.T) {
	for args, want := range map[string]string{
		"-w 2 -- python3 -m http": "",
		"-- check":                "",
		"-w 2":                    "",
		"python3 app.py":          `unexpected argument "python3": put -- before the command`,
		"-w 2 python3 -m http":    `unexpected argument "python3": put -- before the command`,
		"x -- python3":            `unexpected argument "x": put -- before the command`,
		"check x":                 `unexpected argument "x": put -- before the command`,
		"--max-memroy 1G":         `unknown flag --max-memroy (did you mean --max-memory? see rota --help)`,
		"check --wrokers 1":       `unknown flag --wrokers (did you mean --workers? see rota check --help)`,
		"--colour":                `unknown flag --colour (see rota --help)`,
		"-x":                      `unknown flag -x (see rota --help)`,
		"-hx":                     `unknown flag -x (see rota --help)`,
		"--max-memory":            `flag needs an argument: --max-memory (see rota --help)`,
		"-w":                      `flag needs an argument: 'w' in -w (see rota --help)`,
	} {
		var command []string
		root := newTestRoot(&command, noLimit)
		root.SetArgs(strings.Fields(args))
		err := root.Execute()
		if want == "" {
			_, after, _ := strings.Cut(args, "-- ")
			if got := strings.Join(command, " "); err != nil || got != after {
				t.Errorf("%s: command %q, %v; want %q", args, got, err, after)
			}
			continue
		}
		wantUsage(t, args, err, want)
	}
}

// Each command has an example, and a help that fits a terminal.
func TestHelpOfAll(t *testing.T) {
	var all func(c *cobra.Command)
	all = func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		var out bytes.Buffer
		c.SetOut(&out)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(c.Example, "rota") {
			t.Errorf("%s: no example", c.CommandPath())
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > helpWidth+1 {
				t.Errorf("%s: wider than %d: %s", c.CommandPath(), helpWidth, line)
			}
		}
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() && !strings.Contains(out.String(), "  "+sub.CommandPath()+" ") {
				t.Errorf("%s: %s is not in the help", c.CommandPath(), sub.Name())
			}
			all(sub)
		}
	}
	all(newRoot())
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"check", "--help"}} {
		var out bytes.Buffer
		root := newTestRoot(new([]string), noLimit)
		root.SetOut(&out)
		root.SetArgs(args)
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if len(line) > helpWidth {
				t.Errorf("%v: wider than %d: %s", args, helpWidth, line)
			}
		}
		for _, s := range schema {
			if !strings.Contains(out.String(), "--"+s.name+" ") {
				t.Errorf("%v: nothing about --%s", args, s.name)
			}
		}
		t.Logf("%s", out.String())
	}
}

func TestCheck(t *testing.T) {
	programs(t)
	fs := pflag.NewFlagSet("rota", pflag.ContinueOnError)
	addFlags(fs)
	err := fs.Parse([]string{"-w", "2", "--restart-cron", "TZ=Europe/Berlin 30 2 * * *", "--env", "TOKEN=secret", "--env", "PATH=bin"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	now := time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC)
	if err := check(&out, fs, []string{"server", "-v"}, []string{"ROTA_FOO=1"}, gigabyte, now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"SETTING           VALUE                        SOURCE\n",
		"workers           2                            flag\n",
		"stop-timeout      5s                           default\n",
		"env               TOKEN, PATH                  flag\n",
		"command           server -v                    arguments\n",
		"\nwarning: environment variable ROTA_FOO is not a setting\n",
		"\nThe next times of \"TZ=Europe/Berlin 30 2 * * *\":\n" +
			"  Sun 2026-10-25 02:30 CEST (+02:00)\n  Mon 2026-10-26 02:30 CET (+01:00)\n  Tue 2026-10-27 02:30 CET (+01:00)\n" +
			"  Wed 2026-10-28 02:30 CET (+01:00)\n  Thu 2026-10-29 02:30 CET (+01:00)\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "secret") {
		t.Errorf("a secret is shown in\n%s", out.String())
	}
}

func TestCheckErrors(t *testing.T) {
	programs(t)
	for args, code := range map[string]int{
		"check -- ./here": 0, "check -- ./foo": 127, "check -- ./app.py": 126, "check": 2, "check --watch bin -- ./here": 2,
		"check -w 0 -- ./here": 2,
	} {
		root := newTestRoot(new([]string), noLimit)
		root.SetOut(new(bytes.Buffer))
		root.SetArgs(strings.Fields(args))
		err := root.Execute()
		var exit *ExitError
		if errors.As(err, &exit); code == 0 && err != nil || code != 0 && (exit == nil || exit.Code != code) {
			t.Errorf("%s: %v; want code %d", args, err, code)
		}
	}
}
