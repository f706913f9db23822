package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rota/supervisor/admin/api"
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
			return o.client.HistoryCSV(ctx, from, o.screen.out)
		}
		h, err := o.history(ctx, from)
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

// history is what is drawn in a terminal: no finer than that can show, since a day
// of a large pool, second by second, is many megabytes.
func (o *operator) history(ctx context.Context, since time.Time) (*api.History, error) {
	status, err := o.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	from := since
	if from.Before(status.StartedAt) {
		from = status.StartedAt
	}
	var step time.Duration
	switch span := time.Since(from); {
	case span > 3*time.Hour:
		step = time.Minute
	case span > 15*time.Minute:
		step = 10 * time.Second
	}
	return o.client.History(ctx, since, step)
}
