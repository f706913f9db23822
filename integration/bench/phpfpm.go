package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// phpFPM is php-fpm behind nginx, replaced by SIGUSR2, "graceful reload of all
// workers + reload of fpm conf/binary" in its manual page. By default that ends
// children in the middle of a request; process_control_timeout, under List of global
// php-fpm.conf directives, is what has the master wait for them. A limit of memory
// becomes pm.max_requests, which its documentation names against leaks.
func phpFPM() contender {
	return contender{
		name: "php-fpm, reload (USR2)",
		missing: func(b *bench) string {
			if missing := lacks("nginx")(b); missing != "" {
				return missing
			}
			if fpmProgram() == "" {
				return "php-fpm"
			}
			return ""
		},
		tools: []tool{nginxTool(), phpTool()},
		start: startFPM,
	}
}

// fpmProgram is php-fpm, which Debian names after its version; empty if there is none.
func fpmProgram() string {
	paths, _ := filepath.Glob("/usr/sbin/php-fpm*")
	if len(paths) == 0 {
		return ""
	}
	return slices.Max(paths)
}

func startFPM(b *bench, w want) (*pool, error) {
	dir, err := b.folder("php-fpm")
	if err != nil {
		return nil, err
	}
	addr, err := loopback()
	if err != nil {
		return nil, err
	}
	processes, requests := w.preforked()
	socket := filepath.Join(dir, "socket")
	user := ""
	if os.Geteuid() == 0 {
		user = "user = www-data\ngroup = www-data\n"
	}
	conf, err := file(dir, "php-fpm.conf", fmt.Sprintf(`[global]
error_log = %s/error.log
daemonize = no
process_control_timeout = 20s
[www]
%slisten = %s
listen.backlog = 4096
pm = static
pm.max_children = %d
pm.max_requests = %d
clear_env = no
`, dir, user, socket, cmp.Or(min(processes, 50), 5), requests))
	if err != nil {
		return nil, err
	}
	p, err := b.spawn(w.group, dir, nil, fpmProgram(), "--nodaemonize", "-c", b.phpSettings(dir), "-y", conf)
	if err != nil {
		return nil, err
	}
	n, err := b.runNginx(w, addr, fastCGI(addr, socket, b.app("index.php")))
	if err != nil {
		p.end(syscall.SIGTERM)
		return nil, fmt.Errorf("%w: %s", err, p.said())
	}
	workers := func() []int { return children(p.Process.Pid) }
	return &pool{
		addr: addr,
		supervisors: func() []int {
			return append([]int{p.Process.Pid, n.Process.Pid}, children(n.Process.Pid)...)
		},
		workers: workers,
		roll: func(ctx context.Context) error {
			old := workers()
			if err := p.Process.Signal(syscall.SIGUSR2); err != nil {
				return fmt.Errorf("cannot signal php-fpm: %w", err)
			}
			return replaced(ctx, old, workers)
		},
		stop: func() {
			n.end(syscall.SIGQUIT)
			p.end(syscall.SIGTERM)
		},
	}, nil
}

// fastCGI is what nginx needs to know of php-fpm: Debian's fastcgi_params, in short.
func fastCGI(addr, socket, script string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "server {\n  listen %s backlog=4096;\n  location / {\n    fastcgi_pass unix:%s;\n", addr, socket)
	for _, p := range [][2]string{
		{"SCRIPT_FILENAME", script}, {"QUERY_STRING", "$query_string"}, {"REQUEST_METHOD", "$request_method"},
		{"CONTENT_TYPE", "$content_type"}, {"CONTENT_LENGTH", "$content_length"}, {"REQUEST_URI", "$request_uri"},
		{"SCRIPT_NAME", "/index.php"}, {"SERVER_PROTOCOL", "$server_protocol"}, {"GATEWAY_INTERFACE", "CGI/1.1"},
		{"REMOTE_ADDR", "$remote_addr"}, {"SERVER_NAME", "localhost"},
	} {
		fmt.Fprintf(&s, "    fastcgi_param %s %s;\n", p[0], p[1])
	}
	s.WriteString("  }\n}\n")
	return s.String()
}
