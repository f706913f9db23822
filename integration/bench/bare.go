package main

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// bare is the server without anybody: its processes share one socket that they
// inherit.
func bare() contender {
	return contender{name: "bare", start: func(b *bench, w want) (*pool, error) {
		server, err := b.build("rota/integration/servers/hello")
		if err != nil {
			return nil, err
		}
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		socket, err := l.(*net.TCPListener).File()
		if err != nil {
			return nil, err
		}
		defer socket.Close()
		var processes []*process
		var pids []int
		stop := func() {
			for _, p := range processes {
				p.end(syscall.SIGTERM)
			}
		}
		env := append([]string{"FD=3", fmt.Sprint("LIMIT=", w.atOnce), fmt.Sprint("BOOT=", w.boot.Seconds())}, w.env...)
		for range w.workers {
			p, err := b.spawnHolding([]*os.File{socket}, w.group, "", env, server)
			if err != nil {
				stop()
				return nil, err
			}
			processes, pids = append(processes, p), append(pids, p.Process.Pid)
		}
		addr := l.Addr().String()
		if err := processes[0].answers(addr); err != nil {
			stop()
			return nil, err
		}
		return &pool{addr: addr, supervisors: func() []int { return nil }, workers: func() []int { return pids }, stop: stop}, nil
	}}
}
