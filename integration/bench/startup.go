package main

import (
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"rota/integration/load"
)

// starters are what a server can be started through: what comes before its command.
func (b *bench) starters() (starters []starter, missing []string) {
	starters = []starter{
		{"bare", nil},
		{"rota front", []string{b.rota, "-w", "1", "--admin", "off", "--log-level", "error", "--"}},
		{"rota shared", []string{b.rota, "-w", "1", "--accept", "shared", "--admin", "off", "--log-level", "error", "--"}},
	}
	for _, init := range []starter{{"tini", []string{"tini", "-s", "--"}}, {"dumb-init", []string{"dumb-init"}}} {
		if _, err := exec.LookPath(init.argv[0]); err != nil {
			missing = append(missing, init.name+": not installed")
			continue
		}
		starters = append(starters, init)
	}
	return starters, missing
}

type starter struct {
	name string
	argv []string
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
	starters, missing := b.starters()
	s := newSheet("", column{"first answer, ms", 1}, column{"more than bare, ms", 1})
	for range times {
		var first float64
		for i, starter := range starters {
			took, err := b.firstAnswer(slices.Concat(starter.argv, []string{server}))
			if err != nil {
				return nil, nil, err
			}
			s.put(starter.name, "first answer, ms", ms(took))
			if i == 0 {
				first = ms(took)
			} else {
				s.put(starter.name, "more than bare, ms", ms(took)-first)
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
	p, err := b.spawn(nil, "", []string{fmt.Sprint("PORT=", port)}, argv...)
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
