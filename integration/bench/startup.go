package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"rota/integration/load"
)

// starters are what a server can be started through. The first is nothing.
func (b *bench) starters() []first {
	quiet := []string{b.rota, "-w", "1", "--admin", "off", "--control", "off", "--log-level", "error"}
	return []first{
		{name: "bare"},
		{name: "rota front", argv: append(quiet, "--")},
		{name: "rota shared", argv: append(quiet, "--accept", "shared", "--")},
		{name: "tini", argv: []string{"tini", "--"}, missing: tini().missing(b), tools: tini().tools},
		{name: "dumb-init", argv: []string{"dumb-init", "--"}, missing: dumbInit().missing(b), tools: dumbInit().tools},
	}
}

// startup is the time from exec to the first answer.
func (b *bench) startup() ([]table, []string, error) {
	times := 20
	if b.quick {
		times = 5
	}
	server, err := b.build("rota/integration/servers/hello")
	if err != nil {
		return nil, nil, err
	}
	var starters []first
	var missing []string
	for _, f := range b.starters() {
		if f.missing != "" {
			missing = append(missing, f.name+": "+f.missing)
			continue
		}
		b.uses(contender{tools: f.tools})
		starters = append(starters, f)
	}
	s := newSheet("", column{"first answer, ms", 1}, column{"more than bare, ms", 1})
	for range times {
		var bare float64
		for i, starter := range starters {
			took, err := b.firstAnswer(slices.Concat(starter.argv, []string{server}))
			if err != nil {
				return nil, nil, err
			}
			s.put(starter.name, "first answer, ms", ms(took))
			if i == 0 {
				bare = ms(took)
			} else {
				s.put(starter.name, "more than bare, ms", ms(took)-bare)
			}
		}
		if b.ctx.Err() != nil {
			return nil, nil, b.ctx.Err()
		}
	}
	t := s.table()
	t.title = "Start"
	t.how = fmt.Sprintf("From exec to the first answer of one worker, who asks again every half millisecond; %d times, in turns.", times)
	return []table{t}, missing, nil
}

// firstAnswer starts a server and returns when it first answered.
func (b *bench) firstAnswer(argv []string) (time.Duration, error) {
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	addr := fmt.Sprint("127.0.0.1:", port)
	began := time.Now()
	p, err := b.spawn(nil, "", []string{fmt.Sprint("PORT=", port), "TINI_SUBREAPER=1"}, argv...)
	if err != nil {
		return 0, err
	}
	defer p.end(syscall.SIGTERM)
	for time.Since(began) < patience {
		if _, err := load.Get(addr, "/"); err == nil {
			return time.Since(began), nil
		}
		select {
		case <-p.done:
			return 0, fmt.Errorf("%s ended before it served: %s", argv[0], p.said())
		case <-time.After(500 * time.Microsecond):
		}
	}
	return 0, fmt.Errorf("%s never answers: %s", argv[0], p.said())
}
