package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What is wrong is said on one line, with the value and the remedy, and nothing
// is started.
func TestBadInput(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	holder := fmt.Sprintf("already in use by process %d (%s", os.Getpid(), os.Args[0])

	dir := t.TempDir()
	put(t, filepath.Join(dir, "plain"), "#!/bin/sh\n", 0o644)
	file := func(name, text string) string {
		path := filepath.Join(dir, name+".yaml")
		put(t, path, text, 0o600)
		return path
	}
	unknown := file("unknown", "workers: 2\n# a comment\nmax-memroy: 1GiB\n")
	stranger := file("stranger", "workers: 2\ncolour: red\n")
	value := file("value", "\nworkers: none\n")
	list := file("list", "max-memory: [1GiB]\n")
	twice := file("twice", "workers: 1\nworkers: 2\n")
	broken := file("broken", "workers: 2\n  max-memory: [\n")
	shell := file("shell", "command: python3 app.py\n")

	for name, c := range map[string]struct {
		args []string // a command that leaves a trace is put behind, unless there is a -- already
		env  []string
		code int
		want []string
	}{
		"unknown flag":         {args: []string{"--colour"}, want: []string{"--colour", "rota --help"}},
		"mistyped flag":        {args: []string{"--max-memroy", "1G"}, want: []string{"--max-memroy", "did you mean --max-memory?"}},
		"unknown short flag":   {args: []string{"-x"}, want: []string{"-x", "rota --help"}},
		"size unit":            {args: []string{"--max-memory", "12Q"}, want: []string{"--max-memory", `"12Q"`, "want 512MiB"}},
		"size negative":        {args: []string{"--max-memory", "-5M"}, want: []string{`"-5M" is negative`, "want 512MiB"}},
		"size zero":            {args: []string{"--max-memory", "0"}, want: []string{`"0"`, "want 512MiB"}},
		"size share":           {args: []string{"--max-memory", "101%"}, want: []string{`"101%"`, "at most 100%"}},
		"duration without":     {args: []string{"--restart-interval", "5"}, want: []string{"--restart-interval", `"5"`, "want 90s"}},
		"duration unit":        {args: []string{"--drain-timeout", "1y"}, want: []string{"--drain-timeout", `"1y"`, "want 90s"}},
		"duration negative":    {args: []string{"--stop-timeout", "-1s"}, want: []string{`"-1s" is negative`, "want 90s"}},
		"interval too short":   {args: []string{"--sample-interval", "1us"}, want: []string{`"1us"`, "want at least"}},
		"cron fields":          {args: []string{"--restart-cron", "* * * *"}, want: []string{"--restart-cron", `"* * * *"`, "want five fields"}},
		"cron value":           {args: []string{"--restart-cron", "61 * * * *"}, want: []string{`"61 * * * *"`, "want five fields"}},
		"cron zone":            {args: []string{"--restart-cron", "TZ=Nowhere/Else @daily"}, want: []string{"Nowhere/Else", "want five fields"}},
		"cron empty zone":      {args: []string{"--restart-cron", "TZ="}, want: []string{`"TZ="`, "want five fields"}},
		"cron never":           {args: []string{"--restart-cron", "0 0 30 2 *"}, want: []string{`"0 0 30 2 *" never fires`}},
		"cron every":           {args: []string{"--restart-cron", "@every 5m"}, want: []string{`"@every 5m"`, "use --restart-interval 5m"}},
		"no workers":           {args: []string{"-w", "0"}, want: []string{"--workers", `"0"`, "at least 1, or auto"}},
		"negative workers":     {args: []string{"--workers=-1"}, want: []string{`"-1"`, "at least 1, or auto"}},
		"workers in words":     {args: []string{"-w", "four"}, want: []string{`"four"`, "at least 1, or auto"}},
		"workers by variable":  {env: []string{"ROTA_WORKERS=0"}, want: []string{"ROTA_WORKERS", `"0"`, "at least 1"}},
		"web concurrency":      {env: []string{"WEB_CONCURRENCY=many"}, want: []string{"WEB_CONCURRENCY", `"many"`, "--workers N"}},
		"no command":           {args: []string{"-w", "2", "--"}, want: []string{"no command given: put it after --"}},
		"no dashes":            {args: []string{"-w", "2", "python3", "app.py", "--"}, want: []string{`"python3"`, "put -- before the command"}},
		"not found":            {args: []string{"--", "no-such-program"}, code: 127, want: []string{`"no-such-program"`, "not in PATH", "full path"}},
		"no file":              {args: []string{"--", "./no-such-file"}, code: 127, want: []string{`"./no-such-file"`, "no such file"}},
		"not executable":       {args: []string{"--", "./plain"}, code: 126, want: []string{`"./plain"`, "chmod +x ./plain"}},
		"directory":            {args: []string{"--", "./"}, code: 126, want: []string{`"./"`, "it is a directory"}},
		"address in use":       {args: []string{"-l", busy.Addr().String()}, code: 125, want: []string{busy.Addr().String(), holder}},
		"admin in use":         {args: []string{"--admin", busy.Addr().String()}, code: 125, want: []string{busy.Addr().String(), "--admin"}},
		"address without":      {args: []string{"-l", "8080"}, want: []string{"--listen", `"8080"`, "want :PORT"}},
		"address port":         {args: []string{"-l", ":99999"}, want: []string{`":99999"`, "1 to 65535"}},
		"address any port":     {args: []string{"-l", ":0"}, want: []string{`":0"`, "1 to 65535"}},
		"address host":         {args: []string{"-l", "no host:80"}, want: []string{`"no host:80"`, "want :PORT"}},
		"address path":         {args: []string{"-l", "unix:"}, want: []string{`"unix:"`, "unix:/run/app.sock"}},
		"address twice":        {args: []string{"-l", ":8080", "-l", ":8080"}, want: []string{`":8080"`, "twice"}},
		"admin address":        {args: []string{"--admin", "9797"}, want: []string{"--admin", `"9797"`, "127.0.0.1:9797"}},
		"accept":               {args: []string{"--accept", "frnt"}, want: []string{"--accept", `"frnt"`, "want front, shared or steered"}},
		"accept steered":       {args: []string{"--accept", "steered", "--max-requests", "9"}, want: []string{"--max-requests", "9 needs --accept front"}},
		"handoff":              {args: []string{"--handoff", "inherit,magic"}, want: []string{"--handoff", `"magic"`, "want adopt, inherit or port"}},
		"handoff port":         {args: []string{"--accept", "shared", "-l", ":8080", "--handoff", "port"}, want: []string{"--handoff", `"port"`, "needs --accept front"}},
		"handoff port of what": {args: []string{"--accept", "front", "--handoff", "port"}, want: []string{"--handoff", "port", "--listen"}},
		"port unasked":         {args: []string{"--accept", "front", "-l", ":8080", "--", "touch", "{port}"}, want: []string{"--handoff", "{port}", "add port"}},
		"handoff to what":      {args: []string{"--handoff", "inherit"}, want: []string{"--handoff", "--listen"}},
		"ready":                {args: []string{"--ready", "soon"}, want: []string{"--ready", `"soon"`, "want listen, http or notify"}},
		"ready http":           {args: []string{"--accept", "shared", "--ready", "http"}, want: []string{"--ready", `"http"`, "needs --accept front", "alone can reach one worker"}},
		"ready path":           {args: []string{"--ready-path", "healthz"}, want: []string{"--ready-path", `"healthz"`, "begins with /"}},
		"ready path with more": {args: []string{"--ready-path", "/a\r\nb"}, want: []string{"--ready-path", `"/a\r\nb"`, "like %20"}},
		"requests":             {args: []string{"--max-requests", "0"}, want: []string{"--max-requests", `"0"`, "at least 1, or off"}},
		"requests uncounted":   {args: []string{"--accept", "shared", "--max-requests", "9"}, want: []string{"--max-requests", "9 needs --accept front"}},
		"concurrency":          {args: []string{"--max-concurrency", "-1"}, want: []string{"--max-concurrency", `"-1"`, "at least 1, or off"}},
		"queue":                {args: []string{"--queue", "off"}, want: []string{"--queue", `"off"`, "at least 0"}},
		"queue timeout":        {args: []string{"--queue-timeout", "0"}, want: []string{"--queue-timeout", `"0"`, "at least 1ms"}},
		"health path":          {args: []string{"--health-path", "up"}, want: []string{"--health-path", `"up"`, "begins with /", "or off"}},
		"health path query":    {args: []string{"--health-path", "/up?a=b"}, want: []string{"--health-path", `"/up?a=b"`, "want /up"}},
		"slow start":           {args: []string{"--slow-start", "5"}, want: []string{"--slow-start", `"5"`, "want 90s"}},
		"proxies":              {args: []string{"--trusted-proxies", "::1,lb"}, want: []string{"--trusted-proxies", `"lb"`, "like 10.0.0.0/8"}},
		"proxies or one":       {args: []string{"--trusted-proxies", "10.1.2.3/8"}, want: []string{"--trusted-proxies", `"10.1.2.3/8"`, "want 10.0.0.0/8"}},
		"header timeout":       {args: []string{"--header-timeout", "0"}, want: []string{"--header-timeout", `"0"`, "at least 1ms"}},
		"idle timeout":         {args: []string{"--idle-timeout", "never"}, want: []string{"--idle-timeout", `"never"`, "want 90s"}},
		"header size":          {args: []string{"--max-header", "1k"}, want: []string{"--max-header", `"1k"`, "want 4KiB to 16MiB"}},
		"header share":         {args: []string{"--max-header", "1%"}, want: []string{"--max-header", `"1%"`, "want 4KiB to 16MiB"}},
		"access log":           {args: []string{"--access-log", "xml"}, want: []string{"--access-log", `"xml"`, "want off, text or json"}},
		"metric":               {args: []string{"--memory-metric", "vsz"}, want: []string{`"vsz"`, "want private, rss or pss"}},
		"capture nothing":      {args: []string{"--capture", " "}, want: []string{"--capture", `" "`, "or off"}},
		"capture folder":       {args: []string{"--capture", "true", "--capture-dir", "plain/captures"}, want: []string{"plain: not a directory", "--capture-dir"}},
		"capture size":         {args: []string{"--capture-max-size", "10%"}, want: []string{"--capture-max-size", `"10%"`, "want 512MiB or 2GiB"}},
		"capture number":       {args: []string{"--capture-keep", "0"}, want: []string{"--capture-keep", `"0"`, "at least 1"}},
		"capture timeout":      {args: []string{"--capture-timeout", "1ms"}, want: []string{"--capture-timeout", `"1ms"`, "at least 100ms"}},
		"stop signal":          {args: []string{"--stop-signal", "SIGFOO"}, want: []string{`"SIGFOO"`, "like TERM"}},
		"no surge":             {args: []string{"--max-surge", "0"}, want: []string{"--max-surge", "make one of them 1"}},
		"all unavailable":      {args: []string{"-w", "2", "--max-unavailable", "2"}, want: []string{"--max-unavailable", "at most 1"}},
		"jitter":               {args: []string{"--restart-interval", "1h", "--restart-jitter", "2h"}, want: []string{"--restart-jitter", "2h", "want less"}},
		"watched directory":    {args: []string{"--watch", dir}, want: []string{"--watch", dir, "name a file in it"}},
		"variable":             {args: []string{"--env", "FOO"}, want: []string{"--env", `"FOO"`, "KEY=VALUE"}},
		"log level":            {args: []string{"--log-level", "loud"}, want: []string{`"loud"`, "want trace, debug"}},
		"log file":             {args: []string{"--log-file", dir + "/none/rota.log"}, code: 125, want: []string{dir + "/none/rota.log", "no such file"}},
		"no configuration":     {args: []string{"--config", dir + "/none.yaml"}, want: []string{dir + "/none.yaml", "no such file"}},
		"mistyped key":         {args: []string{"--config", unknown}, want: []string{unknown + ":3:", `"max-memroy"`, `did you mean "max-memory"?`}},
		"unknown key":          {args: []string{"--config", stranger}, want: []string{stranger + ":2:", `"colour"`}},
		"value of a key":       {args: []string{"--config", value}, want: []string{value + ":2: workers", `"none"`, "at least 1"}},
		"list in the file":     {args: []string{"--config", list}, want: []string{list + ":1: max-memory", "one value is wanted"}},
		"key twice":            {args: []string{"--config", twice}, want: []string{twice + ":2:", "workers is set twice"}},
		"file of something":    {args: []string{"--config", broken}, want: []string{broken + ":", "is not YAML"}},
		"command as a string":  {args: []string{"--config", shell}, want: []string{shell + ":1:", `["python3", "app.py"]`}},
		"file by variable":     {env: []string{"ROTA_CONFIG=" + unknown}, want: []string{unknown + ":3:"}},
		"max memory by a name": {env: []string{"ROTA_MAX_MEMORY=lots"}, want: []string{"ROTA_MAX_MEMORY", `"lots"`, "want 512MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			put(t, filepath.Join(work, "plain"), "#!/bin/sh\n", 0o644)
			trace := filepath.Join(work, "started")
			args := append([]string{"--admin", "127.0.0.1:0"}, c.args...)
			if !strings.Contains(" "+strings.Join(c.args, " ")+" ", " -- ") {
				args = append(args, "--", "touch", trace)
			}
			e := runRota(t, args, inDir(work), withEnv(c.env...))
			code := c.code
			if code == 0 {
				code = 2
			}
			if e.code != code {
				t.Errorf("exit code %d, want %d", e.code, code)
			}
			e.oneLine(t, c.want...)
			if _, err := os.Stat(trace); err == nil {
				t.Error("the command was started all the same")
			}
		})
	}
}

func TestMaxMemoryAboveLimit(t *testing.T) {
	t.Parallel()
	inside := under("sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, memoryGroup(t, 256<<20))
	trace := filepath.Join(t.TempDir(), "started")
	e := runRota(t, []string{"--max-memory", "300MiB", "--", "touch", trace}, inside)
	if e.code != 2 {
		t.Errorf("exit code %d, want 2", e.code)
	}
	e.oneLine(t, "--max-memory", "300MiB", "256MiB", "want less, like 40%")
	if _, err := os.Stat(trace); err == nil {
		t.Error("the command was started all the same")
	}
	// What fits is taken, and a share is one of the limit.
	for size, want := range map[string]string{"256MiB": "256MiB ", "50%": "128MiB (50% of 256MiB) "} {
		e := runRota(t, []string{"check", "--max-memory", size, "--", "touch", trace}, inside)
		if e.code != 0 || !strings.Contains(e.stdout, want) {
			t.Errorf("%s: exit code %d, want %q in\n%s%s", size, e.code, want, e.stdout, e.stderr)
		}
	}
}

// memoryGroup makes a memory cgroup of version 1 or 2 with a limit, to be
// removed with the test. Processes join it by its cgroup.procs.
func memoryGroup(t *testing.T, limit int64) string {
	t.Helper()
	needRoot(t)
	parent, file := "", "memory.max"
	for _, line := range lines("/proc/self/cgroup") {
		part := strings.SplitN(line, ":", 3)
		if len(part) != 3 {
			continue
		}
		switch {
		case strings.Contains(","+part[1]+",", ",memory,"):
			parent, file = filepath.Join("/sys/fs/cgroup/memory", part[2]), "memory.limit_in_bytes"
		case part[1] == "" && parent == "":
			// Only groups that share the controller out have children with it.
			parent = filepath.Join("/sys/fs/cgroup", part[2])
			for len(parent) > len("/sys/fs/cgroup") && !strings.Contains(strings.Join(lines(parent+"/cgroup.subtree_control"), ""), "memory") {
				parent = filepath.Dir(parent)
			}
		}
	}
	if _, err := os.Stat(parent); err != nil { // of another namespace
		parent = "/sys/fs/cgroup/memory"
	}
	group := filepath.Join(parent, fmt.Sprintf("rota-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err := os.Mkdir(group, 0o755); err != nil {
		lacking(t, "cannot make a cgroup: "+err.Error())
	}
	t.Cleanup(func() {
		// It is busy until what ran in it was reaped.
		eventually(t, "the cgroup can be removed", func() bool { return syscall.Rmdir(group) == nil })
	})
	if err := os.WriteFile(filepath.Join(group, file), fmt.Append(nil, limit), 0); err != nil {
		lacking(t, "cannot limit a cgroup: "+err.Error())
	}
	return group
}
