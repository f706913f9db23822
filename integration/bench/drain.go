package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// variant is a way in which a server is run. The server itself finishes on SIGTERM
// what it has; what differs is who else is between it and the first process.
type variant struct {
	name string
	argv func(server, dir string) []string
}

// drainPatience is in what time a container has to end by itself: as long as docker
// stop waits unless told. The request that is held then has to have most of its second
// to go; on a machine that is so busy that it has not, it is tried again.
const (
	drainPatience = 10 * time.Second
	drainHold     = time.Second
	drainLate     = drainHold / 2
	drainTries    = 5
)

// variants of a server, by what SIGTERM meets first.
var variants = []variant{
	{"the server", func(server, _ string) []string { return []string{server} }},
	{"`sh -c`", func(server, _ string) []string { return []string{"sh", "-c", server} }},
	{"`sh -c` in the background", func(server, _ string) []string { return []string{"sh", "-c", server + " & wait"} }},
	{"`bash` with a trap", func(server, _ string) []string {
		return []string{"bash", "-c", "trap 'kill -TERM $pid' TERM; " + server + " & pid=$!; wait $pid; wait $pid"}
	}},
	{"a leader that ends first", func(server, _ string) []string {
		return []string{"perl", "-e", "if (!fork) { exec @ARGV } $SIG{TERM} = sub { exit 0 }; sleep 1 while 1", server}
	}},
	{"`npm start`", func(_, dir string) []string { return []string{"npm", "start", "--prefix", dir} }},
	{"`setsid`", func(server, _ string) []string { return []string{"sh", "-c", "setsid --wait " + server + "; true"} }},
	{"a double fork", func(server, _ string) []string {
		return []string{"perl", "-MPOSIX", "-e", "if (!fork) { setsid; exec @ARGV if !fork; exit } wait; sleep 1 while 1", server}
	}},
}

// draining is how one has done: variants passed in each round, and how often each
// passed.
type draining struct {
	passed []float64
	times  map[string]int
}

// variantTable has a row for each variant and a column for each first process.
func variantTable(firsts []first, results []draining, rounds int) table {
	t := table{title: "Drain", how: "The way in which the server is run, and whether that passed.", head: []string{"SIGTERM meets first"}}
	for _, f := range firsts {
		t.head = append(t.head, f.name)
	}
	for _, v := range variants {
		row := []string{v.name}
		for _, d := range results {
			switch n := d.times[v.name]; n {
			case 0:
				row = append(row, "no")
			case rounds:
				row = append(row, "yes")
			default:
				row = append(row, fmt.Sprintf("%d of %d times", n, rounds))
			}
		}
		t.add(row...)
	}
	return t
}

// drains tries every variant under each, all at the same time: they wait, and need
// next to nothing of the processors.
func (b *bench) drains(firsts []first) ([]draining, error) {
	server, err := b.build("rota/integration/servers/hello")
	if err != nil {
		return nil, err
	}
	dir, err := b.folder("npm")
	if err != nil {
		return nil, err
	}
	if _, err := file(dir, "package.json", fmt.Sprintf(`{"private": true, "scripts": {"start": %q}}`, server)); err != nil {
		return nil, err
	}
	results := make([]draining, len(firsts))
	for i := range results {
		results[i] = draining{make([]float64, b.rounds), map[string]int{}}
	}
	var mu sync.Mutex
	each := len(firsts) * len(variants)
	err = eachOf(b.rounds*each, containersAtOnce, func(n int) error {
		round, i, v := n/each, n%each/len(variants), variants[n%len(variants)]
		passed, late, err := false, true, error(nil)
		for try := 0; late && err == nil && try < drainTries; try++ {
			passed, late, err = b.drain(firsts[i], v, server, dir)
		}
		mu.Lock()
		defer mu.Unlock()
		if passed {
			results[i].passed[round]++
			results[i].times[v.name]++
		}
		return err
	})
	return results, err
}

// drain tells whether a request is answered and the container ends, if SIGTERM
// comes when the request has a second to go, and whether that came too late to tell.
func (b *bench) drain(f first, v variant, server, dir string) (passed, late bool, err error) {
	addr, err := loopback()
	if err != nil {
		return false, false, err
	}
	_, port, _ := net.SplitHostPort(addr)
	begun := filepath.Join(dir, "begun-"+port)
	defer os.Remove(begun)
	env := []string{"PORT=" + port, "DRAIN=1", "NOTE=" + begun, "npm_config_cache=" + dir, "npm_config_update_notifier=false", "npm_config_fund=false"}
	c, err := b.contain(f, env, v.argv(server, dir)...)
	if err != nil {
		return false, false, err
	}
	defer c.kill()
	if err := c.answers(addr); err != nil {
		return false, false, fmt.Errorf("%s, %s: %w", f.name, v.name, err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := ask(b.ctx, addr, fmt.Sprintf("/?hold=%g", drainHold.Seconds()))
		answered <- err
	}()
	var note os.FileInfo
	err = until(b.ctx, "the request to be held", func() bool { note, err = os.Stat(begun); return err == nil })
	if err != nil {
		return false, false, err
	}
	if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
		return false, false, fmt.Errorf("cannot signal %s: %w", f.name, err)
	}
	late = time.Since(note.ModTime()) > drainLate
	ended := c.ended(drainPatience)
	if !ended {
		c.kill()
	}
	return <-answered == nil && ended, late, nil
}

// ask gets a page on a connection of its own.
func ask(ctx context.Context, addr, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", response.StatusCode)
	}
	return string(text), err
}
