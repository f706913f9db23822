package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// supervisord is Supervisor with a socket that it holds for all copies of a program,
// as its documentation says under [fcgi-program:x] Section Settings, "socket"; that
// is its only way to have several on one address. "supervisorctl restart" of one
// after another stops each with SIGTERM, waits for it and starts it again. It knows
// nothing of memory: one that the kernel has killed is started again (superlance's
// memmon, which would restart by memory, is not part of it or of Debian).
func supervisord() contender {
	return contender{
		name: "supervisord, restart", missing: lacks("supervisord", "supervisorctl"), tools: []tool{{"supervisord", []string{"supervisord", "--version"}}},
		start: startSupervisord,
	}
}

func startSupervisord(b *bench, w want) (*pool, error) {
	path, env, err := b.goServer(w)
	if err != nil {
		return nil, err
	}
	dir, err := b.folder("supervisord")
	if err != nil {
		return nil, err
	}
	addr, err := loopback()
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "socket")
	user := ""
	if os.Geteuid() == 0 {
		user = "user=root\n" // else it says at each start that it should not be
	}
	// One that ran for startsecs has started: the next is not stopped before.
	conf, err := file(dir, "supervisord.conf", fmt.Sprintf(`[supervisord]
nodaemon=true
%slogfile=%s/supervisord.log
pidfile=%s/pid
childlogdir=%s
[unix_http_server]
file=%s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%s
[fcgi-program:web]
command=%s
socket=tcp://%s
socket_backlog=4096
numprocs=%d
process_name=%%(process_num)d
startsecs=%d
stopsignal=TERM
stopwaitsecs=20
autorestart=true
redirect_stderr=true
`, user, dir, dir, dir, socket, socket, path, addr, w.workers, int(w.boot.Seconds())+1))
	if err != nil {
		return nil, err
	}
	p, err := b.spawn(w.group, dir, append(env, "FD=0"), "supervisord", "-c", conf)
	if err != nil {
		return nil, err
	}
	return b.master(p, addr, w.workers, func(ctx context.Context) error {
		for i := range w.workers {
			cmd := exec.CommandContext(ctx, "supervisorctl", "-c", conf, "restart", fmt.Sprintf("web:%d", i))
			cmd.Env = append(os.Environ(), b.mark)
			if text, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("cannot restart with supervisorctl: %w: %s", err, text)
			}
		}
		return nil
	})
}
