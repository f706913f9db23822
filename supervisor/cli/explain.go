package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rota/supervisor/cli/view"
)

func newExplain() *cobra.Command {
	slot := 0
	return newOperator(&cobra.Command{
		Use:   "explain SLOT [flags]",
		Short: "say what would replace a worker, and what holds that back",
		Long: `rota explain shows everything that could cycle the worker of a slot: how far it
is from each of them, which are off, when one is expected, and what holds a
cycle back that is due: another one under way, a pause after cycles that did not
help, memory that a second worker does not fit into.`,
		Example: "  rota explain 0\n" +
			"  for slot in 0 1 2; do rota explain $slot; done",
		Args: slotArgument(&slot, "rota explain 0"),
	}, func(ctx context.Context, o *operator, _ []string) error {
		e, err := o.client.Explain(ctx, slot)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(o.screen.out, view.Explanation(e, time.Now(), o.screen.options()))
		return err
	})
}
