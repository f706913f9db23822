package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// apacheModules is where Debian has Apache's modules.
const apacheModules = "/usr/lib/apache2/modules"

// apacheGraceful is Apache's prefork module with PHP in it, which is replaced by
// SIGUSR1, "graceful", as its documentation says under Stopping and Restarting:
// each child ends when it has answered what it has. A limit of memory becomes
// MaxConnectionsPerChild, the way that its documentation under mpm_common names
// against leaks. That counts connections and not requests, so connections are not
// kept then.
func apacheGraceful() contender {
	return contender{
		name: "Apache prefork, graceful",
		missing: func(b *bench) string {
			if missing := lacks("apache2")(b); missing != "" {
				return missing
			}
			if apachePHP() == "" {
				return "libapache2-mod-php"
			}
			return ""
		},
		tools: []tool{{"Apache", []string{"apache2", "-v"}}, phpTool()},
		start: startApache,
	}
}

// phpTool says the version of what both Apache's module and php-fpm are built from.
func phpTool() tool { return tool{"PHP", []string{"sh", "-c", "php --version || php-fpm* --version"}} }

// apachePHP is the library of Apache's PHP module; empty if there is none.
func apachePHP() string {
	paths, _ := filepath.Glob(filepath.Join(apacheModules, "libphp*.so"))
	if len(paths) == 0 {
		return ""
	}
	return slices.Max(paths)
}

// preforked is how many processes a server has that holds one request in each, and
// after how many requests each ends, 0 for never. Without a wish for how many
// requests are held at once it is what Debian's configuration has for Apache.
func (w want) preforked() (processes, requests int) {
	if w.atOnce == 0 {
		return 150, w.limit
	}
	processes = w.single()
	if w.limit > 0 {
		// Each request of the questions leaks 1 MiB, and the limit is that of a worker
		// which holds several at once.
		requests = max(1, w.limit/w.atOnce)
	}
	return processes, requests
}

func startApache(b *bench, w want) (*pool, error) {
	dir, err := b.folder("apache")
	if err != nil {
		return nil, err
	}
	addr, err := loopback()
	if err != nil {
		return nil, err
	}
	processes, requests := w.preforked()
	conf, err := file(dir, "apache2.conf", apacheConf(b, w, dir, addr, processes, requests))
	if err != nil {
		return nil, err
	}
	p, err := b.spawn(w.group, dir, nil, "apache2", "-f", conf, "-DFOREGROUND")
	if err != nil {
		return nil, err
	}
	if err := p.answers(addr); err != nil {
		p.end(syscall.SIGTERM)
		return nil, err
	}
	workers := func() []int { return children(p.Process.Pid) }
	return &pool{
		addr:        addr,
		supervisors: func() []int { return []int{p.Process.Pid} },
		workers:     workers,
		roll: func(ctx context.Context) error {
			old := workers()
			if err := p.Process.Signal(syscall.SIGUSR1); err != nil {
				return fmt.Errorf("cannot signal Apache: %w", err)
			}
			return until(ctx, "Apache's old children to be gone", func() bool {
				now := workers()
				return len(now) > 0 && !slices.ContainsFunc(old, func(pid int) bool { return slices.Contains(now, pid) })
			})
		},
		stop: func() { p.end(syscall.SIGTERM) },
	}, nil
}

// apacheConf is Debian's configuration of prefork with another number of children.
// All children started at once would also end at once, and Apache starts one, then
// two, then four a second.
func apacheConf(b *bench, w want, dir, addr string, processes, requests int) string {
	user, keep := "", "On"
	if os.Geteuid() == 0 {
		user = "User www-data\nGroup www-data\n"
	}
	if w.limit > 0 {
		keep = "Off"
	}
	return fmt.Sprintf(`ServerRoot %s
ServerName localhost
Listen %s
ListenBacklog 4096
PidFile %s/pid
ErrorLog %s/error.log
DefaultRuntimeDir %s
%sLoadModule mpm_prefork_module %s/mod_mpm_prefork.so
LoadModule authz_core_module %s/mod_authz_core.so
LoadModule dir_module %s/mod_dir.so
LoadModule php_module %s
StartServers 5
MinSpareServers 5
MaxSpareServers 10
ServerLimit %d
MaxRequestWorkers %d
MaxConnectionsPerChild %d
KeepAlive %s
MaxKeepAliveRequests 0
DocumentRoot %s
DirectoryIndex index.php
<FilesMatch "\.php$">
SetHandler application/x-httpd-php
</FilesMatch>
PHPIniDir %s
`, dir, addr, dir, dir, dir, user, apacheModules, apacheModules, apacheModules, apachePHP(),
		processes, processes, requests, keep, b.app(""), b.phpSettings(dir))
}

// phpSettings makes a folder with PHP's settings for the application.
func (b *bench) phpSettings(dir string) string {
	_, _ = file(dir, "php.ini", "ffi.enable=1\n")
	return dir
}
