package procstats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"syscall"
)

// errNoChildrenFile: the kernel was built without CONFIG_PROC_CHILDREN.
var errNoChildrenFile = errors.New("kernel has no children files")

// Children are the direct children of pid, zombies among them. The kernel keeps
// a list for each thread, in /proc/PID/task/TID/children; where it does not
// have that file, the parents in /proc/*/stat tell. A child that is born or
// ends during the call may or may not be in the answer.
func (k Kernel) Children(pid int) ([]int, error) {
	kids, err := k.threadChildren(pid)
	if !errors.Is(err, errNoChildrenFile) {
		return kids, err
	}
	byParent, err := k.byParent()
	return byParent[pid], err
}

// Tree is leader and everything that descends from it, leader first, zombies
// included. What was orphaned has another parent now and is not among it; see
// Group. The error is about leader; whoever else ends meanwhile is left out.
func (k Kernel) Tree(leader int) ([]int, error) {
	next := k.threadChildren
	order, seen := []int{leader}, map[int]bool{leader: true}
	for i := 0; i < len(order); i++ {
		kids, err := next(order[i])
		if errors.Is(err, errNoChildrenFile) {
			// One look at all processes answers for the whole tree.
			byParent, err := k.byParent()
			if err != nil {
				return nil, err
			}
			next = func(pid int) ([]int, error) { return byParent[pid], nil }
			kids = byParent[order[i]]
		} else if err != nil {
			if i == 0 {
				return nil, err
			}
			continue
		}
		for _, kid := range kids {
			if !seen[kid] {
				seen[kid] = true
				order = append(order, kid)
			}
		}
	}
	return order, nil
}

// Group is every process whose process group is pgid, in ascending order,
// zombies left out: they cannot be signalled to any effect. No such group is an
// empty answer.
func (k Kernel) Group(pgid int) ([]int, error) {
	var group []int
	err := k.everyStat(func(s Stat) {
		if s.PGrp == pgid && !s.ended() {
			group = append(group, s.PID)
		}
	})
	return group, err
}

// threadChildren reads the children file of each thread of pid. A child hangs
// on the thread that forked it, so all threads have to be asked.
func (k Kernel) threadChildren(pid int) ([]int, error) {
	tids, err := numericNames(nil, k.of(pid, "task"))
	if err != nil {
		return nil, err
	}
	var kids []int
	for _, tid := range tids {
		dir := k.of(pid, "task/") + strconv.Itoa(tid)
		more, err := load(dir+"/children", parseChildren)
		switch {
		case err == nil:
			kids = append(kids, more...)
		case !Gone(err):
			return nil, err
		case exists(dir):
			return nil, errNoChildrenFile
		}
		// The thread has ended: its children hang on another one now.
	}
	return kids, nil
}

// byParent maps each parent to its children, from /proc/*/stat.
func (k Kernel) byParent() (map[int][]int, error) {
	byParent := map[int][]int{}
	err := k.everyStat(func(s Stat) { byParent[s.PPID] = append(byParent[s.PPID], s.PID) })
	return byParent, err
}

// everyStat calls use with the Stat of each process, in ascending order of pid.
// One that cannot be read has ended, or is hidden from us: either way not ours.
func (k Kernel) everyStat(use func(Stat)) error {
	pids, err := k.pids(nil)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if s, err := k.Stat(pid); err == nil {
			use(s)
		}
	}
	return nil
}

// parseChildren reads the format of /proc/PID/task/TID/children: pids, each
// followed by a space.
func parseChildren(r io.Reader) ([]int, error) {
	var kids []int
	err := slurp(r, func(data []byte) error {
		for field := range bytes.FieldsSeq(data) {
			pid, err := strconv.Atoi(string(field))
			if err != nil || pid <= 0 {
				return fmt.Errorf("%q is not a pid", field)
			}
			kids = append(kids, pid)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return kids, nil
}

func exists(path string) bool {
	return syscall.Access(path, 0) == nil
}
