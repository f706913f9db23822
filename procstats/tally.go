package procstats

// tally makes counters that never fall of those of several groups, of which now
// one and now another is looked at.
type tally struct {
	last map[string]MemoryEvents // by folder, as last read
	sum  MemoryEvents
}

// knows tells whether a group was met.
func (t *tally) knows(dir string) bool {
	_, met := t.last[dir]
	return met
}

// add takes over what a group counts. Of a group that is met later only what it
// counts from then on is ours; a counter that has fallen, as when groups within
// were removed, begins again where it is.
func (t *tally) add(dir string, now MemoryEvents) MemoryEvents {
	if t.last == nil {
		t.last = map[string]MemoryEvents{dir: {}}
	}
	was, met := t.last[dir]
	t.last[dir] = now
	if met {
		rise := func(sum *uint64, was, now uint64) { *sum += now - min(was, now) }
		rise(&t.sum.High, was.High, now.High)
		rise(&t.sum.Max, was.Max, now.Max)
		rise(&t.sum.OOM, was.OOM, now.OOM)
		rise(&t.sum.OOMKill.Own, was.OOMKill.Own, now.OOMKill.Own)
		rise(&t.sum.OOMKill.Nested, was.OOMKill.Nested, now.OOMKill.Nested)
	}
	return t.sum
}
