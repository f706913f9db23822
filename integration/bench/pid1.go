package main

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
)

var pid1Question = question{"pid1", "PID 1", askPID1}

// askPID1 sets rota beside the programs that are made to be the first process of a
// container, and beside none.
func askPID1(b *bench) (*answer, error) {
	a := &answer{how: fmt.Sprintf("Each as the first process of a process namespace. Orphans: %d processes whose parents have ended end all at once. "+
		"Exit codes: the command ends with each of the codes 0 to 255 and by each of %d signals, beside children that end with others; lost are those "+
		"that the container's own code does not tell. (rota tries a command that never serves three times and then ends with its code; one that ends "+
		"with 0 without having served gives 125.) Drain: a server has a request that takes another second when SIGTERM arrives; passed is when the "+
		"request is answered and the container ends by itself within %s.",
		orphansAtOnce, len(deadly), drainPatience)}
	if missing := canContain(); missing != "" {
		a.missing = append(a.missing, "any of them, without "+missing)
		return a, nil
	}
	t := table{head: []string{"first process", "orphans reaped a second", "its CPU each", "zombies that stay",
		"exit codes lost", "drain variants passed", "memory"}}
	for _, f := range b.firsts() {
		if f.missing != "" {
			a.missing = append(a.missing, f.name+": "+f.missing)
			continue
		}
		b.uses(contender{tools: f.tools})
		t.rows = append(t.rows, []string{f.name})
	}
	present := b.present()
	b.say("orphans")
	reaped, err := b.reap(present)
	if err != nil {
		return nil, err
	}
	b.say("exit codes")
	lost, tried, err := b.codes(present)
	if err != nil {
		return nil, err
	}
	b.say("drain")
	drained, err := b.drains(present)
	if err != nil {
		return nil, err
	}
	for i := range present {
		r := reaped[i]
		rate := figure(r.rate, 0)
		if len(r.rate) == 0 {
			rate = "none"
		}
		t.rows[i] = append(t.rows[i], rate, unit(figure(r.cpu, 0), "µs"), figure(r.left, 0),
			fmt.Sprintf("%d of %d", lost[i], tried), figure(drained[i].passed, 0)+fmt.Sprintf(" of %d", len(variants)), unit(figure(r.memory, 0), "MiB"))
	}
	a.tables = []table{t, variantTable(present, drained, b.rounds)}
	return a, nil
}

// unit follows a figure, if there is one.
func unit(figure, of string) string {
	if figure == "–" {
		return figure
	}
	return figure + " " + of
}

// present are the first processes that are installed.
func (b *bench) present() (all []first) {
	for _, f := range b.firsts() {
		if f.missing == "" {
			all = append(all, f)
		}
	}
	return all
}

const orphansAtOnce = 1000

// reaping is how one has done with orphans, for each round.
type reaping struct{ rate, cpu, left, memory []float64 }

// reap measures each in turn, in each round.
func (b *bench) reap(firsts []first) ([]reaping, error) {
	results := make([]reaping, len(firsts))
	if missing := perlMissing(); missing != "" {
		b.say("no orphans without %s", missing)
		return results, nil
	}
	for range b.rounds {
		for i, f := range firsts {
			if err := b.reapOnce(f, &results[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	return results, nil
}

func perlMissing() string {
	if exec.Command("perl", "-MTime::HiRes", "-MIO::Socket::INET", "-e", "1").Run() != nil {
		return "perl"
	}
	return ""
}

func (b *bench) reapOnce(f first, r *reaping) error {
	addr, err := loopback()
	if err != nil {
		return err
	}
	_, port, _ := strings.Cut(addr, ":")
	c, err := b.contain(f, nil, "perl", b.app("orphans.pl"), port)
	if err != nil {
		return err
	}
	defer c.kill()
	if err := c.answers(addr); err != nil {
		return err
	}
	r.memory = append(r.memory, rssOf([]int{c.pid}))
	before := cpuOf([]int{c.pid})
	text, err := ask(b.ctx, addr, fmt.Sprintf("/?n=%d", orphansAtOnce))
	if err != nil {
		return err
	}
	var seconds float64
	var left, made int
	if _, err := fmt.Sscanf(text, "seconds=%f left=%d made=%d", &seconds, &left, &made); err != nil || made != orphansAtOnce {
		return fmt.Errorf("cannot understand what the maker of orphans says: %q", text)
	}
	r.left = append(r.left, float64(left))
	if left == 0 {
		r.rate = append(r.rate, float64(made)/seconds)
	}
	if len(f.argv) > 0 { // else it is the maker's own
		r.cpu = append(r.cpu, float64((cpuOf([]int{c.pid})-before).Microseconds())/float64(made))
	}
	return nil
}

// deadly are the signals that end a process which does not care for them, by number.
var deadly = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31}

// containersAtOnce is how many live at one time where they mostly wait.
const containersAtOnce = 64

// codes has a command end in every way there is under each, once: it comes out the
// same each time. It says how many codes each lost, and of how many.
func (b *bench) codes(firsts []first) (lost []int, tried int, err error) {
	type ending struct {
		script string
		code   int
	}
	var endings []ending
	step := 1
	if b.quick {
		step = 8
	}
	// Its other children end about when it does, some before it and some after.
	const others = "ulimit -c 0; for i in 1 2 3; do (exit 77) & done; "
	for code := 0; code < 256; code += step {
		endings = append(endings, ending{fmt.Sprintf("%sexit %d", others, code), code})
	}
	for i := 0; i < len(deadly); i += step {
		endings = append(endings, ending{fmt.Sprintf("%skill -%d $$; exit 99", others, deadly[i]), 128 + deadly[i]})
	}
	lost = make([]int, len(firsts))
	var mu sync.Mutex
	err = eachOf(len(firsts)*len(endings), containersAtOnce, func(n int) error {
		i, e := n/len(endings), endings[n%len(endings)]
		code, err := b.codeOf(firsts[i], e.script)
		mu.Lock()
		defer mu.Unlock()
		if code != e.code {
			lost[i]++
		}
		return err
	})
	return lost, len(endings), err
}

func (b *bench) codeOf(f first, script string) (int, error) {
	c, err := b.contain(f, nil, "sh", "-c", script)
	if err != nil {
		return 0, err
	}
	defer c.kill()
	if !c.ended(patience) {
		return 0, fmt.Errorf("%s does not end after %q", f.name, script)
	}
	return c.code(), nil
}

// eachOf does something for 0 to n-1, so many at a time, and returns the first error.
func eachOf(n, atOnce int, do func(int) error) error {
	turns, errs := make(chan int), make(chan error, n)
	var all sync.WaitGroup
	for range min(n, atOnce) {
		all.Go(func() {
			for i := range turns {
				errs <- do(i)
			}
		})
	}
	for i := range n {
		turns <- i
	}
	close(turns)
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
