package supervisor

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker/go-units"

	"rota/policy"
	"rota/supervisor/launch"
)

// CaptureShell is what runs Capture.Command.
const CaptureShell = "/bin/sh"

// capture is the command that takes evidence of a worker, from its beginning
// until its result was put away. There is one at a time.
type capture struct {
	id         uint64 // the worker's, which is captured once in its life
	slot       int
	pid        int // of the worker's leader
	generation int
	trigger    policy.Trigger

	began    time.Time
	timeout  time.Duration
	run      process // the command itself; its pid is 0 before it runs
	result   *result // nil before there is a folder
	ending   string  // why it was told to end; empty if it was not
	timedOut bool    // that is because its time was over
	killAt   time.Time
}

// captureGrace is from telling a capture to end to killing what is left of it.
const captureGrace = 2 * time.Second

// examine begins a capture, or says why there is none.
func (s *Supervisor) examine(a policy.Capture, now time.Time) {
	s.fleet.Examine(a, now)
	if a.Skip == "" && s.capture != nil { // of a worker that has gone, or was not waited for
		s.fleet.MarkCaptured(a.ID)
		a.Skip = "the capture before is not over"
	}
	if a.Skip != "" {
		s.event(Event{Kind: CaptureSkipped, Worker: a.ID, Trigger: a.Trigger, Reason: a.Reason, Message: a.Skip, Capture: CaptureResultSkipped})
		return
	}
	p := s.processes[a.ID]
	c := &capture{id: p.id, slot: p.slot, pid: p.pid, generation: p.generation, trigger: a.Trigger,
		began: now, timeout: s.config.Policy.CaptureTimeout, run: process{pidfd: -1}}
	s.capture = c
	s.event(Event{Kind: CaptureBegan, Worker: a.ID, Trigger: a.Trigger, Reason: a.Reason})
	time.AfterFunc(c.timeout, func() { s.post(overdue{c.id}) })

	settings, url, slot, leader, server := s.config.Capture, s.workerURL(p.id), p.slot, p.pid, p.server
	spec := launch.Spec{Path: CaptureShell, Args: []string{"sh", "-c", settings.Command}, FileSize: settings.MaxSize, Score: score(s.contained.Limit.Bytes)}
	env := []string{
		"ROTA_SLOT=" + strconv.Itoa(p.slot), "ROTA_GENERATION=" + strconv.Itoa(p.generation),
		"ROTA_TRIGGER=" + string(a.Trigger), "ROTA_REASON=" + a.Reason,
		"ROTA_WORKER_PID=" + strconv.Itoa(leader), "ROTA_WORKER_URL=" + url,
	}
	layers := [][]string{s.options.Environ, s.releases[p.generation].Env}
	go func() {
		r, err := settings.open(now, slot, leader)
		if err != nil {
			s.post(examined{id: a.ID, err: err})
			return
		}
		members := membersOf(leader)
		spec.Env = merge(append(layers, append(env, captureDirEnv+r.path,
			"ROTA_SERVER_PID="+strconv.Itoa(serverOf(leader, server, members)), "ROTA_WORKER_PIDS="+strings.Trim(fmt.Sprint(members), "[]")))...)
		spec.Stdout, spec.Stderr = int(r.output.Fd()), int(r.output.Fd())
		s.reaper.forking.Lock()
		child, err := s.launcher.Fork(spec)
		s.post(examined{a.ID, r, child, err})
		s.reaper.forking.Unlock()
		if err == nil {
			child.Await() // that the shell could not be executed shows in its status
			r.watch(func(size int64) { s.post(outgrown{a.ID, size}) })
		}
	}()
}

// onExamined: the command of a capture runs, or could not be started.
func (s *Supervisor) onExamined(m examined, now time.Time) {
	c := s.capture
	if c == nil || c.id != m.id {
		return
	}
	c.result = m.result
	if m.err != nil {
		if m.result != nil {
			go m.result.discard()
		}
		s.captured(c, Event{Kind: CaptureFailed, Message: m.err.Error()}, now)
		return
	}
	c.run.pid, c.run.pidfd = m.child.PID, m.child.PidFD
	switch {
	case !c.killAt.IsZero() && !now.Before(c.killAt):
		c.run.signalGroup(syscall.SIGKILL)
	case c.ending != "":
		c.run.signalGroup(syscall.SIGTERM)
	}
}

// endCapture tells the capture of a worker to end, as its time or the worker's is over.
func (s *Supervisor) endCapture(id uint64, why string, now time.Time) {
	c := s.capture
	if c == nil || c.id != id || c.ending != "" || c.run.leaderGone {
		return
	}
	if c.timedOut = now.Sub(c.began) >= c.timeout; c.timedOut {
		why = fmt.Sprintf("not over within the capture timeout of %s", c.timeout)
	}
	c.ending, c.killAt = why, now.Add(captureGrace)
	c.run.findStrays()
	c.run.signalGroup(syscall.SIGTERM)
	for _, due := range []time.Duration{captureGrace, captureGrace + storePatience} {
		time.AfterFunc(due, func() { s.post(overdue{id}) })
	}
}

// onOutgrown: the result of a capture is larger than it may be, and not complete.
func (s *Supervisor) onOutgrown(m outgrown, now time.Time) {
	if c := s.capture; c != nil && c.id == m.id {
		s.endCapture(c.id, fmt.Sprintf("it was ended with a result of %s so far: want %s at most, raise --capture-max-size or take less",
			units.BytesSize(float64(m.size)), units.BytesSize(float64(c.result.MaxSize))), now)
	}
}

// killCapture ends what is left of the capture of a worker at once.
func (s *Supervisor) killCapture(id uint64, now time.Time) {
	s.endCapture(id, "it was asked to end at once", now)
	if c := s.capture; c != nil && c.id == id && !c.run.leaderGone {
		c.killAt = now
		c.run.findStrays()
		c.run.signalGroup(syscall.SIGKILL)
	}
}

// onOverdue: it is time to look at whether a capture must end.
func (s *Supervisor) onOverdue(m overdue, now time.Time) {
	c := s.capture
	switch {
	case c == nil || c.id != m.id || c.run.leaderGone:
	case c.ending == "" && now.Sub(c.began) >= c.timeout:
		s.endCapture(c.id, "", now)
	case c.ending != "" && !now.Before(c.killAt):
		s.killCapture(c.id, now)
	}
}

// storePatience is how long rota's own end waits for the folder of a result to be
// made, or for the result to be put away, whatever the disk does.
const storePatience = 5 * time.Second

// restPatience is for the kernel to end what it was told to.
const restPatience = time.Second

// onCaptureExited: the command has ended. What it left behind goes with it, and
// the result is put away.
func (s *Supervisor) onCaptureExited(c *capture, status syscall.WaitStatus, now time.Time) {
	c.run.leaderGone, c.run.goneAt, c.run.status = true, now, status
	c.run.signalGroup(syscall.SIGKILL)
	close(c.result.complete)
	time.AfterFunc(storePatience, func() { s.post(overdue{c.id}) })
	id, r, failed := c.id, c.result, c.ending != "" || status != 0
	go func() {
		for until := time.Now().Add(restPatience); r.endRest() && time.Now().Before(until); {
			time.Sleep(5 * time.Millisecond) // it is reaped elsewhere
		}
		s.post(stored{id, r.finish(failed)})
	}()
}

// onStored: the result of a capture was put away.
func (s *Supervisor) onStored(m stored, now time.Time) {
	c := s.capture
	if c == nil || c.id != m.id {
		return
	}
	if m.err != nil {
		s.warn("captures", "cannot remove older captures: %v", m.err)
	}
	e := Event{Kind: CaptureFailed, Status: describeStatus(c.run.status), Message: m.lastLine, Path: m.path, Bytes: m.size}
	switch {
	case c.ending != "":
		e.Message = c.ending
	case exitCodeOf(c.run.status) == 128+int(syscall.SIGXFSZ): // of the shell, or of what it ran
		e.Message = fmt.Sprintf("it wrote a file of more than %s, see --capture-max-size", units.BytesSize(float64(c.result.MaxSize)))
	case c.run.status != 0:
	case m.path == "":
		e.Message = fmt.Sprintf("its result of %s was removed: want %s at most, see --capture-max-size",
			units.BytesSize(float64(m.size)), units.BytesSize(float64(c.result.MaxSize)))
	default:
		e.Kind, e.Status, e.Message = CaptureDone, "", ""
	}
	s.captured(c, e, now)
}

// captured lets a worker go whose capture is over.
func (s *Supervisor) captured(c *capture, e Event, now time.Time) {
	e.Worker, e.Slot, e.PID, e.Generation = c.id, c.slot, c.pid, c.generation
	e.Trigger, e.Duration, e.Failure = c.trigger, now.Sub(c.began), e.Kind == CaptureFailed
	switch {
	case e.Kind == CaptureDone:
		e.Capture = CaptureResultDone
	case c.timedOut:
		e.Capture = CaptureResultTimeout
	default:
		e.Capture = CaptureResultFailed
	}
	c.run.close()
	s.capture = nil
	s.lastCapture = &LastCapture{Worker: c.id, Slot: c.slot, PID: c.pid, Trigger: c.trigger, Result: e.Capture, Message: e.failure(),
		Path: e.Path, Bytes: e.Bytes, Began: c.began, Duration: e.Duration}
	s.fleet.MarkCaptured(c.id)
	s.event(e)
}

// rests tells whether no capture outlives the workers. When rota is to end at
// once, that of a worker which has gone already is not given its time.
func (s *Supervisor) rests(now time.Time) bool {
	c := s.capture
	if c == nil {
		return true
	}
	if s.fleet.Abort && c.killAt.After(now) {
		s.killCapture(c.id, now)
	}
	if c.run.pid == 0 { // its folder is still being made, or never will be
		return c.ending != "" && now.Sub(c.killAt) >= storePatience
	}
	return c.run.leaderGone && now.Sub(c.run.goneAt) >= storePatience
}
