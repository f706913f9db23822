package supervisor

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/listener"
	"rota/policy"
	"rota/procstats"
)

// fakeContainer is a container that a test fills.
type fakeContainer struct {
	now procstats.Container
	err error
}

func (f *fakeContainer) Container() (procstats.Container, error) { return f.now, f.err }
func (f *fakeContainer) OOMKills() (procstats.OOMKills, error)   { return f.now.Events.OOMKill, f.err }
func (f *fakeContainer) Nests(int) bool                          { return false }

const mib = 1 << 20

// nobody is a pid that no process can have, nor any above it: they end at 2^22.
// What a test calls a worker is told to stop, and must not be somebody else.
const nobody = 1 << 23

// fixture is a supervisor whose workers are told to it, and what it says.
type fixture struct {
	*Supervisor
	container *fakeContainer
	events    []Event
	now       time.Time
}

func newFixture(t *testing.T, workers int) *fixture {
	t.Helper()
	f := &fixture{now: time.Now(), container: &fakeContainer{now: procstats.Container{
		Limit: procstats.Limit{Bytes: 512 * mib}, Unreclaimable: 500 * mib, Events: procstats.MemoryEvents{OOMKill: procstats.OOMKills{Own: 7, Nested: 2}},
	}}}
	address, err := listener.ParseAddress("unix:" + t.TempDir() + "/s")
	if err != nil {
		t.Fatal(err)
	}
	f.Supervisor, err = New(Config{
		Policy:  policy.Config{SampleInterval: time.Second, MemorySamples: 3, MaxSurge: 1, MinUptime: time.Second},
		Workers: workers, Command: []string{"server"}, Listen: []listener.Address{address},
		Accept: AcceptShared, Handoff: []string{HandoffInherit}, StopSignal: syscall.SIGTERM,
	}, Options{Observe: func(e Event) { f.events = append(f.events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.sockets.Close() })
	f.Supervisor.container = f.container
	f.samples = time.NewTimer(time.Hour)
	t.Cleanup(func() { f.samples.Stop() })
	f.survey(f.now)
	for slot := range workers {
		w := f.fleet.Launch(policy.Start{Slot: slot, Generation: 1}, f.now)
		f.fleet.MarkReady(f.config.Policy, w.ID, f.now)
		p := &process{id: w.ID, slot: slot, pid: nobody + slot, pidfd: -1, launched: true, readyAt: f.now}
		f.processes[w.ID], f.leaders[p.pid] = p, w.ID
	}
	return f
}

// looks has all workers looked at, each with these processes beside its leader.
func (f *fixture) looks(children ...[]int) {
	m := sampled{at: f.now, container: f.container.now, err: f.container.err}
	for slot, pids := range children {
		p := f.in(slot)
		u := procstats.Usage{ID: p.id, PIDs: []int{p.pid}, RSS: 240 * mib, Private: 240 * mib, PSS: 240 * mib}
		for _, child := range pids {
			u.PIDs = append(u.PIDs, nobody+child)
		}
		m.usages = append(m.usages, u)
	}
	f.onSampled(m, f.now)
}

func (f *fixture) in(slot int) *process {
	for _, p := range f.processes {
		if p.slot == slot {
			return p
		}
	}
	return nil
}

// ends has the leader of a slot end and returns what was said of it.
func (f *fixture) ends(slot int, status syscall.WaitStatus) Event {
	p := f.in(slot)
	f.onExited(exited{p.pid, status}, f.now)
	return f.events[len(f.events)-1]
}

func (f *fixture) of(kind Kind) (events []Event) {
	for _, e := range f.events {
		if e.Kind == kind {
			events = append(events, e)
		}
	}
	return events
}

const (
	killed  = syscall.WaitStatus(syscall.SIGKILL)
	exit137 = syscall.WaitStatus(137 << 8)
	exit1   = syscall.WaitStatus(1 << 8)

	segfault = syscall.WaitStatus(syscall.SIGSEGV)
)

func TestWhoKilledAWorker(t *testing.T) {
	for name, c := range map[string]struct {
		status syscall.WaitStatus
		kills  uint64 // counted by the time of its end
		before bool   // and seen in a look before
		leave  bool   // it was told to go
		kill   bool   // and rota had killed it
		want   string
	}{
		"by hand":                        {killed, 0, false, false, false, ExitCrash},
		"by the kernel":                  {killed, 1, false, false, false, ExitOOM},
		"counted long before":            {killed, 1, true, false, false, ExitOOM},
		"in a shell":                     {exit137, 1, false, false, false, ExitOOM},
		"a shell, by hand":               {exit137, 0, false, false, false, ExitCrash},
		"a shell that went on":           {exit1, 1, false, false, false, ExitOOM},
		"a shell that went on, by hand":  {exit1, 0, false, false, false, ExitCrash},
		"told to go, a child killed":     {exit1, 1, false, true, false, ExitDrained},
		"a crash, a child killed":        {segfault, 1, false, false, false, ExitCrash},
		"while it drained":               {killed, 1, false, true, false, ExitOOM},
		"by rota, a child by the kernel": {killed, 1, false, true, true, ExitKilled},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			f.looks(nil)
			id := f.in(0).id
			if c.leave {
				f.fleet.Retire(f.config.Policy, policy.Drain{ID: id, Trigger: policy.Memory}, f.now)
			}
			if c.kill {
				f.fleet.Finish(policy.Kill{ID: id}, f.now)
			}
			f.container.now.Events.OOMKill.Own += c.kills
			f.now = f.now.Add(100 * time.Millisecond)
			if c.before {
				f.container.now.Unreclaimable = 20 * mib // when it has gone
				f.looks(nil)
				f.now = f.now.Add(time.Second)
			}
			e := f.ends(0, c.status)
			if c.leave {
				e = f.of(WorkerExited)[0]
			}
			if e.Exit != c.want {
				t.Errorf("%q, want %q: %+v", e.Exit, c.want, e)
			}
			wantReason := ""
			if c.want == ExitOOM {
				wantReason = "the kernel killed it for want of memory: the container may have 512MiB, and 500MiB of it could not be taken back 100ms before; it had 240MiB when last looked at"
			}
			if e.Reason != wantReason {
				t.Errorf("reason %q, want %q", e.Reason, wantReason)
			}
			if !c.leave && (e.Kind != WorkerCrashed || e.Trigger != policy.Crash || !e.Failure) {
				t.Errorf("%+v is no crash", e)
			}
			if len(f.of(OOMKill)) > 0 {
				t.Errorf("told twice: %+v", f.of(OOMKill))
			}
		})
	}
}

// A kill is laid to one account: of two workers of which one died of the kernel
// and one by hand, one did.
func TestAKillCountsOnce(t *testing.T) {
	f := newFixture(t, 3)
	f.looks(nil, nil, nil)
	f.container.now.Events.OOMKill.Own += 2
	var exits []string
	for slot := range 3 {
		exits = append(exits, f.ends(slot, killed).Exit)
	}
	if want := []string{ExitOOM, ExitOOM, ExitCrash}; !slices.Equal(exits, want) {
		t.Errorf("%q, want %q", exits, want)
	}
	// A look that was begun before tells nothing of those.
	late := sampled{at: f.now.Add(-time.Millisecond), container: f.container.now}
	late.container.Events.OOMKill.Own--
	f.onSampled(late, f.now)
	f.now = f.now.Add(dying)
	f.looks()
	if len(f.kills.open) > 0 || len(f.of(OOMKill)) > 0 {
		t.Errorf("%v, %+v", f.kills, f.of(OOMKill))
	}
}

// A server that ends by itself just after another one has lost a child to the
// kernel was not killed by it.
func TestAnEndBesideAKill(t *testing.T) {
	for name, children := range map[string][]int{"seen in a look": nil, "not seen yet": {20}} {
		f := newFixture(t, 2)
		f.looks(nil, []int{20})
		f.container.now.Events.OOMKill.Own++
		f.now = f.now.Add(time.Second)
		f.looks(nil, children)
		if e := f.ends(0, exit1); e.Exit != ExitCrash {
			t.Errorf("%s: %+v", name, e)
		}
		f.now = f.now.Add(dying)
		f.looks()
		if got := f.of(OOMKill); len(got) != 1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A group of its own that a worker had is gone, and the kills that it counted.
func TestACounterThatFalls(t *testing.T) {
	f := newFixture(t, 2)
	f.container.now.Events.OOMKill.Own = 0
	f.now = f.now.Add(time.Second)
	f.looks(nil, nil)
	f.container.now.Events.OOMKill.Own = 1
	f.now = f.now.Add(time.Second)
	if e := f.ends(0, killed); e.Exit != ExitOOM {
		t.Errorf("%+v", e)
	}
	if e := f.ends(1, killed); e.Exit != ExitCrash {
		t.Errorf("%+v", e)
	}
}

// What is killed in a group within rota's is no worker of rota's own group, but one
// that has moved to a group of its own.
func TestKillsInOtherGroups(t *testing.T) {
	for nested, want := range map[bool]string{false: ExitCrash, true: ExitOOM} {
		f := newFixture(t, 2)
		f.looks(nil, nil)
		f.in(0).nested = nested
		f.container.now.Events.OOMKill.Nested++
		f.now = f.now.Add(time.Second)
		if e := f.ends(0, killed); e.Exit != want {
			t.Errorf("in a group of its own: %v: %+v", nested, e)
		}
		f.now = f.now.Add(dying)
		f.looks()
		if got := len(f.of(OOMKill)); (got == 1) == nested {
			t.Errorf("in a group of its own: %v: %+v", nested, f.of(OOMKill))
		}
	}
	f := newFixture(t, 1)
	f.in(0).nested = true
	f.container.now.Events.OOMKill.Own++
	if e := f.ends(0, killed); e.Exit != ExitCrash {
		t.Errorf("%+v", e)
	}
}

func TestKillsOfOtherProcesses(t *testing.T) {
	for name, c := range map[string]struct {
		after [][]int // the children in the looks after the kill
		want  uint64
	}{
		"of one worker": {[][]int{{10, 11}, {20}}, 2},
		"of one of two": {[][]int{{10}, {20}}, 0},
		"of none":       {[][]int{{10, 11}, {20, 21}}, 0},
		"and a new one": {[][]int{{10, 11}, {20, 22}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 2)
			f.looks([]int{10, 11}, []int{20, 21})
			f.now = f.now.Add(time.Hour) // what went long before is no hint
			f.looks([]int{10, 11}, []int{20, 21})
			f.container.now.Events.OOMKill.Own++
			f.now = f.now.Add(time.Second)
			f.looks(c.after...)
			f.now = f.now.Add(dying - time.Millisecond)
			f.looks(c.after...)
			if got := f.of(OOMKill); len(got) > 0 {
				t.Fatalf("told before the process may have ended: %+v", got)
			}
			f.now = f.now.Add(time.Millisecond)
			f.looks(c.after...)
			f.looks(c.after...)
			got := f.of(OOMKill)
			if len(got) != 1 || got[0].Worker != c.want || got[0].Reason == "" {
				t.Errorf("%+v, want one, of worker %d", got, c.want)
			}
			// Who is killed by hand after that was not killed by the kernel.
			if e := f.ends(0, killed); e.Exit != ExitCrash {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestAContainerThatCannotBeRead(t *testing.T) {
	f := newFixture(t, 1)
	f.looks(nil)
	had := f.fleet.Container
	f.container.err = errors.New("cannot read memory.current: no")
	f.container.now = procstats.Container{}
	f.looks(nil)
	f.looks(nil)
	if got := f.of(Warning); len(got) != 1 || !strings.Contains(got[0].Message, "cannot read memory.current: no") {
		t.Errorf("%+v, want one warning", got)
	}
	if f.fleet.Container != had {
		t.Errorf("%+v, want what was last known: %+v", f.fleet.Container, had)
	}
	if e := f.ends(0, killed); e.Exit != ExitCrash {
		t.Errorf("%+v", e)
	}
}

func TestAContainerThatIsKilledAsAWhole(t *testing.T) {
	f := newFixture(t, 1)
	f.container.now.OOMGroup, f.container.now.OOMGroupSource = true, "/sys/fs/cgroup/memory.oom.group"
	f.survey(f.now)
	f.survey(f.now)
	got := f.of(Warning)
	if len(got) != 1 || !strings.HasPrefix(got[0].Message, "/sys/fs/cgroup/memory.oom.group is 1: ") || !strings.Contains(got[0].Message, "singleProcessOOMKill: true") {
		t.Errorf("%+v", got)
	}
}

// A worker of no size at all is to be heavier than rota, whatever the limit.
func TestScoreOutweighsRota(t *testing.T) {
	for limit, want := range map[int64]int{
		0: 100, 64 * mib: 1000, 256 * mib: 500, 300 * mib: 427, 1280 * mib: 100, 64 << 30: 100,
	} {
		if got := score(limit); got != want {
			t.Errorf("under %d MiB the score is %d, want %d", limit/mib, got, want)
		}
	}
}
