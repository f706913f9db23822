package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// haproxy is HAProxy before servers that are replaced one after another, a new one
// first, by commands to its socket, as its Management Guide says under "set server":
// the address of a spare line is set and the line made ready, since the new server
// answers; the old server's line is set to drain, which sends nobody to it any more
// and lets it finish; when it has no sessions left, it is stopped, and its line is
// the next spare. Who deploys looks whether a server answers, so HAProxy does not.
func haproxy() contender { return haproxyQueue(0, 0, 0) }

// haproxyQueue is HAProxy that fails fast, as its Configuration Manual says under
// maxconn, "timeout queue" and "queue": no server has more requests than perServer
// at once, no more than so many wait, none longer than that; who is too many gets
// 503. Without perServer there is no such bound.
func haproxyQueue(perServer, queue int, timeout time.Duration) contender {
	name := "HAProxy, drain"
	if perServer > 0 {
		name = "HAProxy, maxconn and queue"
	}
	return contender{
		name: name, missing: lacks("haproxy"), tools: []tool{{"HAProxy", []string{"haproxy", "-v"}}},
		start: func(b *bench, w want) (*pool, error) {
			return startHAProxy(b, w, perServer, queue, timeout)
		},
	}
}

func startHAProxy(b *bench, w want, perServer, queue int, timeout time.Duration) (*pool, error) {
	servers, err := b.newFleet(w)
	if err != nil {
		return nil, err
	}
	h, err := b.runHAProxy(w, servers.all(), perServer, queue, timeout)
	if err != nil {
		servers.end()
		return nil, err
	}
	return &pool{
		addr:        h.addr,
		supervisors: func() []int { return []int{h.Process.Pid} },
		workers:     servers.pids,
		roll:        func(ctx context.Context) error { return h.roll(ctx, servers) },
		stop: func() {
			h.end(syscall.SIGTERM)
			servers.end()
		},
	}, nil
}

// runningHAProxy is one with its socket for commands.
type runningHAProxy struct {
	*process
	addr, socket string
	lines        []string // the name of each server's line, and that of the spare
}

func (b *bench) runHAProxy(w want, servers []*behind, perServer, queue int, timeout time.Duration) (*runningHAProxy, error) {
	dir, err := b.folder("haproxy")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	h := &runningHAProxy{addr: fmt.Sprintf("127.0.0.1:%d", port), socket: filepath.Join(dir, "socket")}
	bound, most, wait := "", "", "10s"
	if perServer > 0 {
		bound = fmt.Sprintf("  http-request return status 503 hdr Retry-After 1 if { queue(app) ge %d }\n", queue)
		most, wait = fmt.Sprintf(" maxconn %d", perServer), fmt.Sprintf("%dms", timeout.Milliseconds())
	}
	lines := ""
	for i, s := range servers {
		h.lines = append(h.lines, fmt.Sprintf("s%d", i))
		lines += fmt.Sprintf("  server %s %s%s\n", h.lines[i], s.addr, most)
	}
	h.lines = append(h.lines, "spare")
	lines += fmt.Sprintf("  server spare 127.0.0.1:1 disabled%s\n", most)
	path, err := file(dir, "haproxy.cfg", fmt.Sprintf(`global
  stats socket %s mode 600 level admin
  maxconn 12000
  no strict-limits
defaults
  mode http
  http-reuse safe
  timeout connect 5s
  timeout client 5m
  timeout server 5m
  timeout queue %s
frontend in
  bind %s backlog 4096
%s  default_backend app
backend app
  balance leastconn
%s`, h.socket, wait, h.addr, bound, lines))
	if err != nil {
		return nil, err
	}
	if h.process, err = b.spawn(w.group, dir, nil, "haproxy", "-db", "-f", path); err != nil {
		return nil, err
	}
	if err := h.answers(h.addr); err != nil {
		h.end(syscall.SIGTERM)
		return nil, err
	}
	return h, nil
}

// roll replaces one server after another.
func (h *runningHAProxy) roll(ctx context.Context, servers *fleet) error {
	spare := len(h.lines) - 1
	for i, old := range servers.all() {
		fresh, err := servers.start()
		if err != nil {
			return err
		}
		servers.set(i, fresh)
		host, port, _ := net.SplitHostPort(fresh.addr)
		at, was := h.lines[spare], h.lines[i]
		if err := h.commands("set server app/"+at+" addr "+host+" port "+port, "set server app/"+at+" state ready"); err != nil {
			return err
		}
		if err := h.commands("set server app/" + was + " state drain"); err != nil {
			return err
		}
		if err := until(ctx, "the old server to have no sessions", func() bool { return h.stat(was, "scur") == "0" }); err != nil {
			return err
		}
		if err := h.commands("set server app/" + was + " state maint"); err != nil {
			return err
		}
		old.end(syscall.SIGTERM)
		h.lines[i], h.lines[spare] = at, was
	}
	return nil
}

// commands gives HAProxy commands that answer nothing if all is well, or what was done.
func (h *runningHAProxy) commands(commands ...string) error {
	for _, command := range commands {
		text, err := h.ask(command)
		if err == nil && strings.TrimSpace(text) != "" && !strings.Contains(text, "changed from") && !strings.Contains(text, "no need to change") {
			err = errors.New(strings.TrimSpace(text))
		}
		if err != nil {
			return fmt.Errorf("cannot have HAProxy %q: %w", command, err)
		}
	}
	return nil
}

// stat is a field of a server's line in HAProxy's statistics; empty if there is none.
func (h *runningHAProxy) stat(server, field string) string {
	text, err := h.ask("show stat")
	if err != nil {
		return ""
	}
	rows, _ := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "# "))).ReadAll()
	for _, row := range rows {
		if row[0] != "app" || row[1] != server {
			continue
		}
		for i, name := range rows[0] {
			if name == field && i < len(row) {
				return row[i]
			}
		}
	}
	return ""
}

func (h *runningHAProxy) ask(command string) (string, error) {
	conn, err := net.DialTimeout("unix", h.socket, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", err
	}
	text, err := io.ReadAll(conn)
	return string(text), err
}
