package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

func newCycle() *cobra.Command {
	w := &waiting{}
	slot := 0
	cmd := newOperator(&cobra.Command{
		Use:   "cycle SLOT [flags]",
		Short: "replace one worker of a running pool",
		Long: `rota cycle replaces the worker of a slot: a fresh one starts, and once it is
ready the old one drains and ends. With --wait it ends with 0 once that is over,
1 if the fresh worker did not get ready and the old one stays, 124 if --timeout
has passed: the cycle goes on then.`,
		Example: "  rota cycle 0\n  rota cycle 1 --wait --timeout 1m",
		Args:    slotArgument(&slot, "rota cycle 0"),
	}, func(ctx context.Context, o *operator, _ []string) error {
		ctx, cancel := w.context(ctx)
		defer cancel()
		before, err := o.client.Status(ctx)
		if err == nil {
			err = o.client.Cycle(ctx, slot)
		}
		if err != nil {
			return w.unanswered(err)
		}
		if err := o.tell("cycle of slot %d asked for", slot); err != nil || !w.wait {
			return err
		}
		return o.waitForCycle(ctx, w, slot, before)
	})
	w.add(cmd, "the worker is replaced")
	return cmd
}

// slotArgument takes the number of a slot, and nothing else.
func slotArgument(slot *int, example string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := oneArgument("SLOT", example)(cmd, args); err != nil {
			return err
		}
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 0 {
			return usage(fmt.Errorf("%q is no slot: want its number, from 0, as in %s (see rota status)", args[0], example))
		}
		*slot = n
		return nil
	}
}

// waitForCycle waits until none of the workers that a slot had before is there
// any more, and another is ready in their place.
func (o *operator) waitForCycle(ctx context.Context, w *waiting, slot int, before *api.Status) error {
	old := map[uint64]bool{}
	for i := range before.Workers {
		old[before.Workers[i].ID] = before.Workers[i].Slot == slot
	}
	heard := func(e *api.Event) error {
		if e.Slot == nil || *e.Slot != slot {
			return nil
		}
		if e.Kind == "cycle failed" {
			return &ExitError{exitRefused, fmt.Errorf("the worker of slot %d was not replaced: %s", slot, view.Clean(e.Message+e.Reason))}
		}
		return o.tell("%s", view.Event(e, o.screen.options()))
	}
	var fresh *api.Worker
	replaced := func(ctx context.Context) (bool, error) {
		s, err := o.client.Status(ctx)
		if err != nil {
			return false, err
		}
		fresh = nil
		for i := range s.Workers {
			switch w := &s.Workers[i]; {
			case old[w.ID]:
				return false, nil
			case w.Slot == slot && w.State == "ready":
				fresh = w
			}
		}
		return fresh != nil, nil
	}
	if err := o.watch(ctx, before.Time, heard, replaced); err != nil {
		return w.timedOut(err, fmt.Sprintf("the cycle of slot %d is", slot), fmt.Sprintf("rota status, rota explain %d", slot))
	}
	return o.tell("slot %d: pid %d is ready, generation %d", slot, fresh.PID, fresh.Generation)
}
