package supervisor

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reaper collects every child that ends, rota's workers and the orphans that
// fall to it as PID 1 or as subreaper.
//
// It waits for any child, so nothing else in this process may start one and
// wait for it (os/exec would lose exit codes to the reaper). Forking holds the
// lock until the loop was told of the new pid, so that the news of a child's end
// never comes before the news of its start.
type reaper struct {
	forking sync.Mutex
	quit    chan struct{}
	ended   chan struct{}
}

// newReaper begins to reap. The tick finds what a lost SIGCHLD left behind, and
// groups whose last process ended under a parent of its own.
func newReaper(post func(message)) (*reaper, error) {
	if os.Getpid() != 1 {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return nil, fmt.Errorf("cannot become the reaper of orphaned processes: %w", err)
		}
	}
	r := &reaper{quit: make(chan struct{}), ended: make(chan struct{})}
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	go func() {
		defer close(r.ended)
		defer signal.Stop(children)
		every := time.NewTicker(time.Second)
		defer every.Stop()
		for {
			select {
			case <-children:
			case <-every.C:
			case <-r.quit:
				return
			}
			r.reap(post)
		}
	}()
	return r, nil
}

// reap collects all that have ended by now.
func (r *reaper) reap(post func(message)) {
	r.forking.Lock()
	defer r.forking.Unlock()
	reaped := false
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			break
		}
		reaped = true
		post(exited{pid, status})
	}
	if reaped {
		post(tick{})
	}
}

func (r *reaper) stop() {
	close(r.quit)
	<-r.ended
}
