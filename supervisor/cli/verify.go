package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rota/supervisor"
)

// verify checks what no setting can tell alone. Its errors begin with where the
// value in question comes from.
func (b *builder) verify() error {
	for _, check := range []func() error{b.verifyJitter, b.verifySurge, b.verifyMemory, b.verifyAccept, b.verifyHandoff, b.verifyReady, b.verifyCapture, b.verifyAdmin} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// verifyJitter settles what auto stands for. A tenth spreads the hosts of a
// fleet; shared among the workers, since their own turns spread them already.
func (b *builder) verifyJitter() error {
	p, workers := &b.s.Config.Policy, time.Duration(b.s.Config.Workers)
	switch {
	case b.autoJitter && p.RestartInterval > 0:
		p.RestartJitter = p.RestartInterval / 10 / workers
		b.show("restart-jitter", fmt.Sprintf("%s (%s)", auto, formatDuration(p.RestartJitter)))
	case p.RestartInterval == 0 && p.RestartJitter > 0:
		b.warn("restart-jitter", "has no effect without --restart-interval")
	case p.RestartInterval > 0 && p.RestartJitter >= p.RestartInterval:
		return b.errorf("restart-jitter", "%s would leave nothing of the restart interval of %s: want less, or auto",
			formatDuration(p.RestartJitter), formatDuration(p.RestartInterval))
	}
	return nil
}

// verifySurge checks that a cycle can happen, and that it leaves somebody to
// serve. A single worker may be stopped first: where memory does not hold two,
// there is no other way.
func (b *builder) verifySurge() error {
	p, workers := b.s.Config.Policy, b.s.Config.Workers
	switch {
	case p.MaxSurge == 0 && p.MaxUnavailable == 0:
		return b.errorf("max-surge", "0, with a max-unavailable of 0, lets no worker ever be replaced: make one of them 1")
	case workers > 1 && p.MaxUnavailable >= workers:
		return b.errorf("max-unavailable", "%d would leave none of %d workers to serve: want at most %d",
			p.MaxUnavailable, workers, workers-1)
	case workers == 1 && p.MaxSurge == 0:
		b.warn("max-surge", "0 with one worker: nobody serves while it is replaced")
	}
	return nil
}

// verifyMemory tells where workers cannot all come to their own limit.
func (b *builder) verifyMemory() error {
	p, workers := b.s.Config.Policy, b.s.Config.Workers
	alive, surge := int64(workers), ""
	if p.MaxSurge > 0 { // one at a time, whatever is allowed
		alive, surge = alive+1, " and one more during a cycle"
	}
	limit, _ := b.limit()
	if p.MaxMemory == 0 || limit <= 0 || p.MaxMemory <= limit/alive {
		return nil
	}
	so := "the total budget will cycle workers before their own limit"
	if p.MaxTotalMemory == 0 {
		so = "with max-total-memory off, the kernel may kill before a worker comes to its limit"
	}
	b.warn("max-memory", fmt.Sprintf("workers of %s, %d%s, do not fit into the container's %s: %s",
		formatSize(p.MaxMemory), workers, surge, formatSize(limit), so))
	return nil
}

// verifyAccept refuses what cannot be done where the workers accept themselves,
// and tells what is of no use there.
func (b *builder) verifyAccept() error {
	c := b.s.Config
	if c.Accept == supervisor.AcceptFront {
		return nil
	}
	const which = "needs --accept front, which alone "
	switch {
	case c.GivesPort():
		return b.errorf("handoff", "%q "+which+"forwards to a port of each worker: use that, or adopt or inherit", supervisor.HandoffPort)
	case c.Ready == supervisor.ReadyHTTP:
		return b.errorf("ready", "%q "+which+"can reach one worker: use that, or listen or notify", supervisor.ReadyHTTP)
	case c.Front.MaxRequests > 0:
		return b.errorf("max-requests", "%d "+which+"counts requests: use that, or off", c.Front.MaxRequests)
	}
	for _, s := range schema {
		switch {
		case s.group != groupFront || !b.given(s.name):
		case s.name != "slow-start":
			b.warn(s.name, "has no effect without --accept front")
		case c.Accept != supervisor.AcceptSteered:
			b.warn(s.name, "has no effect without --accept front or steered")
		}
	}
	return nil
}

// verifyReady tells of a path that nobody asks for.
func (b *builder) verifyReady() error {
	if b.s.Config.Ready != supervisor.ReadyHTTP && b.given("ready-path") {
		b.warn("ready-path", "has no effect without --ready http")
	}
	return nil
}

// verifyHandoff checks that there is something to hand over: the address that a
// program binds is seen by adopting it, and not otherwise; {fd} stands for a
// socket that is held before the program starts; who is told a port binds that,
// and not the address to serve.
func (b *builder) verifyHandoff() error {
	_, activated := lookup(b.environ, "LISTEN_FDS")
	c := b.s.Config
	held := len(c.Listen) > 0 || activated
	names := func(what string) bool {
		return slices.ContainsFunc(c.Command, func(arg string) bool { return strings.Contains(arg, what) })
	}
	switch {
	case names("{fd}") && !c.Inherits():
		return b.errorf("handoff", "the command asks for {fd}, which is inherited: add inherit")
	case names("{fd}") && !held:
		return b.errorf("handoff", "the command asks for {fd}, and no socket is held before it starts: say where with --listen")
	case names("{port}") && !c.GivesPort():
		return b.errorf("handoff", "the command asks for {port}, which port gives, with --accept front: add port")
	case c.GivesPort() && !held:
		return b.errorf("handoff", "with port rota does not see which address to serve: say it with --listen")
	case !held && !c.Adopts():
		return b.errorf("handoff", "without adopt rota does not see what the command binds: add adopt, or say it with --listen")
	}
	return nil
}

// errorf is an error about a setting, wherever its value comes from.
func (b *builder) errorf(name, format string, args ...any) error {
	return fmt.Errorf("%s: %w", b.origins[name], fmt.Errorf(format, args...))
}

// given tells whether a setting has its value from anywhere but its default.
func (b *builder) given(name string) bool {
	return slices.ContainsFunc(b.s.Values, func(v Value) bool { return v.Name == name && v.Source != fromDefault })
}

func (b *builder) warn(name, text string) {
	b.s.Warnings = append(b.s.Warnings, b.origins[name]+": "+text)
}

// show replaces what is shown of a setting.
func (b *builder) show(name, value string) {
	for i := range b.s.Values {
		if b.s.Values[i].Name == name {
			b.s.Values[i].Value = value
		}
	}
}
