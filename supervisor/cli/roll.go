package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

// rollDone is the result of a roll that has replaced every worker.
const rollDone = "done"

func newRoll() *cobra.Command {
	w := &waiting{}
	cmd := newOperator(&cobra.Command{
		Use:   "roll [flags]",
		Short: "replace every worker of a running pool, one after another",
		Long: `rota roll has a running pool read its configuration again and replace every
worker, one after another, as SIGHUP does, and prints the number of the roll.
With --wait it ends with 0 once all are replaced, 1 if the roll failed, was
aborted or was superseded by another, 124 if --timeout has passed: the roll
goes on then.`,
		Example: "  rota roll --wait --timeout 5m\n  rota roll pause\n  rota roll abort\n  rota roll history",
		Args:    noArguments,
	}, func(ctx context.Context, o *operator, _ []string) error {
		ctx, cancel := w.context(ctx)
		defer cancel()
		begun, err := o.client.Roll(ctx)
		if err != nil {
			return w.unanswered(err)
		}
		if err := o.tell("roll %d", begun.ID); err != nil || !w.wait {
			return err
		}
		return o.waitForRoll(ctx, w, begun.ID)
	})
	w.add(cmd, "every worker is replaced")
	cmd.AddCommand(newRollStatus(),
		changeRoll("pause", "begin no more cycles of the roll under way", (*api.Client).PauseRoll),
		changeRoll("resume", "go on with a roll that was paused", (*api.Client).ResumeRoll),
		changeRoll("abort", "end the roll under way; who was replaced stays so", (*api.Client).AbortRoll),
		newRollHistory())
	return cmd
}

// waitForRoll shows how far a roll is until it has ended.
func (o *operator) waitForRoll(ctx context.Context, w *waiting, id int) error {
	var last api.Roll
	known := false
	progress := func(ctx context.Context) (bool, error) {
		rolls, err := o.client.Rolls(ctx)
		if err != nil {
			return false, err
		}
		r := findRoll(rolls, id)
		if r == nil {
			return false, fmt.Errorf("rota does not know roll %d any more: see rota roll history", id)
		}
		if !known || r.Replaced != last.Replaced || r.Paused != last.Paused || r.EndedAt != nil {
			if err := o.tell("%s", view.Progress(r, time.Now())); err != nil {
				return false, err
			}
		}
		last, known = *r, true
		return r.EndedAt != nil, nil
	}
	err := o.watch(ctx, time.Now(), o.worry, progress)
	what := fmt.Sprintf("roll %d is", id)
	if known {
		what = fmt.Sprintf("roll %d, with %d of %d workers replaced, is", id, last.Replaced, last.Total)
	}
	if err != nil {
		return w.timedOut(err, what, "rota roll status, rota roll abort")
	}
	if last.Result != rollDone {
		return &ExitError{exitRefused, errors.New(strings.TrimSuffix(fmt.Sprintf("roll %d was not carried out: %s: %s", id, last.Result, view.Clean(last.Why)), ": "))}
	}
	return nil
}

// findRoll is the roll of a number; nil if it is not known.
func findRoll(rolls *api.Rolls, id int) *api.Roll {
	if rolls.Current != nil && rolls.Current.ID == id {
		return rolls.Current
	}
	for i := range rolls.History {
		if rolls.History[i].ID == id {
			return &rolls.History[i]
		}
	}
	return nil
}

func newRollStatus() *cobra.Command {
	return newOperator(&cobra.Command{
		Use: "status [flags]", Short: "show how far the roll is, or how the last one ended",
		Example: "  rota roll status", Args: noArguments,
	}, func(ctx context.Context, o *operator, _ []string) error {
		rolls, err := o.client.Rolls(ctx)
		if err != nil {
			return err
		}
		r := rolls.Current
		if r == nil && len(rolls.History) > 0 {
			r = &rolls.History[0]
		}
		if r == nil {
			return o.tell("there was no roll yet")
		}
		_, err = fmt.Fprint(o.screen.out, view.Roll(r, time.Now(), o.screen.options()))
		return err
	})
}

func newRollHistory() *cobra.Command {
	return newOperator(&cobra.Command{
		Use: "history [flags]", Short: "list the last rolls and how they ended",
		Example: "  rota roll history", Args: noArguments,
	}, func(ctx context.Context, o *operator, _ []string) error {
		rolls, err := o.client.Rolls(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(o.screen.out, view.Rolls(rolls, time.Now(), o.screen.options()))
		return err
	})
}

// changeRoll makes a command that changes the roll under way.
func changeRoll(name, short string, change func(*api.Client, context.Context) (*api.Roll, error)) *cobra.Command {
	return newOperator(&cobra.Command{
		Use: name + " [flags]", Short: short, Example: "  rota roll " + name, Args: noArguments,
	}, func(ctx context.Context, o *operator, _ []string) error {
		r, err := change(o.client, ctx)
		if err != nil {
			return err
		}
		return o.tell("%s", view.Progress(r, time.Now()))
	})
}
