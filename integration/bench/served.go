package main

import (
	"net"
	"os/exec"
	"strconv"
)

// server is an application with a server of its own, that whoever runs servers of
// any kind can run: it binds an address by itself.
type server struct {
	missing func(*bench) string // nil if it is built here
	tool    tool
	command func(b *bench, w want, addr string) (argv, env []string, err error)
}

// served are those that rota runs.
var served = map[string]server{
	"hello":       hello(),
	"go":          hello(),
	"go shutdown": hello("DRAIN=1"),
	"node": {lacks("node"), nodeTool(), func(b *bench, w want, addr string) ([]string, []string, error) {
		return []string{"node", b.app("server.js")}, append(application(w), "PORT="+portOf(addr)), nil
	}},
	"flask": {lacksModule("flask"), tool{"Flask", []string{python, "-c", "import importlib.metadata as m; print(m.version('flask'))"}},
		func(b *bench, w want, addr string) ([]string, []string, error) {
			return []string{python, b.app("own.py")}, append(application(w), "PORT="+portOf(addr)), nil
		}},
	"gunicorn sync":    underGunicorn("--worker-class", "sync"),
	"gunicorn gthread": underGunicorn("--worker-class", "gthread"),
}

// python is Debian's, which has Debian's libraries; another one may come first in PATH.
const python = "/usr/bin/python3"

// hello is the Go application. Alone it ends at once on SIGTERM.
func hello(more ...string) server {
	return server{command: func(b *bench, w want, addr string) ([]string, []string, error) {
		path, err := b.build("rota/integration/servers/hello")
		return []string{path}, append(append(application(w), "PORT="+portOf(addr)), more...), err
	}}
}

// underGunicorn is the Python application under gunicorn with one process, since
// there are as many gunicorns as workers; and with as many threads as it is to hold
// requests at once, if it has threads.
func underGunicorn(flags ...string) server {
	return server{lacks("gunicorn"), tool{"gunicorn", []string{"gunicorn", "--version"}}, func(b *bench, w want, addr string) ([]string, []string, error) {
		argv := append([]string{"gunicorn", "--workers", "1", "--bind", addr, "--worker-tmp-dir", "/dev/shm", "--log-level", "warning"}, flags...)
		if flags[1] == "gthread" {
			argv = append(argv, "--threads", strconv.Itoa(max(w.atOnce, 1)))
		}
		return append(argv, "--chdir", b.app(""), "app:application"), application(w), nil
	}}
}

// lacksModule says so of a module of Debian's Python.
func lacksModule(name string) func(*bench) string {
	return func(*bench) string {
		if exec.Command(python, "-c", "import "+name).Run() != nil {
			return "the Python module " + name
		}
		return ""
	}
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}
