package supervisor

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rota/listener"
	"rota/listener/adopt"
	"rota/policy"
	"rota/procstats"
)

// process is a worker as the kernel sees it: a leader in a process group of its
// own, and all that descends from it.
type process struct {
	id         uint64
	slot       int
	generation int
	began      time.Time
	reason     string // the numbers behind its start

	pid        int // of the leader, and of its group
	pidfd      int // -1 before the fork
	leaderGone bool
	goneAt     time.Time // when it went
	status     syscall.WaitStatus
	groupTold  bool // what the leader left behind got the stop signal
	asking     bool // whether that is needed is being looked into
	lingers    bool // a look at what it left behind is due
	launched   bool // the shim has become the command, or failed to
	checked    bool // whether it catches the stop signal was looked at
	uncaught   bool // it does not
	signalled  time.Time
	strays     []stray // descendants that left the group

	notify   *os.File // where trapped calls arrive
	reports  []adopt.Report
	server   int           // the process that listens; 0 until it is known
	attend   chan struct{} // ends the watch for it to wait for connections
	doubted  *time.Timer   // when it is taken at its word all the same; nil before it listens
	probing  func()        // ends the asking whether it is ready; nil before
	quieting chan struct{} // ends the wait for it to have nothing under way; nil if there is none
	answer   string        // what came instead the last time
	port     uint16        // that it is told to bind; 0 for none
	unseen   bool          // nobody tells what it binds: there is no filter
	said     bool          // it said READY=1
	listened bool          // on a socket that is served
	blind    bool          // nothing tells whether it waits for connections
	readyAt  time.Time
	drainAt  time.Time
	inFlight int // when it was told to drain

	requests int64 // that the front has given it, as of the last look at them

	cut         int  // requests that were ended unfinished
	cutUpgrades int  // upgraded connections that were; not in cut
	cutOff      bool // the front has done that

	failed string // why it could not be executed

	usage    procstats.Usage // at the last look
	cores    cores
	foreseen policy.Foreseen // and what that said of the next ones
	unread   time.Time       // since when it cannot be read, for no known reason; zero if it can
	shrank   time.Time       // when a process of it was last found to have gone
	nested   bool            // its leader is in a control group within rota's
	oom      string          // the kernel killed its leader for want of memory: the numbers
}

// stray is a descendant outside the worker's group. The start time tells it
// from another process that was given its pid.
type stray struct {
	pid   int
	start uint64
}

// signalLeader sends a signal to the leader alone: a server passes it on to its
// children as it sees fit.
func (p *process) signalLeader(sig syscall.Signal) {
	if p.pidfd >= 0 && !p.leaderGone {
		_ = unix.PidfdSendSignal(p.pidfd, sig, nil, 0)
	}
}

// signalGroup sends a signal to all that is left of the worker.
func (p *process) signalGroup(sig syscall.Signal) {
	if p.pid == 0 {
		return
	}
	_ = syscall.Kill(-p.pid, sig)
	for _, s := range p.strays {
		if s.alive() {
			_ = syscall.Kill(s.pid, sig)
		}
	}
}

// gone tells whether nothing of the worker is left.
func (p *process) gone() bool {
	if p.pid == 0 || !p.leaderGone {
		return p.pid == 0
	}
	// The group's id is not given to another process while a member lives.
	if syscall.Kill(-p.pid, 0) != syscall.ESRCH {
		return false
	}
	for _, s := range p.strays {
		if s.alive() {
			return false
		}
	}
	return true
}

// findStrays notes the descendants that have left the group, while the leader
// still lives and they can be found.
func (p *process) findStrays() {
	if p.pid == 0 || p.leaderGone {
		return
	}
	if pids, err := procstats.Host.Tree(p.pid); err == nil {
		p.noteStrays(pids)
	}
}

// noteStrays adds those of some descendants that have left the group to what is
// known of them: their own parents may have ended since.
func (p *process) noteStrays(pids []int) {
	p.strays = slices.DeleteFunc(p.strays, func(s stray) bool { return !s.alive() })
	for _, pid := range pids {
		stat, err := procstats.Host.Stat(pid)
		s := stray{pid: pid, start: stat.StartTime}
		if err == nil && stat.PGrp != p.pid && !slices.Contains(p.strays, s) {
			p.strays = append(p.strays, s)
		}
	}
}

func (s stray) alive() bool {
	stat, err := procstats.Host.Stat(s.pid)
	return err == nil && stat.StartTime == s.start && stat.State != 'Z'
}

// close gives up what rota holds of the worker.
func (p *process) close() {
	p.stopAttending()
	p.endQuiet()
	if p.notify != nil {
		p.notify.Close()
	}
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
		p.pidfd = -1
	}
}

func (p *process) stopAttending() {
	if p.attend != nil {
		close(p.attend)
		p.attend = nil
	}
	if p.doubted != nil {
		p.doubted.Stop()
	}
	if p.probing != nil {
		p.probing()
	}
}

// story says what a worker that never got ready was seen to do with sockets.
func (p *process) story(served []listener.Address) string {
	var bound, listened, other []string
	add := func(list *[]string, text string) {
		for _, have := range *list {
			if have == text {
				return
			}
		}
		*list = append(*list, text)
	}
	for _, r := range p.reports {
		switch r.Kind {
		case adopt.Bound:
			add(&bound, r.Address.String())
		case adopt.Listening:
			add(&listened, r.Address.String())
		case adopt.Refused, adopt.Opaque:
			add(&other, r.Err.Error())
		}
	}
	var parts []string
	switch {
	case p.failed != "":
		return p.failed
	case len(listened) > 0:
		parts = append(parts, "it listened on "+strings.Join(listened, ", "))
		if len(served) > 0 && !p.listened {
			parts = append(parts, fmt.Sprintf("not on %s", join(served)))
		}
	case len(bound) > 0:
		parts = append(parts, "it bound "+strings.Join(bound, ", ")+" but never listened")
	case p.unseen && !p.listened:
		parts = append(parts, fmt.Sprintf("it does not listen on port %d, which it was told in $PORT and {port}", p.port))
	case len(other) == 0 && !p.unseen:
		parts = append(parts, "it bound no TCP port")
	}
	if p.said {
		parts = append(parts, "it said READY=1, but there is no port to send requests to")
	}
	if p.answer != "" {
		parts = append(parts, p.answer)
	}
	return strings.Join(append(parts, other...), "; ")
}

func join(addresses []listener.Address) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

func signalName(sig syscall.Signal) string { return unix.SignalName(sig) }

// describeStatus says how a process ended, as a shell would number it.
func describeStatus(s syscall.WaitStatus) string {
	if s.Signaled() {
		return fmt.Sprintf("%s (exit code %d)", unix.SignalName(s.Signal()), exitCodeOf(s))
	}
	return fmt.Sprintf("exit code %d", s.ExitStatus())
}

// exitCodeOf is the exit code that a shell gives a process: 128+n for signal n.
func exitCodeOf(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
