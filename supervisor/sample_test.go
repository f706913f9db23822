package supervisor

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"rota/policy"
	"rota/procstats"
)

// look has one worker looked at.
func (f *fixture) look(u procstats.Usage) WorkerStatus {
	p := f.in(0)
	u.ID, u.PIDs = p.id, []int{p.pid}
	f.onSampled(sampled{at: f.now, usages: []procstats.Usage{u}, container: f.container.now}, f.now)
	f.publish(f.now)
	return f.Status().Workers[0]
}

func TestMemoryThatCannotBeRead(t *testing.T) {
	whole := procstats.Usage{RSS: 20 * mib, PSS: 15 * mib, Private: 10 * mib, Proportional: 16 * mib, MinorFaults: 7, LazyFree: mib}
	for name, c := range map[string]struct {
		usage   procstats.Usage
		sampled bool
		denied  bool
		total   int64 // of all workers, after it
		warns   string
	}{
		"all of it":     {usage: whole, sampled: true, total: 16 * mib},
		"no rollup":     {usage: procstats.Usage{RSS: 20 * mib, Private: 20 * mib, Proportional: 20 * mib, Denied: true}, sampled: true, denied: true, total: 20 * mib, warns: "cannot read smaps_rollup"},
		"nothing":       {usage: procstats.Usage{Hidden: true}, denied: true, total: 16 * mib, warns: "cannot read status"},
		"a part":        {usage: procstats.Usage{RSS: mib, Private: mib, Proportional: mib, Hidden: true}, denied: true, total: 16 * mib, warns: "cannot read status"},
		"an odd format": {usage: procstats.Usage{RSS: mib, Err: errors.New("cannot read /proc/1/status: odd")}, sampled: true, total: 16 * mib, warns: "/proc/1/status: odd: "},
		"it has gone":   {usage: procstats.Usage{Err: fs.ErrNotExist}, sampled: true, total: 16 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			f.look(whole)
			ws := f.look(c.usage)
			if ws.Sampled != c.sampled || ws.Denied != c.denied || f.Status().Memory != c.total {
				t.Errorf("sampled %v, denied %v, total %d; want %v, %v, %d", ws.Sampled, ws.Denied, f.Status().Memory, c.sampled, c.denied, c.total)
			}
			f.now = f.now.Add(time.Second)
			f.look(c.usage)
			warnings := f.of(Warning)
			if c.warns == "" && len(warnings) > 0 || c.warns != "" && (len(warnings) != 1 || !strings.Contains(warnings[0].Message, c.warns)) {
				t.Errorf("%+v, want one of %q", warnings, c.warns)
			}
			// The next release may be another user's.
			f.in(0).generation = 2
			f.look(c.usage)
			if c.warns != "" && len(f.of(Warning)) != 2 {
				t.Errorf("%+v, want one for each release", f.of(Warning))
			}
		})
	}
}

// A server of several threads that ends is seen for a moment without its main one.
func TestMemoryOfAWorkerThatEnds(t *testing.T) {
	half := procstats.Usage{Err: errors.New("cannot read /proc/1/status: the main thread has ended, others have not")}
	f := newFixture(t, 1)
	f.look(half)
	f.look(procstats.Usage{RSS: mib})
	f.now = f.now.Add(time.Minute)
	f.look(half)
	f.fleet.Retire(f.config.Policy, policy.Drain{ID: f.in(0).id}, f.now)
	f.now = f.now.Add(time.Minute)
	f.look(half)
	if warnings := f.of(Warning); len(warnings) > 0 {
		t.Errorf("%+v", warnings)
	}
}

// What a decision wants measured stays wanted until it was, or cannot be.
func TestMeasureIsAskedForUntilItIsDone(t *testing.T) {
	for name, c := range map[string]struct {
		usage procstats.Usage
		done  bool
	}{
		"read":             {procstats.Usage{RSS: mib, Fresh: true}, true},
		"no budget for it": {procstats.Usage{RSS: mib, Measured: time.Now()}, false},
		"denied":           {procstats.Usage{RSS: mib, Denied: true}, true},
		"there is no such": {procstats.Usage{RSS: mib, Unsupported: true}, true},
	} {
		f := newFixture(t, 1)
		id := f.in(0).id
		f.sampling = true // nothing is read here
		if f.carryOut(policy.Measure{ID: id}, f.now) || !f.measure[id] {
			t.Errorf("%s: not asked for", name)
		}
		f.look(c.usage)
		if f.measure[id] == c.done {
			t.Errorf("%s: asked for %v after the look", name, f.measure[id])
		}
	}
}
