package cli

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/listener/front"
	"rota/supervisor"
)

func TestResolveFront(t *testing.T) {
	s, err := sources{args: strings.Fields(`--accept front -l :8080 --handoff port,inherit --ready http --ready-path /up?deep=1
		--max-requests 5000 --max-concurrency 8 --queue 0 --queue-timeout 250ms --health-path /health%20z --slow-start 1m
		--trusted-proxies 10.0.0.0/8,unix --trusted-proxies ::1 --header-timeout 5s --idle-timeout 2m --max-header 8k
		--access-log json -- server --port={port}`)}.resolve(t)
	if err != nil {
		t.Fatal(err)
	}
	want := front.Config{
		MaxConcurrency: 8, Queue: 0, QueueTimeout: 250 * time.Millisecond, MaxRequests: 5000, HealthPath: "/health z", SlowStart: time.Minute,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}, TrustUnix: true,
		HeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeader: 8 << 10,
	}
	c := s.Config
	if !reflect.DeepEqual(c.Front, want) {
		t.Errorf("front %+v; want %+v", c.Front, want)
	}
	if c.Accept != supervisor.AcceptFront || !c.GivesPort() || !c.Inherits() || c.Adopts() || c.Ready != supervisor.ReadyHTTP ||
		c.ReadyPath != "/up?deep=1" || c.Policy.MaxRequests != 5000 || s.AccessLog != "json" {
		t.Errorf("config %+v, access log %q", c, s.AccessLog)
	}
	for _, want := range []Value{
		{"trusted-proxies", "10.0.0.0/8, unix, ::1/128", "flag"}, {"max-header", "8KiB", "flag"}, {"max-requests", "5000", "flag"},
		{"health-path", "/health%20z", "flag"}, {"idle-timeout", "2m", "flag"}, {"handoff", "port, inherit", "flag"},
	} {
		if got := s.value(want.Name); got != want {
			t.Errorf("%+v; want %+v", got, want)
		}
	}
	if len(s.Warnings) > 0 {
		t.Errorf("warnings %q", s.Warnings)
	}
}

func TestFrontDefaults(t *testing.T) {
	s, err := sources{}.resolve(t)
	if err != nil {
		t.Fatal(err)
	}
	want := front.Config{Queue: 1000, QueueTimeout: 10 * time.Second, HeaderTimeout: 30 * time.Second, IdleTimeout: 75 * time.Second, MaxHeader: 64 << 10}
	if !reflect.DeepEqual(s.Config.Front, want) {
		t.Errorf("%+v; want %+v", s.Config.Front, want)
	}
	if c := s.Config; c.ReadyPath != "/" || c.Policy.MaxRequests != 0 || s.AccessLog != "off" || len(s.Warnings) > 0 {
		t.Errorf("config %+v, access log %q, warnings %q", c, s.AccessLog, s.Warnings)
	}
}

func TestFrontErrors(t *testing.T) {
	const most = " is no size for a header (want 4KiB to 16MiB)"
	for args, want := range map[string]string{
		"--max-requests 0":            `--max-requests: "0" is not a number of at least 1, or off`,
		"--max-concurrency 0":         `--max-concurrency: "0" is not a number of at least 1, or off`,
		"--max-concurrency many":      `--max-concurrency: "many" is not a number of at least 1, or off`,
		"--queue -1":                  `--queue: "-1" is not a number of at least 0`,
		"--queue off":                 `--queue: "off" is not a number of at least 0`,
		"--queue-timeout 0":           `--queue-timeout: "0" is too short (want at least 1ms)`,
		"--queue-timeout soon":        `--queue-timeout: "soon" is not a duration (want 90s, 12h or 1w2d)`,
		"--health-path health":        `--health-path: "health" is not a path (want one that begins with /, like /healthz), or off`,
		"--health-path /h?a":          `--health-path: "/h?a" has a query, which is not looked at: want /h, or off`,
		"--slow-start -1s":            `--slow-start: "-1s" is negative (want 90s, 12h or 1w2d)`,
		"--trusted-proxies 10.1/8":    `--trusted-proxies: "10.1/8" is not a network (want a network like 10.0.0.0/8 or fd00::/8, an address, or unix)`,
		"--trusted-proxies ::1,":      `--trusted-proxies: "" is not a network (want a network like 10.0.0.0/8 or fd00::/8, an address, or unix)`,
		"--trusted-proxies private":   `--trusted-proxies: "private" is not a network (want a network like 10.0.0.0/8 or fd00::/8, an address, or unix)`,
		"--header-timeout 0":          `--header-timeout: "0" is too short (want at least 1ms)`,
		"--idle-timeout 0s":           `--idle-timeout: "0s" is too short (want at least 1ms)`,
		"--max-header 4095":           `--max-header: "4095"` + most,
		"--max-header 17M":            `--max-header: "17M"` + most,
		"--max-header 8191P":          `--max-header: "8191P"` + most,
		"--max-header 1%":             `--max-header: "1%"` + most,
		"--max-header large":          `--max-header: "large" is not a size (want 512MiB, 2GiB or 40%)`,
		"--access-log xml":            `--access-log: "xml" is not known (want off, text or json)`,
		"--ready http --ready-path x": `--ready-path: "x" is not a path (want one that begins with /, like /healthz)`,
	} {
		_, err := sources{args: append([]string{"--accept", "front"}, strings.Fields(args)...), limit: gigabyte}.resolve(t)
		wantUsage(t, args, err, want)
	}
}

// What the workers' own accept cannot do is an error; what it only does without
// is a warning, and only of what somebody asked for.
func TestFrontWithoutIt(t *testing.T) {
	const alone = ": has no effect without --accept front"
	s, err := sources{
		args: strings.Fields("--accept shared --max-concurrency 4 --queue 5 --queue-timeout 1s --health-path /h --slow-start 1s " +
			"--trusted-proxies unix --ready-path /r --max-requests off"),
		environ: []string{"ROTA_HEADER_TIMEOUT=1s", "ROTA_IDLE_TIMEOUT="},
		file:    "max-header: 8KiB\naccess-log: text\n",
	}.resolve(t)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"--max-concurrency" + alone, "--queue" + alone, "--queue-timeout" + alone, "--health-path" + alone, "--slow-start" + alone + " or steered",
		"--trusted-proxies" + alone, "ROTA_HEADER_TIMEOUT" + alone, "rota.yaml:1: max-header" + alone, "rota.yaml:2: access-log" + alone,
		"--ready-path: has no effect without --ready http",
	}
	if !slices.Equal(s.Warnings, want) {
		t.Errorf("warnings\n%q; want\n%q", s.Warnings, want)
	}
	for _, test := range []struct {
		src  sources
		want string
	}{
		{sources{file: "accept: shared\nmax-requests: 9"}, `rota.yaml:2: max-requests: 9 needs --accept front, which alone counts requests: use that, or off`},
		{sources{environ: []string{"ROTA_ACCEPT=shared", "ROTA_READY=http"}},
			`ROTA_READY: "http" needs --accept front, which alone can reach one worker: use that, or listen or notify`},
		{sources{environ: []string{"ROTA_ACCEPT=shared"}, file: "handoff: [adopt, port]"},
			`rota.yaml:1: handoff: "port" needs --accept front, which alone forwards to a port of each worker: use that, or adopt or inherit`},
	} {
		_, err := test.src.resolve(t)
		wantUsage(t, test.want, err, test.want)
	}
}

// Several proxies may stand in one text, in each of the sources.
func TestTrustedProxiesFromAnywhere(t *testing.T) {
	const want = "10.0.0.0/8, ::1/128, unix"
	for name, src := range map[string]sources{
		"flag":        {args: []string{"--trusted-proxies", "10.0.0.0/8, ::1", "--trusted-proxies", "unix"}},
		"environment": {environ: []string{"ROTA_TRUSTED_PROXIES=10.0.0.0/8, ::1,unix"}, file: "trusted-proxies: 192.0.2.1"},
		"file":        {file: "trusted-proxies: ['10.0.0.0/8, ::1', unix]"},
	} {
		s, err := src.resolve(t)
		if err != nil {
			t.Fatal(err)
		}
		if f := s.Config.Front; s.value("trusted-proxies").Value != want || len(f.TrustedProxies) != 2 || !f.TrustUnix {
			t.Errorf("%s: %+v, front %+v; want %s", name, s.value("trusted-proxies"), f, want)
		}
	}
}

// A socket that rota was handed is an address to serve, too.
func TestPortOfHandedSocket(t *testing.T) {
	_, err := sources{args: []string{"--accept", "front", "--handoff", "port"}, environ: []string{"LISTEN_FDS=1"}}.resolve(t)
	if err != nil {
		t.Error(err)
	}
}
