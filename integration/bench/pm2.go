package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// npmFolder is where integration/bench/install has npm put PM2.
func npmFolder() string {
	home, _ := os.UserHomeDir()
	return filepath.Join(home, ".cache", "rota-bench", "npm")
}

// npmProgram is a program of an npm package, in PATH or where install puts it;
// empty if it is in neither.
func npmProgram(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path, err := exec.LookPath(filepath.Join(npmFolder(), "node_modules", ".bin", name))
	if err != nil {
		return ""
	}
	return path
}

// pm2Reload is PM2 in cluster mode under pm2-runtime, as its documentation advises
// for containers under Docker Integration, with an application that does what it
// asks for under Graceful Start/Shutdown: it says when it is ready, and on SIGINT
// finishes what it has. "pm2 reload" then replaces one worker after another, a new
// one first. Its limit of memory is the one under Memory Limit Reload, which
// is looked at every 30 seconds as that page says.
func pm2Reload() contender { return pm2("PM2, reload") }

// pm2Often is PM2 that looks at memory every second, by a variable of its source
// (constants.js) that its documentation does not have.
func pm2Often() contender {
	return pm2("PM2, a look at memory every second", "PM2_WORKER_INTERVAL=1000")
}

func pm2(name string, env ...string) contender {
	return contender{
		name: name,
		missing: func(b *bench) string {
			if npmProgram("pm2-runtime") == "" || npmProgram("pm2") == "" {
				return "pm2"
			}
			return lacks("node")(b)
		},
		tools: []tool{nodeTool(), {"PM2", []string{"node", "-p", fmt.Sprintf("require(%q).version", pm2Package())}}},
		start: func(b *bench, w want) (*pool, error) { return startPM2(b, w, env) },
	}
}

// pm2Package is the package.json of the installed PM2.
func pm2Package() string {
	path, err := filepath.EvalSymlinks(npmProgram("pm2"))
	if err != nil {
		return "pm2/package.json"
	}
	return filepath.Join(filepath.Dir(filepath.Dir(path)), "package.json")
}

func startPM2(b *bench, w want, more []string) (*pool, error) {
	dir, err := b.folder("pm2")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	app := map[string]any{
		"name": "app", "script": b.app("server.js"), "exec_mode": "cluster", "instances": w.workers,
		"args": nodeArguments(w), "wait_ready": w.app != "node",
		"listen_timeout": patience.Milliseconds(), "kill_timeout": 20000,
	}
	if w.limit > 0 {
		app["max_memory_restart"] = fmt.Sprintf("%dM", w.limit)
	}
	text, err := json.Marshal(map[string]any{"apps": []any{app}})
	if err != nil {
		return nil, err
	}
	conf, err := file(dir, "process.json", string(text))
	if err != nil {
		return nil, err
	}
	// Where it has its socket and its files, so that no other PM2 is met.
	home := "PM2_HOME=" + filepath.Join(dir, "home")
	env := slices.Concat(application(w), w.env, more, []string{home, fmt.Sprintf("PORT=%d", port)})
	p, err := b.spawn(w.group, dir, env, npmProgram("pm2-runtime"), "start", conf)
	if err != nil {
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	return b.master(p, addr, w.workers, func(ctx context.Context) error {
		old := p.workers()
		cmd := exec.CommandContext(ctx, npmProgram("pm2"), "reload", "app")
		cmd.Env = append(os.Environ(), b.mark, home)
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot reload with PM2: %w: %s", err, text)
		}
		return replaced(ctx, old, p.workers)
	})
}
