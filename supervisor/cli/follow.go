package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"rota/supervisor/admin/api"
)

const (
	// How long a pool that has gone is waited for, since a new rota may come in
	// its place: a supervisor of rota itself starts it again within seconds.
	absence = 15 * time.Second
	// The pauses between two tries to reach it.
	firstPause = 50 * time.Millisecond
	mostPause  = time.Second
)

// follower reads the stream of events, in order, each once and none left out,
// also when the stream breaks.
type follower struct {
	client *api.Client
	asked  api.Asked
	each   func(*api.Event) error
	gap    func() // some events are not kept any more
	anew   func() // it is another rota now, whose events are all new; may be nil
	began  time.Time
	heard  bool  // since it was last asked for
	broken error // what each returned
}

// run ends with an error of each, of the context, or when the pool has gone for
// long; nil at the end of what is not followed.
func (f *follower) run(ctx context.Context) error {
	var lost time.Time // since when nothing is heard
	pause := firstPause
	for {
		before := f.asked.After
		err := f.once(ctx)
		var refused *api.Error
		var syntax *json.SyntaxError
		var other *json.UnmarshalTypeError
		switch {
		case f.broken != nil:
			return f.broken
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && !f.asked.Follow:
			return nil
		case errors.As(err, &refused) && (refused.Code != http.StatusServiceUnavailable || f.asked.After == 0),
			errors.As(err, &syntax), errors.As(err, &other):
			return err
		case f.began.IsZero():
			return err // there was no pool to begin with
		}
		if f.asked.After > before {
			pause = firstPause
		}
		switch {
		case f.heard || lost.IsZero():
			lost = time.Now()
		case time.Since(lost) > absence:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}

// once reads until the stream ends or breaks.
func (f *follower) once(ctx context.Context) error {
	f.heard = false
	status, err := f.client.Status(ctx)
	if err != nil {
		return err
	}
	f.heard = true
	if !f.began.IsZero() && !f.began.Equal(status.StartedAt) {
		f.asked.After, f.asked.Since = 0, time.Time{} // its numbers begin anew
		if f.anew != nil {
			f.anew()
		}
	}
	f.began = status.StartedAt
	return f.client.Events(ctx, f.asked, func(m api.Message) error {
		switch {
		case m.Gap && f.gap != nil:
			f.gap()
		case m.Event == nil || m.Event.ID <= f.asked.After:
			return nil
		case m.Event != nil:
			f.asked.After, f.asked.Since = m.Event.ID, time.Time{}
			f.broken = f.each(m.Event)
		}
		return f.broken
	})
}
