package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

func nodeTool() tool { return tool{"Node", []string{"node", "--version"}} }

// nodeArguments are those of server.js. As PM2's documentation asks for, it ends
// gracefully, unless it is wanted as plain "node".
func nodeArguments(w want) []string {
	if w.app == "node" {
		return nil
	}
	return []string{"shutdown"}
}

// nodeCluster is Node's cluster module with the few lines around it that its
// documentation leaves to everybody: what PM2 stands on.
func nodeCluster() contender {
	return contender{
		name: "Node cluster, disconnect", missing: lacks("node"), tools: []tool{nodeTool()},
		start: startNodeCluster,
	}
}

func startNodeCluster(b *bench, w want) (*pool, error) {
	addr, err := loopback()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	env := append(append(application(w), w.env...), "PORT="+port)
	argv := append([]string{"node", b.app("cluster.js"), strconv.Itoa(w.workers)}, nodeArguments(w)...)
	p, err := b.spawn(w.group, "", env, argv...)
	if err != nil {
		return nil, err
	}
	return b.master(p, addr, w.workers, func(ctx context.Context) error {
		old := p.workers()
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			return fmt.Errorf("cannot signal the primary of node:cluster: %w", err)
		}
		return replaced(ctx, old, p.workers)
	})
}
