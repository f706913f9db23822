package top

import (
	"context"
	"time"

	"rota/supervisor/admin/api"
)

// The pauses between attempts to reach a pool that is gone.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 2 * time.Second
)

// askTime bounds each question to the pool, and each action.
const askTime = 10 * time.Second

// news is what a feed brings to the model.
type news func(*model)

// feed follows a pool for as long as the context lives: its past, its events and
// a status each second. It connects again by itself; find says where the pool is
// by then, as one that was started anew may be elsewhere.
type feed struct {
	find func() (*api.Client, error)
	to   chan<- news
	last uint64 // ID of the last event
}

func (f *feed) run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		client, err := f.find()
		if err == nil {
			var lived bool
			if lived, err = f.follow(ctx, client); lived {
				pause = firstPause
			}
		}
		reason := "The pool has closed the connection."
		if err != nil {
			reason = err.Error()
		}
		f.tell(ctx, func(m *model) { m.disconnected(reason) })
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// follow tells what one connection brings; lived says that it brought something.
func (f *feed) follow(ctx context.Context, client *api.Client) (lived bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Not in the way of the first status: hours of a large pool are megabytes.
	past := make(chan *api.History, 1)
	go func() {
		within, done := context.WithTimeout(ctx, askTime)
		defer done()
		if h, err := client.History(within, time.Now().Add(-keptFor), 0); err == nil {
			past <- h
		}
	}()
	err = client.Events(ctx, api.Asked{Follow: true, Status: true, After: f.last}, func(msg api.Message) error {
		lived = true
		if msg.Event != nil {
			f.last = msg.Event.ID
		}
		select {
		case h := <-past:
			f.tell(ctx, func(m *model) { m.trails.recall(h) })
		default:
		}
		f.tell(ctx, func(m *model) {
			switch {
			case msg.Status != nil:
				m.heed(msg.Status)
			case msg.Event != nil:
				m.happened(*msg.Event)
			}
		})
		return ctx.Err()
	})
	return lived, err
}

func (f *feed) tell(ctx context.Context, n news) {
	select {
	case f.to <- n:
	case <-ctx.Done():
	}
}

// perform does what was confirmed and says how that went.
func perform(ctx context.Context, client *api.Client, a action) news {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var err error
	switch a.verb {
	case cycle:
		err = client.Cycle(ctx, a.slot)
	case roll:
		_, err = client.Roll(ctx)
	case pauseRoll:
		_, err = client.PauseRoll(ctx)
	case resumeRoll:
		_, err = client.ResumeRoll(ctx)
	case abortRoll:
		_, err = client.AbortRoll(ctx)
	case scale:
		_, err = client.Scale(ctx, a.to)
	}
	return func(m *model) {
		if err != nil {
			m.say(err.Error(), true)
		} else {
			m.say(a.done(), false)
		}
	}
}

// inquire asks for an explanation.
func inquire(ctx context.Context, client *api.Client, slot int) news {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answer, err := client.Explain(ctx, slot)
	return func(m *model) { m.explained(slot, answer, err) }
}
