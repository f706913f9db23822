package cli

import (
	"slices"
	"strings"
)

const variablePrefix = "ROTA_"

// given are variables that rota sets for its workers and captures, or for its own tests;
// they are no settings, and nobody mistyped them.
var given = []string{"ROTA_SLOT", "ROTA_GENERATION", "ROTA_WORKER_PID", "ROTA_SERVER_PID", "ROTA_WORKER_URL",
	"ROTA_TRIGGER", "ROTA_REASON", "ROTA_REQUIRE_SERVERS"}

// handed are the variables through which whoever started rota told it of
// sockets. They are rota's alone: its workers get their own.
var handed = []string{"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}

// variables lists the names of all settings in the environment.
func variables() []string {
	names := make([]string, len(schema))
	for i, s := range schema {
		names[i] = s.variable()
	}
	return names
}

// WorkerEnviron is the part of rota's environment that its workers get: all but
// rota's own settings and the sockets that it was handed. What --env says goes
// on top of it.
func WorkerEnviron(environ []string) []string {
	mine := append(variables(), handed...)
	return slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(mine, name)
	})
}

// lookup finds a variable; where it is set twice, the last one counts, as it
// does for os/exec. An empty one is as good as none: that is what a deployment
// file with a placeholder makes of a value that nobody gave.
func lookup(environ []string, name string) (string, bool) {
	for _, pair := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value, value != ""
		}
	}
	return "", false
}

// strangers warns of variables that look like settings and are none.
func strangers(environ []string) []string {
	known := variables()
	var warnings []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, variablePrefix) || slices.Contains(known, name) || slices.Contains(given, name) {
			continue
		}
		warnings = append(warnings, "environment variable "+name+" is not a setting"+didYouMean(name, known, "%s"))
	}
	slices.Sort(warnings)
	return slices.Compact(warnings)
}
