package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

// pollInterval is how often a command that waits asks although nothing was heard.
const pollInterval = time.Second

// errWaitOver is the cause of a context that --timeout ended.
var errWaitOver = errors.New("the time is over")

// waiting are the flags of commands that can wait for what they began.
type waiting struct {
	wait    bool
	timeout time.Duration
}

func (w *waiting) add(cmd *cobra.Command, until string) {
	cmd.Flags().BoolVar(&w.wait, "wait", false, "wait until "+until+", and show how far it is")
	cmd.Flags().Var(spanValue{&w.timeout}, "timeout", "with --wait: wait no longer than this, and end with code 124")
	args := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if w.timeout > 0 && !w.wait {
			return usage(errors.New("--timeout is for --wait: add that"))
		}
		return args(cmd, given)
	}
}

// context is one that --timeout ends, which counts from the first question on.
func (w *waiting) context(parent context.Context) (context.Context, context.CancelFunc) {
	if w.timeout == 0 {
		return context.WithCancel(parent)
	}
	return context.WithTimeoutCause(parent, w.timeout, errWaitOver)
}

// watch waits until done says so. It is asked at once, whenever something has
// happened, and now and then: an end that came before the stream of events was
// open, or while it was broken, is seen all the same. Events since a time, by the
// clock of rota, are passed to heard first.
func (o *operator) watch(ctx context.Context, since time.Time, heard func(*api.Event) error, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	news := make(chan *api.Event)
	f := &follower{client: o.client, asked: api.Asked{Since: since, Follow: true}, each: func(e *api.Event) error {
		select {
		case news <- e:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	// Its end is no end of the waiting: done is asked all the same.
	go f.run(ctx)
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var lost time.Time
	for {
		over, err := done(ctx)
		var unreachable *api.Unreachable
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case over:
			return nil
		case errors.As(err, &unreachable) && lost.IsZero():
			lost = time.Now()
		case errors.As(err, &unreachable) && time.Since(lost) < absence:
		case err != nil:
			return err
		default:
			lost = time.Time{}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		case e := <-news:
			if err := heard(e); err != nil {
				return err
			}
		}
	}
}

// timedOut is the error of a wait that took too long; others stay as they are.
func (w *waiting) timedOut(err error, what, goesOn string) error {
	if !errors.Is(err, errWaitOver) {
		return err
	}
	return &ExitError{exitTimedOut, fmt.Errorf("%s not over after %s: it goes on (%s)", what, formatDuration(w.timeout), goesOn)}
}

// unanswered is the error of a question that took too long.
func (w *waiting) unanswered(err error) error {
	if !errors.Is(err, errWaitOver) {
		return err
	}
	return &ExitError{exitTimedOut, fmt.Errorf("no answer within %s: what was asked for may have begun (see rota status)", formatDuration(w.timeout))}
}

// tell prints a line.
func (o *operator) tell(format string, args ...any) error {
	if _, err := fmt.Fprintf(o.screen.out, format+"\n", args...); err != nil {
		return fmt.Errorf("cannot write: %w", err)
	}
	return nil
}

// worry prints an event that may be why a wait takes long.
func (o *operator) worry(e *api.Event) error {
	if e.Level != "warn" && e.Level != "error" {
		return nil
	}
	return o.tell("%s", view.Event(e, o.screen.options()))
}
