package cli

import (
	"strings"

	"github.com/spf13/pflag"
)

// setting is one row of the schema.
type setting struct {
	name, short string
	kind        string // what the help calls the value
	group       string // the heading of the help that it stands under
	def         string // the default, as an operator would write it; empty for none
	unset       string // what is shown where there is no value
	usage       string

	repeats bool // may be given more than once, and be a list in the file
	splits  bool // one text holds several, between commas
	pairs   bool // may be a mapping in the file

	choices []string // what it can be, for the completion of shells; nil for anything
	bare    bool     // is true where it is given without a value

	// set takes one text into the settings and returns it as it is to be
	// shown. Its error names the text and the remedy, not the setting.
	set func(b *builder, text string) (shown string, err error)
}

// The headings of the help, in its order.
const (
	groupPool     = "Pool"
	groupMemory   = "Memory"
	groupRestarts = "Restarts"
	groupLife     = "Life of a worker"
	groupFront    = "Front" // each setting of it needs --accept front, but for slow-start
	groupAround   = "Around it"
)

var groups = []string{groupPool, groupMemory, groupRestarts, groupLife, groupFront, groupAround}

var schema = []*setting{
	{group: groupPool, name: "workers", short: "w", kind: "N|auto", def: auto, set: setWorkers,
		usage: "copies of the command; auto: WEB_CONCURRENCY, else the CPUs that the container may use"},
	{group: groupPool, name: "listen", short: "l", kind: "ADDR", unset: "what the command binds", repeats: true, set: setListen,
		usage: "serve on :8080, host:port or unix:/path; may repeat (default what the command binds)"},
	{group: groupPool, name: "accept", kind: "MODE", def: "front", set: setAccept,
		choices: []string{"front", "shared", "steered"},
		usage:   "who accepts connections; front: rota, which forwards each request, shared: every worker, from one socket, steered: every worker, from its own, and none that is about to stop"},
	{group: groupPool, name: "handoff", kind: "HOW,...", def: "adopt,inherit", repeats: true, splits: true, set: setHandoff,
		choices: []string{"adopt", "inherit", "port"},
		usage:   "how a worker gets its socket; adopt: in place of the one that it binds, inherit: through its environment, port: it binds $PORT, or {port} in its arguments"},
	{group: groupPool, name: "env", kind: "KEY=VALUE", unset: "none", repeats: true, pairs: true, set: setEnv,
		usage: "set a variable for the workers; may repeat"},

	{group: groupMemory, name: "max-memory", kind: "SIZE", def: off, set: setMaxMemory,
		usage: "replace a worker over 512MiB, or 40% of the container's limit"},
	{group: groupMemory, name: "memory-samples", kind: "N", def: "3", set: setMemorySamples,
		usage: "samples in a row that must be over it"},
	{group: groupMemory, name: "memory-metric", kind: "METRIC", def: "private", set: setMemoryMetric,
		choices: []string{"private", "rss", "pss"},
		usage:   "what it compares: private, rss or pss"},
	{group: groupMemory, name: "max-total-memory", kind: "SIZE", def: "90%", set: setMaxTotalMemory,
		usage: "replace the worker that has grown most when all together are over it; off without a limit of the container"},
	{group: groupMemory, name: "sample-interval", kind: "TIME", def: "1s", set: setSampleInterval,
		usage: "time between samples; near a limit down to a tenth of it"},
	{group: groupMemory, name: "capture", kind: "COMMAND", def: off, set: setCapture,
		usage: "run this in /bin/sh before a worker that leaves for its memory is stopped, to take evidence; see ROTA_SERVER_PID, ROTA_WORKER_URL, ROTA_CAPTURE_DIR in the README"},
	{group: groupMemory, name: "capture-timeout", kind: "TIME", def: "30s", set: setCaptureTimeout,
		usage: "most that it may take"},
	{group: groupMemory, name: "capture-dir", kind: "PATH", unset: "the user's own in the temporary folder", set: setCaptureDir,
		usage: "folder for its results (default rota-captures-UID in the temporary folder)"},
	{group: groupMemory, name: "capture-keep", kind: "N", def: "3", set: setCaptureKeep,
		usage: "results that are kept"},
	{group: groupMemory, name: "capture-max-size", kind: "SIZE", def: "1GiB", set: setCaptureMaxSize,
		usage: "most that all results may take together; older go first"},

	{group: groupRestarts, name: "restart-interval", kind: "TIME", def: off, set: setRestartInterval,
		usage: "replace a worker of this age, like 12h or 1w2d"},
	{group: groupRestarts, name: "restart-jitter", kind: "TIME", def: auto, set: setRestartJitter,
		usage: "most that is taken off that age at random; auto: a tenth of it, divided by the workers"},
	{group: groupRestarts, name: "restart-cron", kind: "EXPR", def: off, set: setRestartCron,
		usage: `replace all at set times, like "0 4 * * *" or "TZ=Europe/Berlin @daily"`},
	{group: groupRestarts, name: "max-requests", kind: "N", def: off, set: setMaxRequests,
		usage: "replace a worker that has had so many requests; needs the front"},
	{group: groupRestarts, name: "max-surge", kind: "N", def: "1", set: setMaxSurge,
		usage: "workers above the number asked for, while one is replaced"},
	{group: groupRestarts, name: "max-unavailable", kind: "N", def: "0", set: setMaxUnavailable,
		usage: "workers that may be missing, while one is replaced (default 0)"},
	{group: groupRestarts, name: "min-uptime", kind: "TIME", def: "10s", set: setMinUptime,
		usage: "leave a worker alone for so long that was over max-memory from the start; also what counts as steady after a crash"},
	{group: groupRestarts, name: "watch", kind: "PATH", unset: "none", repeats: true, set: setWatch,
		usage: "replace all when this file changes; may repeat"},

	{group: groupLife, name: "ready", kind: "HOW", def: "listen", set: setReady,
		choices: []string{"listen", "http", "notify"},
		usage:   "when a worker is ready; listen: it listens, http: it answers ready-path with 2xx or 3xx, notify: it says so to $NOTIFY_SOCKET"},
	{group: groupLife, name: "ready-path", kind: "/PATH", def: "/", set: setReadyPath,
		usage: "what it is asked for, with --ready http"},
	{group: groupLife, name: "start-timeout", kind: "TIME", def: "60s", set: setStartTimeout,
		usage: "most between start and ready"},
	{group: groupLife, name: "stop-signal", kind: "SIGNAL", def: "TERM", set: setStopSignal,
		choices: []string{"TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH", "KILL"},
		usage:   "what ends a worker"},
	{group: groupLife, name: "drain-timeout", kind: "TIME", def: "20s", set: setDrainTimeout,
		usage: "most that a worker may take to finish its requests"},
	{group: groupLife, name: "stop-timeout", kind: "TIME", def: "5s", set: setStopTimeout,
		usage: "from then until it is killed"},
	{group: groupLife, name: "shutdown-delay", kind: "TIME", def: "0s", set: setShutdownDelay,
		usage: "go on serving for so long after being asked to exit"},

	{group: groupFront, name: "max-concurrency", kind: "N", def: off, set: setMaxConcurrency,
		usage: "requests that a worker has at once"},
	{group: groupFront, name: "queue", kind: "N", def: "1000", set: setQueue,
		usage: "requests that may wait for a worker; beyond that, 503 at once"},
	{group: groupFront, name: "queue-timeout", kind: "TIME", def: "10s", set: setQueueTimeout,
		usage: "most that a request waits before it gets 503"},
	{group: groupFront, name: "health-path", kind: "/PATH", def: off, set: setHealthPath,
		usage: "the path whose requests are never shed and wait behind nobody"},
	{group: groupFront, name: "slow-start", kind: "TIME", def: "0s", set: setSlowStart,
		usage: "time over which the share of a fresh worker rises; also with --accept steered"},
	{group: groupFront, name: "trusted-proxies", kind: "CIDR,...", unset: "none", repeats: true, splits: true, set: setTrustedProxies,
		usage: "proxies whose X-Forwarded-* and Forwarded headers are kept; unix: whoever comes over a unix socket"},
	{group: groupFront, name: "header-timeout", kind: "TIME", def: "30s", set: setHeaderTimeout,
		usage: "most between a request's first byte and the end of its header"},
	// Longer than the 60 s for which load balancers keep a connection: the one
	// that closes it should be theirs.
	{group: groupFront, name: "idle-timeout", kind: "TIME", def: "75s", set: setIdleTimeout,
		usage: "most that a kept connection waits for its next request"},
	{group: groupFront, name: "max-header", kind: "SIZE", def: "64KiB", set: setMaxHeader,
		usage: "most that a request's header may take, or an answer's"},
	{group: groupFront, name: "access-log", kind: "FORMAT", def: off, set: setAccessLog,
		choices: []string{"off", "text", "json"},
		usage:   "write a line for each request to standard output: text or json"},

	{group: groupAround, name: "config", kind: "PATH", unset: "none", set: setConfig,
		usage: "read settings from a YAML file; its keys are named like the flags"},
	{group: groupAround, name: "admin", kind: "ADDR", def: "127.0.0.1:9797", set: setAdmin,
		usage: "health, metrics and dashboard; off for none"},
	{group: groupAround, name: "admin-token-file", kind: "PATH", unset: "none", set: setAdminTokenFile,
		usage: "let whoever sends the first line of this file as a bearer token change the pool over admin; without it, admin only tells"},
	{group: groupAround, name: "admin-tls-cert", kind: "PATH", unset: "none", set: setAdminTLSCert,
		usage: "certificate, and those that it was signed with, for TLS on admin"},
	{group: groupAround, name: "admin-tls-key", kind: "PATH", unset: "none", set: setAdminTLSKey,
		usage: "its key"},
	{group: groupAround, name: "admin-insecure", kind: "bool", bare: true, def: "false", set: setAdminInsecure,
		usage: "take the token on other than a loopback address without TLS too, where others on the way can read it"},
	{group: groupAround, name: "control", kind: "PATH|off", unset: "the runtime folder", set: setControl,
		usage: "socket through which rota status, roll and the like reach this pool (default PID.sock in $XDG_RUNTIME_DIR/rota, /run/rota or rota-UID in the temporary folder)"},
	{group: groupAround, name: "log-level", kind: "LEVEL", def: "info", set: setLogLevel,
		choices: []string{"trace", "debug", "info", "warn", "error"},
		usage:   "trace, debug, info, warn or error"},
	{group: groupAround, name: "log-format", kind: "FORMAT", def: "text", set: setLogFormat,
		choices: []string{"text", "json"},
		usage:   "text or json"},
	{group: groupAround, name: "log-file", kind: "PATH", unset: "standard error", set: setLogFile,
		usage: "write the log there (default standard error)"},
}

// variable is the name of the setting in the environment.
func (s *setting) variable() string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// addFlags adds every setting to a set of flags.
func addFlags(fs *pflag.FlagSet) {
	fs.SortFlags = false
	// What follows the first argument is the command's, also its flags, so
	// that whoever forgets the -- is told so, and not about an unknown flag.
	fs.SetInterspersed(false)
	for _, s := range schema {
		flag := fs.VarPF(&flagValue{setting: s}, s.name, s.short, s.usage)
		if s.bare {
			flag.NoOptDefVal = "true"
		}
	}
}

// flagValue keeps what the command line says of a setting. It is not parsed
// before Resolve, which knows whether it counts at all.
type flagValue struct {
	setting *setting
	texts   []string
}

// String is the value, or the default where there is none.
func (v *flagValue) String() string {
	if v.setting == nil { // pflag asks a zero value
		return ""
	}
	if len(v.texts) == 0 {
		return v.setting.def
	}
	return strings.Join(v.texts, ",")
}

// Set takes one text from the command line. It never fails.
func (v *flagValue) Set(text string) error {
	if !v.setting.repeats {
		v.texts = nil
	}
	v.texts = append(v.texts, text)
	return nil
}

// Type is what the help calls the value.
func (v *flagValue) Type() string { return v.setting.kind }

// settings lists those flags of a set that are settings, in their order.
func settings(fs *pflag.FlagSet) []*flagValue {
	var values []*flagValue
	fs.VisitAll(func(f *pflag.Flag) {
		if v, ok := f.Value.(*flagValue); ok {
			values = append(values, v)
		}
	})
	return values
}
