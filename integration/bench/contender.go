package main

import (
	"context"
	"time"

	"rota/integration/cgroup"
)

// contender is one way to run a pool of servers.
type contender struct {
	name string // of its row: what it is and how it rolls, like "gunicorn, HUP"
	// missing says what it lacks here, empty if nothing.
	missing func(*bench) string
	// tools are programs whose versions are stated, and how to ask for each.
	tools []tool
	start func(*bench, want) (*pool, error)
}

// tool is a program whose version the reader wants to know.
type tool struct {
	name string
	argv []string // prints the version in its first line, or wherever versionOf finds it
}

// want is the pool that a question wants to have. Every application behaves alike,
// whatever it is written in (see integration/bench/apps): GET or POST
// /?hold=SECONDS&leak=KIB&id=TEXT is answered after so long, keeps so much memory
// for ever, and says "pid=PID id=TEXT length=BYTES" with the length of the body.
type want struct {
	workers int           // copies; processes, where the server has threads too
	atOnce  int           // requests that one worker can hold at once; 0 for as the server comes
	boot    time.Duration // that the application sleeps as it is loaded
	app     string        // where a contender can run several: "go", "go shutdown", "node", "flask", ...; empty for its own
	// limit is the memory in MiB over which a worker is to be replaced, as its
	// documentation advises for the container; 0 for never.
	limit int
	group *cgroup.Group // what it runs in; nil for the bench's own
	env   []string      // more environment for the application
	flags []string      // more arguments, for rota only
}

// pool is a contender that serves.
type pool struct {
	addr string
	// supervisors are the processes that are there beside the servers: rota, a
	// master, a proxy.
	supervisors func() []int
	// workers are the processes that serve now.
	workers func() []int
	// roll replaces all workers in the contender's own way and returns when that
	// is done, as far as it can be told.
	roll func(context.Context) error
	stop func() // ends it and waits
}
