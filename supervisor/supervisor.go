// Package supervisor acts: it runs the pool that policy decides about. One
// goroutine, the loop, owns every worker and everything that is known of it.
// What can happen reaches it as a message on one channel; it changes the fleet,
// asks policy.Plan what the fleet needs now, carries that out, and publishes an
// immutable Status.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"rota/listener"
	"rota/listener/front"
	"rota/policy"
	"rota/procstats"
	"rota/supervisor/launch"
)

// Exit codes of rota itself. Others are the last worker's own.
const (
	ExitOK     = 0
	ExitUsage  = 2
	ExitFailed = 125
)

// Options are what a Supervisor needs beside its Config.
type Options struct {
	Environ []string    // what workers inherit; Config.Env goes over it
	Observe func(Event) // called from the loop for each event; must not block
	Stdout  int         // descriptors that become the workers' 1 and 2
	Stderr  int

	// Answered is called for each request that is over, from many goroutines;
	// must not block. Only a front knows of requests.
	Answered func(front.Answer)
	// Refused is called likewise for each that could not be read, so that it has no Request.
	Refused func(front.Answer)
}

// Supervisor runs one pool.
type Supervisor struct {
	config  Config
	options Options
	sockets *listener.Set
	front   *front.Front // nil unless rota itself accepts

	messages chan message
	done     chan struct{} // closed when the loop has ended
	status   atomic.Pointer[Status]

	// All below belongs to the loop.
	clock     time.Time // when it began what it is at; zero before it runs
	fleet     *policy.Fleet
	releases  map[int]Config      // of every generation that a worker may be started with
	processes map[uint64]*process // by worker id
	leaders   map[int]uint64      // worker id by pid, until the leader is reaped
	launcher  *launch.Launcher
	reaper    *reaper
	notify    *notifyDir

	sampler     *procstats.Sampler
	container   container
	samples     *time.Timer // when to look at memory again
	sampling    bool
	sampleCost  time.Duration       // of the last look, on the clock
	sampleWork  time.Duration       // of a look, on the processor; a moving mean
	measure     map[uint64]bool     // workers that a decision wants measured exactly
	contained   procstats.Container // at the last look; the zero value before
	containedAt time.Time
	uncontained bool  // the last look failed
	kills       kills // in rota's control group
	nested      kills // in the groups within that
	limits      limits
	learned     *learned // about the workers' growth, for people

	capture     *capture     // the one under way; nil if there is none
	lastCapture *LastCapture // nil before the first; never changed

	steering  *steering // nil unless every worker has a seat of its own
	unsteered error     // why they have none although Config.Accept asked for it; nil if it did not

	opened      map[*listener.Socket]bool // that the front accepts on
	closed      bool                      // the front lets no new clients in
	clientsGone chan struct{}             // closed when it has none left

	loaded map[uint64]front.WorkerStats // see loads

	noFilter   bool // the kernel refused the filter
	warned     map[string]bool
	cycles     map[policy.Trigger]int // done so far; replaced, never changed
	lastCycles map[int]*LastCycle     // by slot
	crashes    map[int]string         // how the last worker of a slot ended that crashed
	everReady  bool
	lastStatus syscall.WaitStatus
	exitCode   int
}

// New opens the sockets of a pool. Nothing has been started when it fails.
func New(config Config, options Options) (*Supervisor, error) {
	inherited := listener.Inherited()
	if len(config.Listen)+len(inherited) == 0 {
		if !config.Adopts() || config.GivesPort() {
			return nil, fmt.Errorf("cannot tell where to serve: --handoff %s needs an address, like --listen :8080", strings.Join(config.Handoff, ","))
		}
	}
	if fronted := config.Accept == AcceptFront; !fronted && (config.GivesPort() || config.Ready == ReadyHTTP) {
		return nil, errors.New("cannot reach one worker alone: --handoff port and --ready http need --accept front")
	}
	sockets, err := listener.Hold(config.Listen, inherited)
	if err != nil {
		return nil, err
	}
	if options.Observe == nil {
		options.Observe = func(Event) {}
	}
	s := &Supervisor{
		config: config, options: options, sockets: sockets,
		messages: make(chan message, 64), done: make(chan struct{}),
		fleet:     policy.NewFleet(config.Workers, time.Now()),
		processes: map[uint64]*process{}, leaders: map[int]uint64{},
		sampler: procstats.NewSampler(procstats.Host), container: procstats.NewGroup(procstats.Host), measure: map[uint64]bool{}, warned: map[string]bool{},
		opened: map[*listener.Socket]bool{}, learned: newLearned(), loaded: map[uint64]front.WorkerStats{},
		cycles: noCycles(), lastCycles: map[int]*LastCycle{}, crashes: map[int]string{},
	}
	switch config.Accept {
	case AcceptFront:
		s.makeFront()
	case AcceptSteered:
		s.makeSteering()
	}
	s.config = s.config.settled()
	s.releases = map[int]Config{1: s.config}
	s.publish(time.Now()) // whoever asks before Run is told what is wanted
	return s, nil
}

// Sockets are what the pool listens on.
func (s *Supervisor) Sockets() *listener.Set { return s.sockets }

// Run starts the workers and keeps them until it is told to stop; a context
// that ends is that too. It returns the exit code for rota.
func (s *Supervisor) Run(ctx context.Context) int {
	defer s.sockets.RemoveFiles()
	if s.unsteered != nil {
		s.warn("unsteered", "%v; going on as with --accept shared", s.unsteered)
	}
	if err := s.prepare(); err != nil {
		close(s.done)
		s.event(Event{Kind: PoolGivenUp, Message: err.Error(), Failure: true})
		return ExitFailed
	}
	defer s.notify.close()
	defer s.reaper.stop()
	defer close(s.done) // first: the reaper may be waiting to be heard
	stop := context.AfterFunc(ctx, s.Stop)
	defer stop()
	s.loop()
	s.leaveFront()
	return s.exitCode
}

func (s *Supervisor) prepare() (err error) {
	if s.launcher, err = launch.New(); err != nil {
		return err
	}
	if s.config.Ready == ReadyNotify {
		if s.notify, err = newNotifyDir(); err != nil {
			return err
		}
	}
	if s.front != nil {
		// Requests wait in the front for the first worker.
		err = s.openFront()
	}
	if err == nil {
		s.survey(time.Now())
		s.reaper, err = newReaper(s.post)
	}
	if err != nil {
		s.notify.close()
	}
	return err
}

// loop runs until every worker has gone after a stop, or the pool is given up.
func (s *Supervisor) loop() {
	s.samples = time.NewTimer(s.config.Policy.SampleInterval)
	defer s.samples.Stop()
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		now := time.Now()
		s.clock = now
		s.steer(now) // first: whoever has gone must not be steered to while his place is filled
		s.settle(now)
		s.publish(now)
		if !s.fleet.StopSince.IsZero() && len(s.fleet.Workers) == 0 && s.rests(now) {
			return
		}
		wake.Stop()
		if at := s.wake(now); !at.IsZero() {
			wake.Reset(time.Until(at))
		}
		s.await(wake)
	}
}

// await returns when the fleet has changed or may need something else by now. A
// look at memory changes nothing before it is over, which is a message of its own.
func (s *Supervisor) await(wake *time.Timer) {
	for {
		select {
		case m := <-s.messages:
			s.hear(m)
			return
		case <-wake.C:
			return
		case <-s.samples.C:
			s.sample()
		}
	}
}

// settle carries out what the fleet needs until it needs nothing more. The
// bound is there because a plan that never settles must not hang the pool.
func (s *Supervisor) settle(now time.Time) {
	for range 10 + 10*(len(s.fleet.Workers)+s.fleet.Desired) {
		actions := policy.Plan(s.config.Policy, now, s.fleet)
		if len(actions) == 0 {
			return
		}
		progress := false
		for _, a := range actions {
			progress = s.carryOut(a, now) || progress
		}
		if !progress {
			return
		}
	}
	s.warn("internal error: the plan does not settle", "internal error: the plan does not settle; going on")
}

// hear turns a message into a change of the fleet.
func (s *Supervisor) hear(m message) {
	now := time.Now()
	s.clock = now
	switch m := m.(type) {
	case forked:
		s.onForked(m, now)
	case launched:
		s.onLaunched(m, now)
	case exited:
		s.onExited(m, now)
	case seen:
		s.onSeen(m, now)
	case answered:
		s.onAnswered(m, now)
	case unseen:
		s.onUnseen(m, now)
	case sampled:
		s.onSampled(m, now)
	case counted:
		s.onCounted(m)
	case lingering:
		s.onLingering(m, now)
	case spent:
		s.fleet.MarkSpent(m.id)
	case idle:
		s.fleet.MarkIdle(m.id)
	case deserted:
		s.onDeserted()
	case probed:
		s.onProbed(m, now)
	case spotted:
		s.onSpotted(m, now)
	case examined:
		s.onExamined(m, now)
	case overdue:
		s.onOverdue(m, now)
	case outgrown:
		s.onOutgrown(m, now)
	case stored:
		s.onStored(m, now)
	case asked:
		m.do()
	case tick:
		s.bury(now)
	}
}

// post hands a message to the loop; it is dropped when the loop has ended.
func (s *Supervisor) post(m message) {
	select {
	case s.messages <- m:
	case <-s.done:
	}
}

// ask runs do in the loop and waits for it; false if the loop has ended.
func (s *Supervisor) ask(do func()) bool {
	ran := make(chan struct{})
	s.post(asked{func() { do(); close(ran) }})
	select {
	case <-ran:
		return true
	case <-s.done:
		return false
	}
}

// event completes an event with the state of the pool and passes it on. It is of
// the time at which it was decided, so that a timeout is seen to have been kept.
func (s *Supervisor) event(e Event) {
	if e.Time = s.clock; e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Ready, e.Desired, e.Alive = s.fleet.Count(policy.Ready), s.fleet.Desired, len(s.fleet.Workers)
	if w := s.fleet.Find(e.Worker); w != nil {
		e.Slot, e.Generation = w.Slot, w.Generation
		if e.Trigger == "" && (e.Kind == WorkerStopping || e.Kind == WorkerKilled) {
			e.Trigger = w.Leaving // what began before goes on
		}
	}
	if p := s.processes[e.Worker]; p != nil {
		e.PID, e.Slot, e.Generation = p.pid, p.slot, p.generation
	}
	s.tally(&e)
	s.options.Observe(e)
}

// warn says something once in the life of the pool.
func (s *Supervisor) warn(key, text string, args ...any) {
	// Keys may hold what a program chose; a strange one must not fill rota's memory.
	if s.warned[key] || len(s.warned) > 1000 {
		return
	}
	s.warned[key] = true
	s.event(Event{Kind: Warning, Message: fmt.Sprintf(text, args...)})
}
