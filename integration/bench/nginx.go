package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func nginxTool() tool { return tool{"nginx", []string{"nginx", "-v"}} }

// nginx is nginx before servers that are replaced one after another, a new one
// first: its address takes the old one's place in the list, and SIGHUP has nginx
// read that, as its documentation says under Controlling nginx, Changing
// Configuration. nginx's own old workers end when they have finished what they
// have, and then the old server has nothing left to do. The connections to the
// servers are kept as it says under ngx_http_upstream_module, keepalive.
func nginx() contender {
	return contender{
		name: "nginx, reload", missing: lacks("nginx"), tools: []tool{nginxTool()},
		start: startNginx,
	}
}

func startNginx(b *bench, w want) (*pool, error) {
	servers, err := b.newFleet(w)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		servers.end()
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	n, err := b.runNginx(w, addr, upstream(addr, servers.all()))
	if err != nil {
		servers.end()
		return nil, err
	}
	return &pool{
		addr:        addr,
		supervisors: func() []int { return append([]int{n.Process.Pid}, children(n.Process.Pid)...) },
		workers:     servers.pids,
		roll: func(ctx context.Context) error {
			for i, old := range servers.all() {
				fresh, err := servers.start()
				if err != nil {
					return err
				}
				servers.set(i, fresh)
				if err := n.reload(ctx, upstream(addr, servers.all())); err != nil {
					return err
				}
				old.end(syscall.SIGTERM)
			}
			return nil
		},
		stop: func() {
			n.end(syscall.SIGQUIT)
			servers.end()
		},
	}, nil
}

func upstream(addr string, servers []*behind) string {
	var s strings.Builder
	s.WriteString("upstream app {\n")
	for _, server := range servers {
		fmt.Fprintf(&s, "  server %s;\n", server.addr)
	}
	s.WriteString("  keepalive 64;\n  keepalive_requests 1000000000;\n}\n")
	fmt.Fprintf(&s, `server {
  listen %s reuseport backlog=4096;
  location / {
    proxy_pass http://app;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
  }
}
`, addr)
	return s.String()
}

// runningNginx is one with a folder of its own.
type runningNginx struct {
	*process
	dir string
}

// runNginx runs nginx with what is to be in its http block.
func (b *bench) runNginx(w want, addr, http string) (*runningNginx, error) {
	dir, err := b.folder("nginx")
	if err != nil {
		return nil, err
	}
	n := &runningNginx{dir: dir}
	if err := n.configure(http); err != nil {
		return nil, err
	}
	n.process, err = b.spawn(w.group, dir, nil, "nginx", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", filepath.Join(dir, "error.log"))
	if err != nil {
		return nil, err
	}
	if err := n.answers(addr); err != nil {
		n.end(syscall.SIGQUIT)
		return nil, err
	}
	return n, nil
}

// configure writes nginx's configuration. Its workers stay with the user that it
// was started by, so that they can use its folder.
func (n *runningNginx) configure(http string) error {
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	temporary := ""
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += fmt.Sprintf("%s_temp_path %s/%s;\n", name, n.dir, name)
	}
	_, err := file(n.dir, "nginx.conf", fmt.Sprintf(`%sdaemon off;
worker_processes auto;
worker_rlimit_nofile 32768;
pid %s/nginx.pid;
events { worker_connections 12000; }
http {
access_log off;
keepalive_timeout 5m;
keepalive_requests 1000000000;
%s%s}
`, user, n.dir, temporary, http))
	return err
}

// reload has nginx take another configuration, and returns when its old workers
// have ended.
func (n *runningNginx) reload(ctx context.Context, http string) error {
	if err := n.configure(http); err != nil {
		return err
	}
	workers := func() []int { return children(n.Process.Pid) }
	old := workers()
	if err := n.Process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("cannot reload nginx: %w", err)
	}
	return replaced(ctx, old, workers)
}
