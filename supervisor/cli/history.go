package cli

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"rota/supervisor/cli/view"
)

func newHistory() *cobra.Command {
	csv, since := false, time.Duration(0)
	cmd := newOperator(&cobra.Command{
		Use:   "history [flags]",
		Short: "show the memory of a running pool over time",
		Long: `rota history shows each slot's private memory over time, all to one scale, with
its least and most, and the cycles within that time. rota keeps the last hours,
the last minutes finely. --csv is all of it for a spreadsheet, in bytes.`,
		Example: "  rota history --since 30m\n  rota history --csv > memory.csv",
		Args:    noArguments,
	}, func(ctx context.Context, o *operator, _ []string) error {
		var from time.Time
		if since > 0 {
			from = time.Now().Add(-since)
		}
		if csv {
			query := url.Values{"format": {"csv"}}
			if !from.IsZero() {
				query.Set("since", from.Format(time.RFC3339Nano))
			}
			return o.client.Copy(ctx, o.screen.out, "/v1/history?"+query.Encode())
		}
		h, err := o.client.History(ctx, from)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(o.screen.out, view.History(h, o.screen.options()))
		return err
	})
	cmd.Flags().BoolVar(&csv, "csv", false, "every point, as comma-separated values")
	cmd.Flags().Var(spanValue{&since}, "since", "only the time since then, like 30m (all that is kept)")
	return cmd
}
