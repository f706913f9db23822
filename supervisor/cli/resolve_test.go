package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"rota/supervisor"
)

const limitFile = "/sys/fs/cgroup/memory.max"

func noLimit() (int64, string)  { return 0, "" }
func gigabyte() (int64, string) { return 1 << 30, limitFile }

// sources is what Resolve reads, for a test. A command is there unless args
// or the file have one.
type sources struct {
	args, environ []string
	file          string // its text; its name is rota.yaml
	limit         Limit
}

// resolve resolves them in a folder of the test's own.
func (src sources) resolve(t *testing.T) (*Settings, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	fs := pflag.NewFlagSet("rota", pflag.ContinueOnError)
	addFlags(fs)
	args := src.args
	if src.file != "" {
		if err := os.WriteFile("rota.yaml", []byte(src.file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", "rota.yaml"}, args...)
	}
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	command := fs.Args()
	if len(command) == 0 && !strings.Contains(src.file, "command:") {
		command = []string{"server"}
	}
	if src.limit == nil {
		src.limit = noLimit
	}
	return Resolve(fs, command, src.environ, src.limit)
}

// value finds what is shown of a setting.
func (s *Settings) value(name string) Value {
	i := slices.IndexFunc(s.Values, func(v Value) bool { return v.Name == name })
	if i < 0 {
		return Value{}
	}
	return s.Values[i]
}

func TestResolveDefaults(t *testing.T) {
	s, err := sources{environ: []string{"WEB_CONCURRENCY=3"}}.resolve(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Value{
		{"workers", "3", "WEB_CONCURRENCY"}, {"listen", "what the command binds", "default"},
		{"accept", "front", "default"}, {"handoff", "adopt, inherit", "default"}, {"env", "none", "default"},
		{"max-memory", "off", "default"}, {"memory-samples", "3", "default"}, {"memory-metric", "private", "default"},
		{"max-total-memory", "off (the container has no limit)", "default"},
		{"sample-interval", "1s", "default"}, {"restart-interval", "off", "default"}, {"restart-jitter", "auto", "default"},
		{"restart-cron", "off", "default"}, {"max-surge", "1", "default"}, {"max-unavailable", "0", "default"},
		{"min-uptime", "10s", "default"}, {"watch", "none", "default"}, {"ready", "listen", "default"},
		{"start-timeout", "1m", "default"}, {"stop-signal", "TERM", "default"}, {"drain-timeout", "20s", "default"},
		{"stop-timeout", "5s", "default"}, {"shutdown-delay", "0s", "default"}, {"config", "none", "default"},
		{"admin", "127.0.0.1:9797", "default"}, {"log-level", "info", "default"}, {"log-format", "text", "default"},
		{"log-file", "standard error", "default"}, {"ready-path", "/", "default"}, {"max-requests", "off", "default"},
		{"max-concurrency", "off", "default"}, {"queue", "1000", "default"}, {"queue-timeout", "10s", "default"},
		{"health-path", "off", "default"}, {"slow-start", "0s", "default"}, {"trusted-proxies", "none", "default"},
		{"header-timeout", "30s", "default"}, {"idle-timeout", "1m15s", "default"}, {"max-header", "64KiB", "default"},
		{"access-log", "off", "default"}, {"command", "server", "arguments"},
	} {
		if got := s.value(want.Name); got != want {
			t.Errorf("%+v; want %+v", got, want)
		}
	}
	if len(s.Values) != len(schema)+1 || len(s.Warnings) > 0 {
		t.Errorf("%d values, warnings %q", len(s.Values), s.Warnings)
	}
	c, p := s.Config, s.Config.Policy
	if c.Workers != 3 || c.StopSignal != syscall.SIGTERM || !c.Adopts() || !c.Inherits() || c.Accept != supervisor.AcceptFront ||
		c.Ready != supervisor.ReadyListen || c.Policy.SampleInterval != time.Second || !slices.Equal(c.Command, []string{"server"}) {
		t.Errorf("config %+v", c)
	}
	if p.Cron != nil || p.MaxMemory != 0 || p.MaxTotalMemory != 0 || p.MemorySamples != 3 || p.MaxSurge != 1 || p.StartTries != 3 ||
		p.StartTimeout != time.Minute || p.DrainTimeout != 20*time.Second || p.MinUptime != 10*time.Second {
		t.Errorf("policy %+v", p)
	}
}

// One setting of each form, from each source over the ones below it.
func TestResolvePrecedence(t *testing.T) {
	const file = "workers: 2\nmax-memory: 200M\nlisten: [':1', ':2']\nenv: {A: 1, B: 2}\nadmin: off\n"
	environ := []string{"ROTA_WORKERS=5", "ROTA_MAX_MEMORY=500M", "ROTA_LISTEN=:5, :6", "ROTA_ENV=C=5", "ROTA_ADMIN=:5", "ROTA_LOG_LEVEL="}
	flags := []string{"-w8", "--max-memory=800M", "-l", ":8", "--listen", ":9", "--env", "D=8,9", "--admin", ":8"}
	for _, test := range []struct {
		name string
		src  sources
		want []Value
	}{
		{"file", sources{file: file}, []Value{
			{"workers", "2", "rota.yaml:1"}, {"max-memory", "200MiB", "rota.yaml:2"}, {"listen", ":1, :2", "rota.yaml:3"},
			{"env", "A, B", "rota.yaml:4"}, {"admin", "off", "rota.yaml:5"}, {"config", "rota.yaml", "flag"}}},
		{"environment", sources{file: file, environ: environ}, []Value{
			{"workers", "5", "ROTA_WORKERS"}, {"max-memory", "500MiB", "ROTA_MAX_MEMORY"}, {"listen", ":5, :6", "ROTA_LISTEN"},
			{"env", "C", "ROTA_ENV"}, {"admin", ":5", "ROTA_ADMIN"}, {"log-level", "info", "default"}}},
		{"flag", sources{file: file, environ: environ, args: flags}, []Value{
			{"workers", "8", "flag"}, {"max-memory", "800MiB", "flag"}, {"listen", ":8, :9", "flag"},
			{"env", "D", "flag"}, {"admin", ":8", "flag"}}},
		{"what does not count is not looked at", sources{file: "max-memory: 40%\naccept: shard", args: []string{"--max-memory", "1G", "--accept", "shared"}},
			[]Value{{"max-memory", "1GiB", "flag"}}},
		{"off", sources{file: "max-memory: 1G\nrestart-interval: 1d\nrestart-cron: '@daily'",
			args: []string{"--max-memory", "off", "--restart-interval", "0", "--restart-cron", "off"}},
			[]Value{{"max-memory", "off", "flag"}, {"restart-interval", "off", "flag"}, {"restart-cron", "off", "flag"}}},
		{"command of the file", sources{file: "\ncommand: [a, b]"}, []Value{{"command", "a b", "rota.yaml:2"}}},
		{"command behind it", sources{file: "command: [a, b]", args: []string{"--", "c", "-d"}}, []Value{{"command", "c -d", "arguments"}}},
		{"workers auto", sources{args: []string{"-w", "auto"}, environ: []string{"WEB_CONCURRENCY=7"}},
			[]Value{{"workers", "7 (auto: WEB_CONCURRENCY)", "flag"}}},
		{"empty lists", sources{file: "watch: []\nenv: {}\nhandoff: []"}, []Value{{"watch", "none", "default"}, {"handoff", "adopt, inherit", "default"}}},
		{"file from the environment", sources{environ: []string{"ROTA_CONFIG=/dev/null"}}, []Value{{"config", "/dev/null", "ROTA_CONFIG"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := test.src.resolve(t)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if got := s.value(want.Name); got != want {
					t.Errorf("%+v; want %+v", got, want)
				}
			}
		})
	}
}

func TestResolveCPUs(t *testing.T) {
	s, err := sources{}.resolve(t)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.value("workers"); got.Source != "CPUs" || s.Config.Workers < 1 {
		t.Errorf("%+v, %d", got, s.Config.Workers)
	}
}

func TestResolveValues(t *testing.T) {
	s, err := sources{limit: gigabyte, args: []string{
		"-w", "4", "--max-memory", "25%", "--restart-interval", "2d", "--restart-cron", "TZ=UTC 0 4 * * *",
		"--stop-signal", "sigquit", "--handoff", "inherit,adopt", "--env", "A=1", "--env", "URL=x=y", "--watch", "a", "--watch", "b",
		"--log-file", "rota.log", "--admin", "off", "--ready", "notify", "--memory-metric", "pss",
	}}.resolve(t)
	if err != nil {
		t.Fatal(err)
	}
	p := s.Config.Policy
	if p.MaxMemory != 256<<20 || p.RestartJitter != 72*time.Minute || p.RestartInterval != 48*time.Hour || p.MemoryMetric != "pss" {
		t.Errorf("policy %+v", p)
	}
	if p.Cron == nil || !p.Cron.Next(time.Unix(0, 0)).Equal(time.Unix(4*3600, 0)) {
		t.Errorf("cron %v", p.Cron)
	}
	if c := s.Config; c.StopSignal != syscall.SIGQUIT || !slices.Equal(c.Handoff, []string{"inherit", "adopt"}) ||
		!slices.Equal(c.Env, []string{"A=1", "URL=x=y"}) || c.Ready != "notify" {
		t.Errorf("config %+v", c)
	}
	if s.LogFile != "rota.log" || s.Admin != "" || !slices.Equal(s.Watch, []string{"a", "b"}) {
		t.Errorf("settings %+v", s)
	}
	if got := s.value("max-memory").Value; got != "256MiB (25% of 1GiB)" {
		t.Errorf("max-memory is shown as %s", got)
	}
	if got := s.value("restart-jitter"); got != (Value{"restart-jitter", "auto (1h12m)", "default"}) {
		t.Errorf("%+v", got)
	}
}

func TestResolveErrors(t *testing.T) {
	for _, test := range []struct {
		args, want string // the arguments between blanks
	}{
		{"-w 0", `--workers: "0" is not a number of at least 1, or auto`},
		{"-w -2", `--workers: "-2" is not a number of at least 1, or auto`},
		{"-w many", `--workers: "many" is not a number of at least 1, or auto`},
		{"-l 8080", `--listen: bad address "8080": want :PORT, HOST:PORT, [IPv6]:PORT or unix:/PATH`},
		{"-l :80 -l :80", `--listen: ":80" is given twice`},
		{"--accept shard", `--accept: "shard" is not known (want front, shared or steered)`},
		{"--accept steered -l :80 --handoff port", `--handoff: "port" needs --accept front, which alone forwards to a port of each worker: use that, or adopt or inherit`},
		{"--accept steered --ready http", `--ready: "http" needs --accept front, which alone can reach one worker: use that, or listen or notify`},
		{"--accept steered --max-requests 5", `--max-requests: 5 needs --accept front, which alone counts requests: use that, or off`},
		{"--accept shared -l :80 --handoff port", `--handoff: "port" needs --accept front, which alone forwards to a port of each worker: use that, or adopt or inherit`},
		{"--accept front --handoff adopt,port", `--handoff: with port rota does not see which address to serve: say it with --listen`},
		{"--accept front -l :80 -- server {port}", `--handoff: the command asks for {port}, which port gives, with --accept front: add port`},
		{"--accept shared -l :80 -- server --port={port}", `--handoff: the command asks for {port}, which port gives, with --accept front: add port`},
		{"--handoff adopt,magic", `--handoff: "magic" is not known (want adopt, inherit or port)`},
		{"--handoff adopt,", `--handoff: "" is not known (want adopt, inherit or port)`},
		{"--handoff inherit", `--handoff: without adopt rota does not see what the command binds: add adopt, or say it with --listen`},
		{"--max-memory lots", `--max-memory: "lots" is not a size (want 512MiB, 2GiB or 40%)`},
		{"--max-memory 2G", `--max-memory: 2GiB is above the container's limit of 1GiB in /sys/fs/cgroup/memory.max, where the kernel kills first: want less, like 40%`},
		{"--max-total-memory lots", `--max-total-memory: "lots" is not a size (want 512MiB, 2GiB or 40%)`},
		{"--max-total-memory 2G", `--max-total-memory: 2GiB is above the container's limit of 1GiB in /sys/fs/cgroup/memory.max, where the kernel kills first: want less, like 90%`},
		{"--memory-samples 0", `--memory-samples: "0" is not a number of at least 1`},
		{"--memory-metric uss", `--memory-metric: "uss" is not known (want private, rss or pss)`},
		{"--sample-interval 9ms", `--sample-interval: "9ms" is too short (want at least 10ms)`},
		{"--sample-interval 0", `--sample-interval: "0" is too short (want at least 10ms)`},
		{"--restart-interval -1h", `--restart-interval: "-1h" is negative (want 90s, 12h or 1w2d)`},
		{"--restart-interval daily", `--restart-interval: "daily" is not a duration (want 90s, 12h or 1w2d)`},
		{"--restart-interval 1h --restart-jitter 1h", `--restart-jitter: 1h would leave nothing of the restart interval of 1h: want less, or auto`},
		{"--restart-cron @never", `--restart-cron: "@never" is not a cron expression: unrecognized descriptor: "@never" (want five fields like "0 4 * * *", or @daily)`},
		{"--max-surge 0", `--max-surge: 0, with a max-unavailable of 0, lets no worker ever be replaced: make one of them 1`},
		{"--max-surge -1", `--max-surge: "-1" is not a number of at least 0`},
		{"--max-unavailable -1", `--max-unavailable: "-1" is not a number of at least 0`},
		{"-w 3 --max-unavailable 3", `--max-unavailable: 3 would leave none of 3 workers to serve: want at most 2`},
		{"--min-uptime -1s", `--min-uptime: "-1s" is negative (want 90s, 12h or 1w2d)`},
		{"--accept shared --ready http", `--ready: "http" needs --accept front, which alone can reach one worker: use that, or listen or notify`},
		{"--ready soon", `--ready: "soon" is not known (want listen, http or notify)`},
		{"--ready-path health", `--ready-path: "health" is not a path (want one that begins with /, like /healthz)`},
		{"--accept shared --max-requests 5", `--max-requests: 5 needs --accept front, which alone counts requests: use that, or off`},
		{"--start-timeout 0s", `--start-timeout: "0s" is too short (want at least 1ms)`},
		{"--stop-signal NONE", `--stop-signal: "NONE" is not a signal (want a name like TERM or QUIT, or a number from 1 to 64)`},
		{"--stop-signal 65", `--stop-signal: "65" is not a signal (want a name like TERM or QUIT, or a number from 1 to 64)`},
		{"--drain-timeout -1s", `--drain-timeout: "-1s" is negative (want 90s, 12h or 1w2d)`},
		{"--stop-timeout -1s", `--stop-timeout: "-1s" is negative (want 90s, 12h or 1w2d)`},
		{"--shutdown-delay -1s", `--shutdown-delay: "-1s" is negative (want 90s, 12h or 1w2d)`},
		{"--watch=", `--watch: is empty (want the path of a file)`},
		{"--env KEY", `--env: "KEY" is not KEY=VALUE`},
		{"--env =VALUE", `--env: "=VALUE" is not KEY=VALUE`},
		{"--admin 9797", `--admin: "9797" is not an address (want host:port like 127.0.0.1:9797, or off)`},
		{"--admin :http", `--admin: ":http" is not an address (want host:port like 127.0.0.1:9797, or off)`},
		{"--log-level loud", `--log-level: "loud" is not known (want trace, debug, info, warn or error)`},
		{"--log-format xml", `--log-format: "xml" is not known (want text or json)`},
		{"--config none.yaml", `cannot read the configuration none.yaml: no such file or directory`},
		{"--config .", `cannot read the configuration .: is a directory`},
	} {
		_, err := sources{args: strings.Fields(test.args), limit: gigabyte}.resolve(t)
		wantUsage(t, test.args, err, test.want)
	}
}

func TestResolveErrorsOfOtherSources(t *testing.T) {
	for _, test := range []struct {
		src  sources
		want string
	}{
		{sources{environ: []string{"ROTA_MAX_MEMORY=lots"}}, `ROTA_MAX_MEMORY: "lots" is not a size (want 512MiB, 2GiB or 40%)`},
		{sources{environ: []string{"WEB_CONCURRENCY=all"}}, `WEB_CONCURRENCY: "all" is not a number of at least 1 (--workers N goes before it)`},
		{sources{environ: []string{"ROTA_RESTART_INTERVAL=1h", "ROTA_RESTART_JITTER=2h"}},
			`ROTA_RESTART_JITTER: 2h would leave nothing of the restart interval of 1h: want less, or auto`},
		{sources{file: "\n\nmax-memory: lots"}, `rota.yaml:3: max-memory: "lots" is not a size (want 512MiB, 2GiB or 40%)`},
		{sources{file: "listen:\n- :80\n- 81"}, `rota.yaml:3: listen: bad address "81": want :PORT, HOST:PORT, [IPv6]:PORT or unix:/PATH`},
		{sources{file: "max-surge: 0"}, `rota.yaml:1: max-surge: 0, with a max-unavailable of 0, lets no worker ever be replaced: make one of them 1`},
		{sources{file: "env: [A]"}, `rota.yaml:1: env: "A" is not KEY=VALUE`},
		{sources{args: []string{"--max-memory", "40%"}},
			`--max-memory: "40%" is a share of the container's limit, and there is none: give a size like 512MiB`},
		{sources{args: []string{"--max-total-memory", "90%"}},
			`--max-total-memory: "90%" is a share of the container's limit, and there is none: give a size like 512MiB`},
		{sources{args: []string{"--", ""}}, `no command given: put it after --, like rota -w 3 -- python3 app.py`},
	} {
		_, err := test.src.resolve(t)
		wantUsage(t, test.want, err, test.want)
	}
	fs := pflag.NewFlagSet("rota", pflag.ContinueOnError)
	addFlags(fs)
	_, err := Resolve(fs, nil, nil, noLimit)
	wantUsage(t, "no command", err, `no command given: put it after --, like rota -w 3 -- python3 app.py`)
}

// wantUsage checks an error that is the operator's to mend.
func wantUsage(t *testing.T, name string, err error, want string) {
	t.Helper()
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != supervisor.ExitUsage || err.Error() != want {
		t.Errorf("%s:\n got %v\nwant %s", name, err, want)
	}
}

// A reload resolves the same flags again, against a file that has changed.
func TestResolveAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rota.yaml")
	fs := pflag.NewFlagSet("rota", pflag.ContinueOnError)
	addFlags(fs)
	if err := fs.Parse([]string{"--config", path, "-l", ":80"}); err != nil {
		t.Fatal(err)
	}
	for _, workers := range []string{"2", "3"} {
		if err := os.WriteFile(path, []byte("workers: "+workers), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Resolve(fs, []string{"server"}, nil, noLimit)
		if err != nil || s.value("workers").Value != workers || len(s.Config.Listen) != 1 {
			t.Errorf("%+v, %v; want %s workers", s, err, workers)
		}
	}
}
