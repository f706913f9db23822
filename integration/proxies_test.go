package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// The other proxies, with what their documentation advises for kept connections
// on both sides, and none of the limits on what one connection may carry. They
// run as whoever runs the benchmark, on its port, and write into its directory.

const haproxyConf = `global
	nbthread 2
	maxconn 12000
	no strict-limits
defaults
	mode http
	option http-keep-alive
	http-reuse safe
	timeout connect 5s
	timeout client 5m
	timeout server 5m
	timeout http-keep-alive 5m
frontend front
	bind %[1]s
	default_backend pool
backend pool
	server a %[2]s
	server b %[3]s
`

const nginxConf = `%[5]sworker_processes 2;
worker_rlimit_nofile 16384;
daemon off;
pid %[4]s/nginx.pid;
error_log %[4]s/nginx.err;
events { worker_connections 12000; }
http {
	access_log off;
	keepalive_timeout 5m;
	keepalive_requests 1000000000;
	client_body_temp_path %[4]s/body;
	proxy_temp_path %[4]s/proxy;
	fastcgi_temp_path %[4]s/fastcgi;
	uwsgi_temp_path %[4]s/uwsgi;
	scgi_temp_path %[4]s/scgi;
	upstream pool {
		server %[2]s;
		server %[3]s;
		keepalive 64;
		keepalive_requests 1000000000;
	}
	server {
		listen %[1]s reuseport;
		location / {
			proxy_pass http://pool;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
`

// lookup finds a program, if need be where only root looks.
func lookup(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + name)
}

func installed(b *testing.B, name string) string {
	b.Helper()
	path, err := lookup(name)
	if err != nil {
		b.Skipf("%s is missing: apt-get install %s", name, name)
	}
	return path
}

// haproxy serves in front of two processes of hello.
func haproxy(b *testing.B, hello string, env ...string) contender {
	path := installed(b, "haproxy")
	return proxied(b, "haproxy", hello, env, func(dir, addr, one, two string) *exec.Cmd {
		conf := filepath.Join(dir, "haproxy.cfg")
		write(b, conf, fmt.Sprintf(haproxyConf, addr, one, two))
		return exec.Command(path, "-db", "-f", conf)
	})
}

// nginx serves in front of two processes of hello.
func nginx(b *testing.B, hello string, env ...string) contender {
	path := installed(b, "nginx")
	return proxied(b, "nginx", hello, env, func(dir, addr, one, two string) *exec.Cmd {
		conf, user := filepath.Join(dir, "nginx.conf"), ""
		if os.Getuid() == 0 {
			user = "user root;\n" // it would become somebody else who may not write here
		}
		write(b, conf, fmt.Sprintf(nginxConf, addr, one, two, dir, user))
		return exec.Command(path, "-p", dir, "-c", conf, "-e", filepath.Join(dir, "nginx.err"))
	})
}

func proxied(b *testing.B, name, hello string, env []string, command func(dir, addr, one, two string) *exec.Cmd) contender {
	addr, _ := benchPort(b)
	var backends, ports []string
	for range 2 {
		backend, port := benchPort(b)
		backends, ports = append(backends, backend), append(ports, port)
	}
	dir := b.TempDir()
	return contender{name, addr, func(b *testing.B) serving {
		var stops []func()
		for i, port := range ports {
			cmd := exec.Command(hello)
			cmd.Env = slices.Concat(os.Environ(), env, []string{"PORT=" + port})
			stops = append(stops, spawn(b, cmd))
			awaitAnswer(b, backends[i])
		}
		cmd := command(dir, addr, backends[0], backends[1])
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		stops = append(stops, spawn(b, cmd))
		awaitAnswer(b, addr)
		return serving{cmd.Process.Pid, func() {
			for i := range stops {
				stops[len(stops)-1-i]()
			}
			if b.Failed() {
				b.Logf("%s said:\n%s", name, said.String())
			}
		}}
	}}
}

func write(b *testing.B, path, text string) {
	b.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}
