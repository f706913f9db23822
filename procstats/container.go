package procstats

import (
	"errors"
	"io/fs"
	"path"
	"time"
)

// Container is the memory of the control group that is nearest to its limit: our
// own, or one around it as far up as can be seen. Where none has a limit below
// the machine's memory, it is the machine's. Sizes are in bytes.
type Container struct {
	// Limit is the smaller of memory.max and memory.high (version 1:
	// memory.limit_in_bytes) of the group that has the least room between it and
	// Unreclaimable, and the sizes are that group's. Of a limit that only
	// hierarchical_memory_limit of version 1 tells, the group cannot be seen; the
	// sizes are those of the outermost that can, and so the least that it holds.
	Limit   Limit
	Machine bool // no group limits us: Limit is the machine's memory, and the sizes are the machine's too

	Usage         int64 // all that is charged, page cache included
	WorkingSet    int64 // Usage - inactive_file: what kubectl shows
	Unreclaimable int64 // what cannot be taken back without swapping or killing
	Swap          int64 // what is swapped out, beside Usage

	Events   MemoryEvents
	Pressure Pressure
	// OOMGroup: the kernel kills the whole group, us too, when one process in it is
	// over the limit. OOMGroupSource is the file that says so; of several, the
	// outermost, which is the one that the kernel heeds.
	OOMGroup       bool
	OOMGroupSource string
}

// room is what may still be needed before the limit is met.
func (c Container) room() int64 { return c.Limit.Bytes - c.Unreclaimable }

// Container looks at the memory of the control group that we are in now. With an
// error and a Limit only Events, Pressure or OOMGroup could not be read.
//
// It costs some 20 µs on version 1 for each group that has a limit and some 100
// in all; a memory.stat of version 2 can take longer on machines with many CPUs.
func (g *Group) Container() (Container, error) {
	at, machine, err := g.locate()
	if err != nil {
		return Container{}, err
	}
	var c Container
	if at.dir != "" {
		if c, err = at.nearest(machine); err != nil {
			return Container{}, err
		}
	}
	if c.Limit.Bytes == 0 {
		if machine, err = g.kernel.meminfo(); err != nil {
			return Container{}, err
		}
		c = machine.container(g.kernel)
	}
	errs := make([]error, 4)
	if at.dir != "" {
		c.Events, errs[0] = g.events(at, c)
		c.OOMGroupSource, errs[1] = at.oomGroup()
		c.OOMGroup = c.OOMGroupSource != ""
	}
	c.Events.OOMKill, errs[2] = g.OOMKills()
	c.Pressure, errs[3] = g.kernel.pressure(at)
	return c, errors.Join(errs...)
}

// nearest is the group with the least room, without a Limit if there is none
// that limits us. A limit that is no smaller than the machine is none.
func (at memoryGroup) nearest(machine meminfo) (Container, error) {
	var nearest, outermost Container
	consider := func(limit Limit, c Container) {
		c.Limit = limit
		if nearest.Limit.Bytes == 0 || c.room() < nearest.room() {
			nearest = c
		}
	}
	least, seen := Limit{}, false
	for _, dir := range at.upwards() {
		limit, err := at.limit(dir)
		if err != nil {
			return Container{}, err
		}
		least.lower(limit)
		if seen = machine.limits(limit); !seen {
			continue
		}
		if outermost, err = at.charge(dir, machine); err != nil {
			return Container{}, err
		}
		consider(limit, outermost)
	}
	hidden, err := at.hiddenLimit()
	if err != nil || !machine.limits(hidden) || least.Bytes > 0 && hidden.Bytes >= least.Bytes {
		return nearest, err
	}
	if !seen { // the outermost has no limit of its own, and was not read
		if outermost, err = at.charge(at.mount, machine); err != nil {
			return Container{}, err
		}
	}
	consider(hidden, outermost)
	return nearest, nil
}

// limit is the limit that one group sets.
func (at memoryGroup) limit(dir string) (Limit, error) {
	files := []string{"memory.max", "memory.high"}
	if at.v1 {
		files = []string{"memory.limit_in_bytes"}
	}
	var least Limit
	for _, file := range files {
		limit, err := readLimit(path.Join(dir, file))
		if err != nil {
			return Limit{}, err
		}
		least.lower(limit)
	}
	return least, nil
}

// hiddenLimit is the least of the limits of our group and all around it as
// memory.stat of version 1 tells it, also of groups that cannot be seen.
func (at memoryGroup) hiddenLimit() (Limit, error) {
	if !at.v1 {
		return Limit{}, nil
	}
	file := path.Join(at.dir, "memory.stat")
	stat, err := load(file, parseMemoryStatV1)
	if errors.Is(err, fs.ErrNotExist) || err == nil && stat.Limit == 0 {
		return Limit{}, nil
	}
	return Limit{Bytes: stat.Limit, Source: file}, err
}

// charge is what one group is charged with. What a kernel does not count is 0;
// where it does not say what the charge consists of, all of it is taken to stay.
func (at memoryGroup) charge(dir string, machine meminfo) (Container, error) {
	var c Container
	usage, parse := "memory.current", parseMemoryStat
	if at.v1 {
		usage, parse = "memory.usage_in_bytes", parseMemoryStatV1
	}
	var err error
	if c.Usage, err = readSize(path.Join(dir, usage)); err != nil {
		return Container{}, err
	}
	stat, err := load(path.Join(dir, "memory.stat"), parse)
	if errors.Is(err, fs.ErrNotExist) {
		c.WorkingSet, c.Unreclaimable = c.Usage, c.Usage
		return c, nil
	}
	if err != nil {
		return Container{}, err
	}
	c.Unreclaimable = stat.unreclaimable()
	if at.v1 {
		kernel, err := readSize(path.Join(dir, "memory.kmem.usage_in_bytes"))
		if err != nil {
			return Container{}, err
		}
		c.Unreclaimable += min(kernel, machine.kernelThatStays())
		c.Swap = stat.Swap
	} else if c.Swap, err = readSize(path.Join(dir, "memory.swap.current")); err != nil {
		return Container{}, err
	}
	// The parts are counted apart from the whole, and a little later.
	c.Unreclaimable = min(c.Unreclaimable, c.Usage)
	c.WorkingSet = max(0, c.Usage-stat.InactiveFile)
	return c, nil
}

// events are those of the group that limits us.
func (g *Group) events(at memoryGroup, c Container) (MemoryEvents, error) {
	dir := at.dir
	if !c.Machine {
		dir = at.levelOf(c.Limit)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	e, err := at.events(dir)
	if err != nil {
		return MemoryEvents{}, err
	}
	sum := g.met.add(dir, e)
	// Also one that comes to be the nearest just when its limit is met has counted
	// from here on.
	for _, other := range at.upwards() {
		if g.met.knows(other) {
			continue
		}
		if e, err = at.events(other); err != nil {
			return MemoryEvents{}, err
		}
		g.met.add(other, e)
	}
	return sum, nil
}

// oomGroup is the outermost memory.oom.group that is set; empty if none is.
func (at memoryGroup) oomGroup() (source string, err error) {
	if at.v1 {
		return "", nil
	}
	for _, dir := range at.upwards() {
		file := path.Join(dir, "memory.oom.group")
		n, err := readSize(file)
		if err != nil {
			return "", err
		}
		if n != 0 {
			source = file
		}
	}
	return source, nil
}

// levelOf is the folder of the group that sets a limit. One that only
// hierarchical_memory_limit tells is outside of what can be seen.
func (at memoryGroup) levelOf(limit Limit) string {
	if path.Base(limit.Source) == "memory.stat" {
		return at.mount
	}
	return path.Dir(limit.Source)
}

// Pressure is for how long processes waited for memory since the machine or
// their group was started (PSI).
type Pressure struct {
	Known  bool
	Source string        // our own group's memory.pressure, or the machine's where that does not exist (version 1)
	Some   time.Duration // at least one did
	Full   time.Duration // all that could have run did
}
