package supervisor

import (
	"slices"
	"syscall"

	"rota/listener"
	"rota/listener/front"
	"rota/policy"
)

// How a worker becomes ready.
const (
	ReadyListen = "listen" // it listens on the socket that it serves
	ReadyHTTP   = "http"   // it answers Config.ReadyPath with 2xx or 3xx; needs AcceptFront
	ReadyNotify = "notify" // it sends READY=1 to $NOTIFY_SOCKET, see sd_notify(3)
)

// How requests reach a worker.
const (
	AcceptFront   = "front"   // rota accepts, and forwards each request
	AcceptShared  = "shared"  // every worker accepts, from one socket
	AcceptSteered = "steered" // every worker accepts, from its own, of which rota says which get new connections
)

// How a worker gets its socket.
const (
	HandoffAdopt   = "adopt"   // in place of the one that it binds
	HandoffInherit = "inherit" // through its environment
	HandoffPort    = "port"    // it binds the port in $PORT, or {port} in its arguments; needs AcceptFront
)

// Config is all that a pool needs to know. It is a value: a change of it is
// another Config, given to Supervisor.Reload.
type Config struct {
	Policy  policy.Config
	Workers int // how many to keep ready

	Command []string // program and arguments
	Path    string   // of the program's file, as it was found in PATH
	Env     []string // KEY=VALUE, over rota's own environment

	Listen  []listener.Address // empty: what the command binds
	Accept  string             // AcceptFront, AcceptShared or AcceptSteered
	Front   front.Config       // for AcceptFront; SlowStart for AcceptSteered too
	Handoff []string           // any of HandoffAdopt, HandoffInherit, HandoffPort

	Ready     string // ReadyListen, ReadyHTTP or ReadyNotify
	ReadyPath string // for ReadyHTTP

	StopSignal syscall.Signal

	Capture Capture // its timeout is Policy.CaptureTimeout
}

// settled is c with what policy has to know of the rest of it.
func (c Config) settled() Config {
	c.Policy.Capture, c.Policy.CaptureServing = c.Capture.Command != "", c.Accept == AcceptShared
	return c
}

// Adopts tells whether workers get rota's socket in place of their own.
func (c Config) Adopts() bool { return slices.Contains(c.Handoff, HandoffAdopt) }

// Inherits tells whether workers get rota's sockets through the environment.
func (c Config) Inherits() bool { return slices.Contains(c.Handoff, HandoffInherit) }

// GivesPort tells whether workers are told a port to bind.
func (c Config) GivesPort() bool { return slices.Contains(c.Handoff, HandoffPort) }

// sameRelease tells whether workers of both configurations are alike, so that
// none has to be replaced.
func (c Config) sameRelease(d Config) bool {
	return slices.Equal(c.Command, d.Command) && c.Path == d.Path && slices.Equal(c.Env, d.Env) &&
		slices.Equal(c.Handoff, d.Handoff)
}

// samePolicy tells whether two configurations decide alike, but for the schedule,
// which has no equal.
func samePolicy(a, b policy.Config) bool {
	a.Cron, b.Cron = nil, nil
	return a == b
}

// withPolicyOf is the release of c under the policy of d: going back to an
// older release does not undo what an operator has changed since.
func (c Config) withPolicyOf(d Config) Config {
	c.Policy, c.Front, c.Workers, c.StopSignal, c.Capture = d.Policy, d.Front, d.Workers, d.StopSignal, d.Capture
	return c
}
