package main

import (
	"fmt"
	"time"
)

// standby is what supervisors take while their workers have nothing to do.
func (b *bench) standby() ([]table, []string, error) {
	counts, looks, span, settle := []int{2, 8, 100, 500}, 5, 5*time.Second, 5*time.Second
	if b.quick {
		counts, looks, span, settle = counts[:2], 2, 2*time.Second, time.Second
	}
	const peers = 8 // workers of others
	var all []*entry
	for _, n := range counts {
		w := want{workers: n, app: "hello"}
		all = append(all, &entry{contender: rota("front"), want: w, row: fmt.Sprintf("rota front, %d workers", n)})
	}
	others := standbyPeers(want{workers: peers, atOnce: 1})
	for _, e := range others {
		e.row = fmt.Sprintf("%s, %d workers", e.row, peers)
	}
	ours, _ := b.installed(all)
	others, missing := b.installed(others)
	s := newSheet("", column{"% of a core", 2}, column{"RSS MiB", 1})
	measure := func(running []*entry) error {
		if err := b.pause(settle); err != nil {
			return err
		}
		for range looks {
			before := map[*entry]time.Duration{}
			for _, e := range running {
				before[e] = cpuOf(e.pool.supervisors())
			}
			began := time.Now()
			if err := b.pause(span); err != nil {
				return err
			}
			for _, e := range running {
				used := cpuOf(e.pool.supervisors()) - before[e]
				s.put(e.name(), "% of a core", 100*used.Seconds()/time.Since(began).Seconds())
				s.put(e.name(), "RSS MiB", rssOf(e.pool.supervisors()))
			}
		}
		return nil
	}
	// The others come first: hundreds of workers that start at the same time would keep
	// theirs from it for longer than is waited for them.
	measured := false
	withOurs := func(first []*entry) error {
		measured = true
		return b.all(ours, 0, func(then []*entry) error { return measure(append(then, first...)) })
	}
	err := b.all(others, 0, withOurs)
	if err == nil && !measured { // none of the others is here
		err = withOurs(nil)
	}
	if err != nil {
		return nil, nil, err
	}
	t := s.table()
	t.title = "A supervisor whose workers are idle"
	t.how = fmt.Sprintf("What it takes itself, without its workers, in %d looks of %v each, %v after the start. All at the same time. rota reads the memory of each worker every second.", looks, span, settle)
	return []table{t}, missing, nil
}
