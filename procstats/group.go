package procstats

import (
	"errors"
	"fmt"
	"io"
	"path"
	"sync"
	"time"
)

// Group is the control group that our own memory is charged to. It remembers
// where that is, since finding it means to read all mounts, and finds it again
// when we were moved to another. Its methods may be called at the same time.
type Group struct {
	kernel Kernel

	mu      sync.Mutex
	said    string // what /proc/self/cgroup said when at was found
	at      memoryGroup
	found   bool
	machine meminfo   // for what hardly changes: its size, and how much of it is the kernel's
	read    time.Time // when machine was
	met     tally     // of limits
	killed  tally
}

// machineAge is how old machine may get.
const machineAge = 10 * time.Second

// NewGroup makes a Group of this process's, which need not exist.
func NewGroup(k Kernel) *Group { return &Group{kernel: k} }

// OOMKills is MemoryEvents.OOMKill now.
func (g *Group) OOMKills() (OOMKills, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, err := g.find()
	if err != nil {
		return OOMKills{}, err
	}
	n, err := g.kernel.oomKills(at)
	if err != nil {
		return OOMKills{}, err
	}
	return g.killed.add(at.dir, MemoryEvents{OOMKill: n}).OOMKill, nil
}

// Nests tells whether the memory of a process is charged to another group than
// ours, which for who descends from us is one within ours. It is false for a
// process that cannot be looked at, and where OOMKills are all counted as our own.
func (g *Group) Nests(pid int) bool {
	g.mu.Lock()
	at, err := g.find()
	g.mu.Unlock()
	if err != nil || !at.countsApart() {
		return false
	}
	its, err := load(fmt.Sprintf("%s/%d/cgroup", g.kernel.Proc, pid), parseCgroup)
	ours, err2 := load(g.kernel.Proc+"/self/cgroup", parseCgroup)
	if err != nil || err2 != nil {
		return false
	}
	in, _, ok := memoryController(its)
	own, _, ok2 := memoryController(ours)
	return ok && ok2 && in != own
}

// locate is where the group is now, and on what machine.
func (g *Group) locate() (memoryGroup, meminfo, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now(); now.Sub(g.read) >= machineAge {
		machine, err := g.kernel.meminfo()
		if err != nil {
			return memoryGroup{}, meminfo{}, err
		}
		g.machine, g.read = machine, now
	}
	at, err := g.find()
	return at, g.machine, err
}

// find is the group now, or one without a folder if there is none.
func (g *Group) find() (memoryGroup, error) {
	said, err := load(g.kernel.Proc+"/self/cgroup", parseText)
	if err == nil && g.found && said == g.said && isDir(g.at.dir) {
		return g.at, nil
	}
	// Looking at it twice is harmless: if we are moved between, what is found is
	// the new group, and the next call finds it again.
	g.at, err = g.kernel.memoryGroup()
	g.said, g.found = said, err == nil
	if errors.Is(err, errNoGroup) {
		err = nil
	}
	return g.at, err
}

// parseText takes a file as it is.
func parseText(r io.Reader) (string, error) {
	var text string
	err := slurp(r, func(data []byte) error {
		text = string(data)
		return nil
	})
	return text, err
}

// upwards are the folders of the group and of those around it, innermost first,
// as far up as they can be seen; none if there is no group.
func (at memoryGroup) upwards() []string {
	if at.dir == "" {
		return nil
	}
	dirs := []string{at.dir}
	for dir := at.dir; len(dir) > len(at.mount); {
		dir = path.Dir(dir)
		dirs = append(dirs, dir)
	}
	return dirs
}
