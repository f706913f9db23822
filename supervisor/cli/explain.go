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
		Short: "say what would replace a worker, how far it is from that, and what holds it back",
		Example: "  rota explain 2\n" +
			"  for slot in 0 1 2; do rota explain $slot; done",
		Args: slotArgument(&slot, "rota explain 2"),
	}, func(ctx context.Context, o *operator, _ []string) error {
		e, err := o.client.Explain(ctx, slot)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(o.screen.out, view.Explanation(e, time.Now(), o.screen.options()))
		return err
	})
}
